"""The page *Why*: ids and coins answered in words from the read model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from cockpit import asking, serve, why_queries
from contracts import read_model as model
from contracts.settings import Settings
from tests.cockpit.seeding import MARKET, NANOS, SYMBOLS, Seeding

HELD, CLOSED = SYMBOLS[0], SYMBOLS[3]


def opened(question: str = "", language: str = "en", at: str = "") -> AppTest:
    app = AppTest.from_file(str(serve.HERE / "app.py"), default_timeout=30)
    app.session_state["language"] = language
    app.session_state[asking.ASKED] = question
    app.session_state["why_time"] = at
    app.run()
    return app.switch_page("views/why.py").run()


def blocks(app: AppTest) -> list[dict[str, Any]]:
    return [
        block
        for component in app.get("bidi_component")
        if component.proto.json
        for block in json.loads(component.proto.json).get("blocks", [])
    ]


def story(app: AppTest) -> dict[str, list[str]]:
    told = next(block for block in blocks(app) if block["kind"] == "card")
    return {section["label"]: [item["text"] for item in section["items"]] for section in told["sections"]}


def first(seeding: Seeding, column: Any, *where: Any) -> str:
    with seeding.engine.connect() as connection:
        return str(connection.execute(select(column).where(*where)).scalar())


def test_a_coin_is_answered_with_its_newest_evaluation(settings: Settings, seeding: Seeding) -> None:
    app = opened(SYMBOLS[9])
    assert not app.exception
    told = story(app)
    assert SYMBOLS[9] in told["What was seen"][0]
    assert told["Checks"][0].startswith("Gates passed")
    assert any(line.startswith("Gate not passed: ") for line in told["Checks"])
    assert told["What came of it"] == ["Nothing was decided, so nothing was sent"]


def test_decision_order_and_position_lead_to_the_same_story(settings: Settings, seeding: Seeding) -> None:
    of_coin = model.positions.c.symbol == CLOSED
    position = first(seeding, model.positions.c.position_id, of_coin)
    order = first(seeding, model.orders.c.client_order_id, model.orders.c.symbol == CLOSED)
    decision = first(seeding, model.decisions.c.id, model.decisions.c.symbol == CLOSED)
    stories = [story(opened(key)) for key in (position, order, decision)]
    assert stories[0] == stories[1] == stories[2]
    assert any("was closed at" in line for line in stories[0]["What came of it"])


def test_the_story_is_told_in_chinese(settings: Settings, seeding: Seeding) -> None:
    told = story(opened(SYMBOLS[9], "zh"))
    assert any("未通过的关卡" in line for line in told["检查"])


def test_a_coin_can_be_asked_as_of_a_time(settings: Settings, seeding: Seeding) -> None:
    before = seeding.now
    seeding.second(before + 60 * NANOS)
    newest = why_queries.explain(settings.read_model.url, MARKET, SYMBOLS[9], None)
    earlier = why_queries.explain(settings.read_model.url, MARKET, SYMBOLS[9], before)
    assert newest is not None
    assert newest.signal is not None
    assert newest.signal.ts_event == before + 60 * NANOS
    assert earlier is not None
    assert earlier.signal is not None
    assert earlier.signal.ts_event == before


@pytest.mark.parametrize(("question", "at"), [("NOSUCH", ""), (SYMBOLS[9], "half past nine")])
def test_what_is_not_known_is_said_calmly(settings: Settings, seeding: Seeding, question: str, at: str) -> None:
    app = opened(question, at=at)
    assert not app.exception
    notice = next(block for block in blocks(app) if block["kind"] == "notice")
    assert (at or question) in notice["title"]


def test_times_are_read_in_the_readers_zone() -> None:
    noon = 1_700_000_000 * NANOS
    assert why_queries.parse_at("", "UTC", noon) is None
    assert why_queries.parse_at("2023-11-14 22:13:20", "UTC", 0) == noon + NANOS - 1
    assert why_queries.parse_at("06:13:20", "Asia/Shanghai", noon) == noon + NANOS - 1
