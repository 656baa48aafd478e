"""Bytes to columns: the fast parser and the JSON decoder must agree to the last bit."""

from __future__ import annotations

import json
import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts import events
from contracts.events import decode_event, encode_event
from contracts.facts import DeadLetter, encode_fact
from contracts.settings import DeskSettings
from operators import parser
from operators.cut import Cut, CutState
from operators.slices import ColumnBatch, Kind, RawBatch, Slice
from tests.builders import instruments, market_log, quote, tickers, trade

DESK = DeskSettings()


def read(log: list[bytes], state: CutState | None = None) -> Slice:
    cut = Cut(DESK, "m", 3)
    return cut.read(state or cut.start(), RawBatch(np.arange(len(log), dtype=np.int64), log))


def spaced(message: bytes) -> bytes:
    """The same JSON in a form that only the decoder reads."""
    return json.dumps(msgspec.json.decode(message)).encode()


numbers = st.one_of(
    st.floats(1e-12, 1e15, allow_nan=False),
    st.integers(1, 10**9).map(lambda n: n / 10**8),
    st.integers(1, 10**17).map(lambda n: n / 10**8),
    st.sampled_from([1e22, 1e23, 5e-324, 1.7976931348623157e308, 9007199254740993.0, 0.1, 1e-7, 123456789.12345678]),
)


@hypothesis_settings(max_examples=300, deadline=None)
@given(price=numbers, quantity=numbers, number=st.integers(-(2**53), 2**53), ts=st.integers(0, 2**62))
def test_parser_reads_every_number_as_the_decoder_does(price: float, quantity: float, number: int, ts: int) -> None:
    message = encode_event(
        events.Trade(ts_recv=ts, symbol="AUSDT", price=price, quantity=quantity, side=-1, trade_id=number, ts_event=ts)
    )
    ticks = read([message]).ticks
    assert (float(ticks.v0[0]), float(ticks.v1[0]), float(ticks.v3[0])) == (price, quantity, float(number))
    assert (int(ticks.ts_event[0]), int(ticks.ts_recv[0])) == (ts, ts)


@hypothesis_settings(max_examples=500, deadline=None)
@given(text=st.from_regex(r"\A(0|[1-9][0-9]{0,19})(\.[0-9]{1,20})?([eE][+-]{0,2}[0-9]{1,2})?\Z"))
def test_parser_reads_any_spelling_of_a_number_or_leaves_it(text: str) -> None:
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    value, end = parser._number(raw, 0, len(raw))
    if end >= 0:
        assert end == len(text)
        assert value == float(text)


