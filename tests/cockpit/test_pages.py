import json

import pytest
from streamlit.testing.v1 import AppTest

from cockpit import queries, serve
from cockpit.counters import counter_name
from contracts import read_model as model
from contracts.reasons import Reason
from contracts.settings import Settings
from tests.cockpit.seeding import MARKET, SYMBOLS, Seeding

PAGES = {
    "market": "What is hot?",
    "discovery": "What is heating up, and why?",
    "coin": "Is this coin worth it?",
    "book": "What did we do",
    "control": "Is the desk healthy",
}


def opened(page: str = "market"):
    for question in (queries.desk, queries.ranking, queries.symbols, queries.signals):
        question.clear()
    app = AppTest.from_file(str(serve.HERE / "app.py"), default_timeout=30)
    if page == "market":
        return app.run()
    app.run()
    return app.switch_page(f"views/{page}.py").run()


def blocks(app: AppTest):
    return [
        block
        for component in app.get("bidi_component")
        if component.proto.json
        for block in json.loads(component.proto.json).get("blocks", [])
    ]


def of_kind(app: AppTest, kind: str):
    return [block for block in blocks(app) if block["kind"] == kind]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_asks_its_question_and_has_strip_and_emergency_button(
    settings: Settings, seeding: Seeding, page: str
):
    app = opened(page)
    assert not app.exception
    assert app.subheader[0].value.startswith(PAGES[page])
    assert of_kind(app, "strip")[0]["state"]["name"] == "Tradeable"
    assert app.button(key="close_all_open").label == "Close all"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_calm_before_the_desk_has_ever_run(settings: Settings, page: str):
    app = opened(page)
    assert not app.exception
    strip = of_kind(app, "strip")[0]
    assert strip["dead"]
    assert strip["state"]["name"] == "No data yet"
    assert "ember up" in strip["state"]["why"]


def test_a_silent_desk_is_called_not_running(settings: Settings, seeding: Seeding):
    seeding.second(seeding.now - 60_000_000_000)
    strip = of_kind(opened(), "strip")[0]
    assert strip["dead"]
    assert strip["state"]["name"] == "Not running"


def test_the_strip_gives_the_reasons_of_the_state(settings: Settings, seeding: Seeding):
    seeding.set_engine("blocked", [Reason("FEED_LOST", {"stream": "tickers", "down_s": 312.0})])
    state = of_kind(opened(), "strip")[0]["state"]
    assert state["name"] == "Blocked"
    assert state["tone"] == "down"
    assert "312" in state["why"]


def test_a_pause_shows_as_paused(settings: Settings, seeding: Seeding):
    seeding.set_engine("blocked", [Reason("PAUSED_BY_COMMAND", {"author": "cockpit:ana"})], paused=True)
    state = of_kind(opened(), "strip")[0]["state"]
    assert state["name"] == "Paused"
    assert "cockpit:ana" in state["why"]


def test_a_pause_does_not_hide_a_fault(settings: Settings, seeding: Seeding):
    reasons = [Reason("PAUSED_BY_COMMAND", {"author": "cockpit:ana"}), Reason("FEED_STALE", {})]
    seeding.set_engine("blocked", reasons, paused=True)
    assert of_kind(opened(), "strip")[0]["state"]["name"] == "Blocked"


def model_card(app: AppTest):
    at = [block.get("text") for block in blocks(app)].index("Model of edge and risk")
    return blocks(app)[at + 1]["sections"]


def test_control_says_how_good_the_model_is(settings: Settings, seeding: Seeding):
    queries.model_health.clear()
    assert "Model of edge and risk" not in [block.get("text") for block in blocks(opened("control"))]
    seeding.set_model("in_force", "good", [])
    queries.model_health.clear()
    [grid] = model_card(opened("control"))
    told = {item["label"]: (item["value"], item["tone"]) for item in grid["items"]}
    assert told["State"] == ("In force", "up")
    assert told["Coverage, risk"] == ("79% / 80%", "")
    assert told["Loss, edge"] == ("0.970", "")
    assert any("without the model 74%" in item["tip"] for item in grid["items"])


