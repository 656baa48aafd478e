"""The whole-market ticker array: no mutation of it raises, loses a clean neighbour, or passes without a count."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Tickers, decode_event, encode_event
from tests.recorded import recorded
from tests.venues.ticker_mutations import derived_arrays, mutate_run
from venues.binance.frames import FrameReader
from venues.binance.tickers import TickerReader, TickerReading

NOW = 1_700_000_000_500_000_000
MS = 1_700_000_000_000


def keep_all(symbol: str) -> bool:
    return True


def row(symbol: str = "AUSDT", **over: Any) -> dict[str, Any]:
    base = {"e": "24hrMiniTicker", "E": MS, "s": symbol, "c": "2", "o": "1", "h": "3", "l": "0.5", "v": "10", "q": "20"}
    return {**base, **over}


def read(*rows: Any) -> TickerReading:
    return TickerReader(lambda symbol: symbol.endswith("USDT")).read(json.dumps(rows).encode(), NOW)


def test_a_clean_array_is_read_whole() -> None:
    got = read(row(), row("BUSDT", E=MS + 5), row("CBTC"))
    assert got.rows == [
        ("AUSDT", MS * 10**6, 2.0, 1.0, 3.0, 0.5, 10.0, 20.0),
        ("BUSDT", (MS + 5) * 10**6, 2.0, 1.0, 3.0, 0.5, 10.0, 20.0),
    ]
    assert (got.read, got.dropped, got.repaired, got.filtered, got.dirt) == (3, 0, 0, 1, None)
    assert got.newest == (MS + 5) * 10**6


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("text", "item is no object but a string"),
        (None, "item is no object but null"),
        ([], "item is no object but a list"),
        (5, "item is no object but a number"),
        ({}, "symbol missing"),
        (row(s=7), "symbol missing"),
        (row(s=""), "symbol missing"),
        (row(s="A" * 41), "symbol missing"),
        (row(s='A"USDT'), "symbol missing"),
        (row(c="nan"), "close is no finite number"),
        (row(c=math.nan), "close is no finite number"),
        (row(c="Infinity"), "close is no finite number"),
        (row(c=1e308 * 10), "close is no finite number"),
        (row(c="1e30"), "close is too large"),
        (row(c=None), "close is no finite number"),
        (row(c=True), "close is no finite number"),
        (row(c="0.000"), "close is zero"),
        (row(c=0), "close is zero"),
        (row(c="-2"), "close is negative"),
        (row(c="1_0"), "close is no finite number"),
        (row(h={}), "high is no finite number"),
        (row(q="-0.1"), "quote volume is negative"),
        (row(v="١"), "base volume is no finite number"),
    ],
)
def test_a_bad_row_is_dropped_and_costs_its_neighbours_nothing(bad: Any, said: str) -> None:
    got = read(row("AUSDT"), bad, row("BUSDT"))
    assert [r[0] for r in got.rows] == ["AUSDT", "BUSDT"]
    assert (got.read, got.dropped, got.repaired, got.filtered) == (3, 1, 0, 0)
    assert got.dirt is not None
    assert said in got.dirt.reason


@pytest.mark.parametrize("stamp", [None, 0, -5, "soon", 17, MS * 10**6, 4.5e15, {}, True, math.nan])
def test_a_bad_event_time_becomes_the_receive_time(stamp: Any) -> None:
    got = read(row("AUSDT", E=stamp), row("BUSDT"))
    assert [(r[0], r[1]) for r in got.rows] == [("AUSDT", NOW), ("BUSDT", MS * 10**6)]
    assert (got.dropped, got.repaired) == (0, 1)
    assert got.dirt is not None


def test_a_missing_event_time_becomes_the_receive_time() -> None:
    without = row()
    del without["E"]
    assert read(without).rows[0][1] == NOW


def test_microseconds_are_understood_by_their_size() -> None:
    assert read(row(E=MS * 1000 + 7)).rows[0][1] == MS * 10**6 + 7000
    mixed = read(row(E=MS * 1000), row(E=MS))
    assert [r[1] for r in mixed.rows] == [MS * 10**6, MS * 10**6]


@pytest.mark.parametrize("payload", [b"{}", b'"x"', b"null", b"1", b"", b"[1", b"[[[[", b"\xff"])
def test_a_payload_that_is_no_list_is_dirt(payload: bytes) -> None:
    got = TickerReader(keep_all).read(payload, NOW)
    assert got.rows == []
    assert got.dirt is not None


def test_a_flood_of_invented_symbols_does_not_grow_the_memory() -> None:
    reader = TickerReader(keep_all)
    for start in range(0, 60_000, 1000):
        reader.read(json.dumps([row(f"S{i}USDT") for i in range(start, start + 1000)]).encode(), NOW)
    assert len(reader._known) <= 20_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("esEcohlvq"), inner, max_size=4),
    max_leaves=8,
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "E": st.just(MS) | JSON,
        "s": st.just("AUSDT") | st.text(max_size=45) | JSON,
        **{key: st.just("1.5") | st.floats().map(str) | JSON for key in "cohlvq"},
    },
)


@given(st.lists(ROW | JSON, max_size=6) | JSON)
@settings(max_examples=400, deadline=None)
def test_any_json_in_place_of_the_array_is_accounted_for(payload: Any) -> None:
    frame = json.dumps({"stream": "!miniTicker@arr", "data": payload}).encode()
    check(FrameReader(keep_all), frame)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_accounted_for(frame: bytes) -> None:
    check(FrameReader(keep_all), frame)


def check(reader: FrameReader, frame: bytes) -> None:
    reading = reader.read(frame, NOW)
    fates = [reading.event is not None, reading.control is not None, reading.shutdown, reading.filtered]
    assert sum(fates) == 1 or (not any(fates) and reading.dirt is not None)
    if isinstance(reading.event, Tickers):
        assert decode_event(encode_event(reading.event)) == reading.event
        assert all(math.isfinite(value) for r in reading.event.rows for value in r[1:])
    if reading.tickers is not None:
        got = reading.tickers
        assert got.read == len(got.rows) + got.dropped + got.filtered


def test_a_hundred_thousand_mutations_of_derived_arrays_are_fully_counted() -> None:
    source = recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet")
    arrays = derived_arrays(pl.read_parquet(source, n_rows=200_000), count=40, symbols=12)
    told = mutate_run(arrays, count=100_000, seed=20260402)
    assert told.frames == 100_000
    assert told.frames == told.published + told.dirty + told.filtered + told.control
    assert told.rows == told.rows_kept + told.rows_dropped + told.rows_filtered
    assert told.rows_dropped > 10_000
    assert told.rows_repaired > 1_000
    assert told.published > 30_000