def test_both_paths_give_equal_columns() -> None:
    log = [m for m in market_log(60) if m.startswith(b'{"type"')]
    fast, slow = read(log), read([spaced(m) for m in log])
    for column in ("offset", "kind", "symbol", "ts_event", "ts_recv", "v0", "v1", "v2", "v3"):
        assert np.array_equal(getattr(fast.ticks, column), getattr(slow.ticks, column)), column
    assert fast.counters == slow.counters
    assert fast.symbols == slow.symbols
    assert fast.events == slow.events


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"type":"unknown","ts_recv":1}',
        trade().replace(b"100.0", b"-1.0"),
        trade().replace(b"100.0", b"0.0"),
        trade().replace(b"100.0", b"NaN"),
        trade().replace(b"100.0", b"1e999"),
        trade().replace(b'"side":1', b'"side":2'),
        trade().replace(b"AAAUSDT", b""),
        trade().replace(b"AAAUSDT", b"A" * 41),
        trade().replace(b"100.0", b"1e+-5"),
        trade().replace(b'"trade_id":1', b'"trade_id":1' + b"0" * 400),
        trade().replace(b"}", b',"more":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        b'{"type":"heartbeat","ts_recv":1,"sequence":' + b"9" * 400 + b"}",
        instruments(["AAAUSDT"], tick_size="abc"),
        instruments(["AAAUSDT"], tick_size="NaN"),
        instruments(["AAAUSDT", "BBBUSDT"], lot_size="-1"),
        trade()[:-1],
        trade() + b"}",
        tickers(0, [("AAAUSDT", 1.0, 1.0)]).replace(b"]]", b"]"),
        tickers(0, [("AAAUSDT", 1.0, 1.0), ("BBBUSDT", 1.0, 1.0)]).replace(b"BBBUSDT", b"B\\q"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_and_the_walk_goes_on(raw: bytes) -> None:
    piece = read([trade(0.1), raw, quote(0.2)])
    assert [placed.fact.raw for placed in piece.facts if hasattr(placed.fact, "raw")] == [raw]
    assert piece.ticks.kind.tolist() == [Kind.TRADE, Kind.QUOTE]
    assert piece.counters["undecodable"] == 1


def test_a_dead_letter_is_never_larger_than_what_a_broker_takes() -> None:
    raw = b'{"type":"trade","more":"' + b"x" * 990_000
    (placed,) = read([raw]).facts
    assert isinstance(placed.fact, DeadLetter)
    assert placed.fact.raw == raw[:500_000]
    assert placed.fact.reason.endswith(f"(the first 500000 of {len(raw)} bytes)")
    assert len(encode_fact(placed.fact)) < 1_000_000


def test_unknown_fields_are_skipped() -> None:
    piece = read([trade().replace(b"}", b',"more":[1,2]}')])
    assert len(piece.ticks) == 1
    assert not piece.facts


def test_symbols_are_numbered_by_first_appearance_also_where_a_message_fails_halfway() -> None:
    bad = tickers(0, [("CCCUSDT", 1.0, 1.0), ("DDDUSDT", 1.0, 1.0)]).replace(b"DDDUSDT", b"DDD\\u0055SDT")
    piece = read([trade(symbol="AAAUSDT"), bad, trade(symbol="EEEUSDT"), trade(symbol="CCCUSDT")])
    assert piece.symbols == ["AAAUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT"]
    assert piece.ticks.symbol.tolist() == [0, 1, 2, 3, 1]


def test_names_outside_ascii_are_read() -> None:
    piece = read([trade(symbol="币安人生USDT"), trade(symbol="AUSDT")])
    assert piece.symbols == ["币安人生USDT", "AUSDT"]


def test_more_symbols_than_there_was_room_for() -> None:
    names = [f"S{n}USDT" for n in range(2000)]
    log = [trade(symbol=name) for name in names[:300]] + [tickers(0, [(name, 1.0, 1.0) for name in names])]
    state = Cut(DESK, "m", 0).start()
    piece = read(log, state)
    assert piece.symbols == names
    assert CutState.load(state.dump()).ids == state.ids
    again = read([trade(symbol=names[1234])], CutState.load(state.dump()))
    assert again.ticks.symbol.tolist() == [1234]


def test_columns_of_an_archive_give_the_same_slice_as_the_bytes() -> None:
    log = [m for m in market_log(30) if m.startswith(b'{"type"')]
    live = read(log)
    batch = as_columns(log)
    replayed = Cut(DESK, "m", 3)
    state = replayed.start()
    piece = replayed.read(state, batch)
    keep = slice(None)
    for column in ("offset", "kind", "symbol", "ts_event", "ts_recv", "v0", "v1", "v2", "v3"):
        assert np.array_equal(getattr(piece.ticks, column)[keep], getattr(live.ticks, column)), column
    assert piece.symbols == live.symbols
    assert piece.counters == live.counters
    assert piece.events == live.events


def as_columns(log: list[bytes]) -> ColumnBatch:
    """Independent of the product's archive: row by row through the decoder, names in reverse order."""
    rows: list[tuple[int, int, str, int, int, float, float, float, float]] = []
    payloads: list[bytes] = []
    for offset, raw in enumerate(log):
        try:
            event = decode_event(raw)
        except msgspec.DecodeError:
            rows.append((offset, Kind.EVENT, "", 0, 0, float(len(payloads)), 0.0, 0.0, 0.0))
            payloads.append(raw)
            continue
        if isinstance(event, events.Trade):
            rows.append(
                (
                    offset,
                    Kind.TRADE,
                    event.symbol,
                    event.ts_event,
                    event.ts_recv,
                    event.price,
                    event.quantity,
                    float(event.side),
                    float(event.trade_id),
                )
            )
        elif isinstance(event, events.Quote):
            sizes = (event.bid_size, event.ask_size)
            rows.append((offset, Kind.QUOTE, event.symbol, event.ts_event, event.ts_recv, event.bid, event.ask, *sizes))
        elif isinstance(event, events.Tickers):
            rows += [(offset, Kind.TICKER, r[0], r[1], event.ts_recv, r[2], r[7], r[6], r[3]) for r in event.rows]
        elif isinstance(event, events.Heartbeat):
            rows.append(
                (offset, Kind.HEARTBEAT, "", event.ts_recv, event.ts_recv, float(event.sequence), 0.0, 0.0, 0.0)
            )
        else:
            ts = getattr(event, "ts_event", event.ts_recv)
            rows.append((offset, Kind.EVENT, "", ts, event.ts_recv, float(len(payloads)), 0.0, 0.0, 0.0))
            payloads.append(raw)
    names = sorted({row[2] for row in rows if row[2]}, reverse=True)
    columns = list(zip(*rows, strict=True))
    ints = [np.array(columns[i], dtype=np.int64) for i in (0, 3, 4)]
    floats = [np.array(columns[i], dtype=np.float64) for i in (5, 6, 7, 8)]
    codes = np.array([names.index(name) if name else -1 for name in columns[2]], dtype=np.int32)
    return ColumnBatch(
        ints[0], np.array(columns[1], dtype=np.uint8), codes, names, ints[1], ints[2], *floats, payloads
    )  # fmt: skip


def test_random_bytes_never_raise_and_are_counted() -> None:
    rng = random.Random(5)
    seeds = [trade(), quote(), tickers(0, [("AAAUSDT", 1.5, 1e9), ("BBBUSDT", 0.25, 12345.678)])]
    log = []
    for _ in range(20_000):
        message = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(message))
            message[at] = rng.randrange(256)
        log.append(bytes(message))
    piece = read(log)
    assert sum(piece.counters.values()) == len(log)
    values = np.concatenate([piece.ticks.v0, piece.ticks.v1, piece.ticks.v2, piece.ticks.v3])
    assert not np.isnan(values).any()
    assert all(math.isfinite(v) for v in piece.ticks.v0)