def test_control_says_why_a_model_was_withdrawn_or_is_still_learning(settings: Settings, seeding: Seeding):
    seeding.set_model("unhealthy", "bad", [Reason("COVERAGE_OFF", {"side": "risk", "coverage": 0.61, "nominal": 0.8})])
    queries.model_health.clear()
    grid, notes = model_card(opened("control"))
    assert grid["items"][0]["value"] == "Unfit"
    assert [note["text"] for note in notes["items"]] == ["Coverage of risk is 0.61 instead of 0.80"]
    seeding.set_model("learning", "unknown", [Reason("TOO_FEW_SAMPLES", {"samples": 0.0, "needed": 3000.0})])
    queries.model_health.clear()
    grid, notes = model_card(opened("control"))
    assert grid["items"][0]["value"] == "Learning"
    assert [note["text"] for note in notes["items"]] == ["0 of 3000 outcomes learned"]


def test_the_ranking_lists_coins_with_six_scores(settings: Settings, seeding: Seeding):
    table = of_kind(opened(), "table")[0]
    assert len(table["rows"]) == len(SYMBOLS)
    assert len(table["rows"][0]["cells"]) == len(table["columns"])
    assert sum("bar" in cell for cell in table["rows"][0]["cells"] if isinstance(cell, dict)) == 7


def test_the_card_says_why_not(settings: Settings, seeding: Seeding):
    card = of_kind(opened(), "card")[0]
    assert card["action"]["text"] == "WAIT"
    assert card["sections"][0]["items"]


def test_denied_orders_show_their_reason(settings: Settings, seeding: Seeding):
    tables = of_kind(opened("book"), "table")
    orders = next(table for table in tables if "Purpose" in [column["label"] for column in table["columns"]])
    texts = [json.dumps(row["cells"]) for row in orders["rows"]]
    assert any("denied" in text and "BUY_MIN_NOTIONAL" in text for text in texts)


def test_the_pages_speak_chinese(settings: Settings, seeding: Seeding):
    app = AppTest.from_file(str(serve.HERE / "app.py"), default_timeout=30)
    app.query_params["lang"] = "zh"
    queries.desk.clear()
    app.run()
    assert not app.exception
    assert app.subheader[0].value == "现在什么在升温?"
    assert of_kind(app, "strip")[0]["state"]["name"] == "可交易"


def test_controls_are_locked_without_a_password_and_say_how_to_set_one(
    settings: Settings, seeding: Seeding, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv(settings.cockpit.password_env, raising=False)
    app = opened("control")
    assert settings.cockpit.password_env in app.info[0].value
    assert not [button for button in app.button if button.key in {"pause", "resume"} or "close_one" in str(button.key)]


def test_the_password_opens_the_controls(settings: Settings, seeding: Seeding, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(settings.cockpit.password_env, "secret")
    app = opened("control")
    app.text_input(key="name_control").input("ana")
    app.text_input(key="password_control").input("secret")
    app.button(key="FormSubmitter:login_control-Unlock").click().run()
    assert not app.exception
    assert {"pause", "resume", f"close_one_{SYMBOLS[0]}"} <= {button.key for button in app.button}
    assert [card["title"] for card in of_kind(app, "card") if card["title"]] == [SYMBOLS[0]]  # what would be closed, and why it was opened


def test_an_empty_market_says_so(settings: Settings, seeding: Seeding):
    seeding.clear(model.candidates)
    app = opened()
    assert not app.exception
    assert of_kind(app, "table")[0]["rows"] == []


def test_the_page_stays_with_its_coin_when_the_ranking_moves(settings: Settings, seeding: Seeding):
    app = opened()
    before = of_kind(app, "card")[0]["title"]
    other = next(symbol for symbol in SYMBOLS if symbol != before)
    seeding.heat[other] = 99.0
    seeding.second(seeding.now + 1_000_000_000)
    queries.ranking.clear()
    app.run()
    table = of_kind(app, "table")[0]
    assert table["rows"][0]["key"] == other
    assert of_kind(app, "card")[0]["title"] == before


def test_the_book_draws_equity_with_one_point_a_second_at_most(settings: Settings, seeding: Seeding):
    rows = queries.equity_curve(settings.read_model.url, MARKET, 600)
    app = opened("book")
    assert not app.exception
    sent = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    (drawn,) = [data for data in sent if "points" in data]
    times = [at for at, _ in drawn["points"]]
    assert times == sorted(set(times))
    assert drawn["points"][-1][1] == rows[-1]["equity"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rows.trade", "Trades read"),
        ("recent.latency_ms", "Latency, ms, last 5 min"),
        ("denied.COOLDOWN", "Denied: Cooling down"),
        ("denied_symbol.BTCUSDT", "Denied: BTCUSDT"),
        ("something.new", "something new"),
    ],
)
def test_counters_are_told_in_words(name: str, shown: str):
    assert counter_name(name).startswith(shown)
