"""Indicators and evaluations in the read model: what is kept, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import create_engine, select

from contracts import facts
from contracts import read_model as model
from sinks.read_model import ReadModel
from sinks.read_model_rows import Gathered
from tests.sinks.facts_builders import engine

EXAMPLES = Path(__file__).parents[1] / "contracts" / "examples"
HOUR = 3600 * 1_000_000_000


def example(kind: str, **changes: Any) -> facts.AnyFact:
    stored: facts.AnyFact = facts.decode_fact((EXAMPLES / f"{kind}.json").read_bytes())
    return msgspec.structs.replace(stored, **changes)


def written(tmp_path: Path, *told: facts.AnyFact, prune: bool = False) -> str:
    url = f"sqlite:///{tmp_path / 'read_model.db'}"
    read_model = ReadModel(url)
    batch = Gathered()
    for fact in told:
        batch.take(fact, facts.encode_fact(fact))
    read_model.write(batch, {}, {})
    if prune:
        read_model.prune(7.0)
    read_model.close()
    return url


def rows(url: str, table: Any) -> list[dict[str, Any]]:
    with create_engine(url).connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_indicators_are_a_row_per_coin_and_bar_and_a_second_telling_changes_nothing(tmp_path: Path) -> None:
    fact = example("IndicatorValues")
    assert isinstance(fact, facts.IndicatorValues)
    found = rows(written(tmp_path, fact, fact), model.indicators)
    assert [row["symbol"] for row in found] == fact.symbols
    assert [row["rsi"] for row in found] == fact.rsi
    assert {row["ts_open"] for row in found} == {fact.ts_open}


def test_the_past_of_a_chart_fills_in_and_leaves_what_was_written_as_bars_closed(tmp_path: Path) -> None:
    past = example("IndicatorHistory")
    assert isinstance(past, facts.IndicatorHistory)
    values = example("IndicatorValues", symbols=[past.symbol], **{name: [1.0] for name in facts.INDICATORS})
    first, second = past.ts_open
    forming = msgspec.structs.replace(values, id="forming", ts_open=first, closed=False)
    closed = msgspec.structs.replace(values, id="closed", ts_open=second)
    found = {row["ts_open"]: row for row in rows(written(tmp_path, forming, closed, past), model.indicators)}
    assert found[second]["rsi"] == 1.0
    assert found[first]["rsi"] == past.rsi[0]
    assert found[first]["closed"]


def test_a_wait_is_kept_for_hours_and_what_led_to_a_decision_for_days(tmp_path: Path) -> None:
    state = engine(0)
    market, now = state.market, state.ts_event
    told = [
        example("Signal", id="old-wait", action="wait", market=market, ts_event=now - 13 * HOUR),
        example("Signal", id="new-wait", action="wait", market=market, ts_event=now - 11 * HOUR),
        example("Signal", id="entry", action="long", market=market, ts_event=now - 13 * HOUR),
        example("Signal", id="old-entry", action="long", market=market, ts_event=now - 8 * 24 * HOUR),
    ]
    url = written(tmp_path, state, *told, prune=True)
    assert {row["id"] for row in rows(url, model.signal_history)} == {"new-wait", "entry"}
    assert len(rows(url, model.signals)) == 1
