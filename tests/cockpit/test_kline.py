from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import pytest
import streamlit as st
from sqlalchemy import delete, insert, select

from cockpit import kline, queries
from contracts import read_model as model
from contracts.settings import Settings
from tests.cockpit.seeding import MARKET, SYMBOLS, Seeding

Ask: TypeAlias = Callable[..., dict[str, Any]]

HELD, OTHER = SYMBOLS[0], SYMBOLS[1]
ZONE = "Asia/Shanghai"


@pytest.fixture
def ask(settings: Settings, seeding: Seeding):
    def message(
        session: dict[str, Any], symbol: str = HELD, interval: str = "1m", lines: Iterable[dict[str, Any]] = ()
    ):
        queries.newest_bars.clear()
        queries.fills.clear()
        return kline.message(session, settings.read_model.url, MARKET, symbol, interval, list(lines), ZONE)

    return message


def test_history_comes_once_then_deltas(ask: Ask):
    session = {}
    first, second = ask(session), ask(session)
    assert len(first["history"]) > 500
    assert len(first["fills"]) == 2
    assert second["history"] is None
    assert len(second["bars"]) == kline.DELTA_BARS
    assert second["fills"] == []
    assert second["after"] == first["sequence"] == second["sequence"]


def test_a_new_fill_travels_once_and_joins_the_sequence(ask: Ask, seeding: Seeding):
    session = {}
    first = ask(session)
    seeding.fill_now(HELD, "sell")
    delta, quiet = ask(session), ask(session)
    assert [fill["side"] for fill in delta["fills"]] == ["sell"]
    assert delta["after"] == first["sequence"] < delta["sequence"]
    assert quiet["fills"] == []


def test_another_coin_or_interval_starts_with_history(ask: Ask):
    session = {}
    ask(session)
    assert ask(session, OTHER)["history"] is not None
    assert ask(session, OTHER, "5m")["history"] is not None
    assert ask(session, OTHER, "5m")["history"] is None


def test_a_chart_that_lost_its_place_gets_history_again(ask: Ask):
    session = {}
    ask(session)
    del session["kline_sent"]
    assert ask(session)["history"] is not None


def test_times_are_shifted_to_the_shown_zone(ask: Ask):
    message = ask({})
    assert message["shift"] == 8 * 3600


def test_an_open_position_gives_its_lines(settings: Settings, seeding: Seeding):
    position = next(row for row in queries.open_positions(settings.read_model.url, MARKET) if row["symbol"] == HELD)
    lines = kline.position_lines(position)
    assert [line["look"] for line in lines] == ["entry", "stop", "target", "target", "target"]
    assert lines[1]["price"] < lines[0]["price"] < lines[2]["price"]
    assert kline.position_lines(None) == []


def test_a_coin_without_bars_gives_an_empty_history(ask: Ask):
    message = ask({}, "NOSUCHUSDT")
    assert message["history"] == []
    assert message["fills"] == []


def test_chosen_indicators_come_whole_then_as_deltas_and_whole_again_when_the_choice_changes(
    settings: Settings, seeding: Seeding
):
    def ask(*shown: str):
        return kline.message(session, settings.read_model.url, MARKET, HELD, "1m", [], ZONE, shown)

    session: dict[str, Any] = {}
    first, second, third = ask("rsi", "ema"), ask("ema", "rsi"), ask("ema", "macd")
    assert [pane["columns"] for pane in first["indicators"]["panes"]] == [("rsi",)]
    assert first["indicators"]["whole"]
    assert len(first["indicators"]["rows"]) > 500
    assert {len(row) for row in first["indicators"]["rows"]} == {4}
    assert not second["indicators"]["whole"]
    assert len(second["indicators"]["rows"]) == kline.DELTA_BARS
    assert third["history"] is None
    assert third["indicators"]["whole"]
    assert third["height"] == first["height"] == kline.HEIGHT_PX + kline.PANE_PX
    assert ask()["indicators"]["rows"] == []
    ask("rsi")
    table = model.indicators
    of_chart = (table.c.symbol == HELD) & (table.c.interval == "1m")
    with seeding.engine.begin() as connection:
        stored = connection.execute(select(table).where(of_chart).order_by(table.c.ts_open).limit(20)).mappings().all()
        connection.execute(delete(table).where(of_chart, table.c.ts_open <= stored[-1]["ts_open"]))
    st.cache_resource.clear()
    assert len(ask("rsi")["indicators"]["rows"]) > 500
    assert not ask("rsi")["indicators"]["whole"]
    with seeding.engine.begin() as connection:
        connection.execute(insert(table), [dict(row) for row in stored])  # the desk told the past of the chart
    st.cache_resource.clear()
    assert ask("rsi")["indicators"]["whole"]
