"""Seconds and bars: by the laws, by hand, and against the exchange's own candles."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pyarrow.feather
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.events import Heartbeat, Klines, StreamGap, Trade, encode_event
from contracts.settings import DeskSettings
from operators.focus import Focus
from operators.frame import SECONDS_OF, Frame
from operators.freshness import FreshnessGate
from operators.slices import FrameBlock, Slice
from tests.builders import SECOND, START, heartbeat, history, market_log, quote, tickers, trade
from tests.checks import check_laws, run
from tests.recorded import recorded

DESK = DeskSettings()


def chain() -> list[object]:
    return [Frame(DESK), FreshnessGate(DESK), Focus(DESK)]


def frames_of(log: list[bytes]) -> tuple[FrameBlock, Slice]:
    piece = run(chain, log).pieces[0]
    assert piece.frames is not None
    return piece.frames, piece


@pytest.mark.parametrize("seed", [0, 1])
def test_laws_hold_on_a_dirty_market(seed: int) -> None:
    whole = check_laws(chain, market_log(150, seed=seed), seed=seed)
    assert {message.topic for message in whole.facts} >= {"bar.v1", "dead_letter.v1"}


@hypothesis_settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 900), max_size=40), seed=st.integers(0, 3))
def test_any_cut_of_the_log_gives_the_same_bytes(cuts: list[int], seed: int) -> None:
    log = market_log(40, seed=seed)
    whole = run(chain, log)
    parted = run(chain, log, [c for c in cuts if c < len(log)], resume=bool(seed % 2))
    assert parted.facts == whole.facts
    assert [str(s) for s in parted.states] == [str(s) for s in whole.states]


def test_a_second_holds_what_was_traded_in_it_and_nothing_of_the_next() -> None:
    log = [
        trade(0.1, price=10.0, quantity=1.0, trade_id=1),
        trade(0.6, price=12.0, quantity=2.0, side=-1, trade_id=2),
        trade(1.1, price=9.0, quantity=4.0, trade_id=3),
        trade(0.9, price=11.0, quantity=8.0, trade_id=4),
        trade(2.5, price=10.0, trade_id=5),
    ]
    frames, _ = frames_of(log)
    assert frames.ts_open.tolist() == [START, START + SECOND]
    assert [float(x[0, 0]) for x in (frames.open, frames.high, frames.low, frames.close)] == [10.0, 12.0, 10.0, 11.0]
    assert float(frames.volume[0, 0]) == 11.0
    assert float(frames.buy_volume[0, 0]) == 10.0 + 88.0
    assert [float(frames.close[1, 0]), float(frames.volume[1, 0])] == [9.0, 4.0]


def test_late_trade_is_counted_not_applied() -> None:
    log = [trade(0.5, price=10.0), trade(5.0, price=11.0), trade(1.0, price=99.0), heartbeat(9.0)]
    frames, piece = frames_of(log)
    assert piece.counters["late_trades"] == 1
    assert float(np.nanmax(frames.high)) == 11.0


def test_event_time_from_the_future_does_not_run_the_clock_away() -> None:
    log = [trade(0.5), trade(90_000.0, price=101.0, lag_ms=-89_999_000), trade(3.0, price=102.0)]
    frames, piece = frames_of(log)
    assert piece.counters["misaligned"] == 1
    assert len(frames) == 2


def test_heartbeats_close_seconds_in_silence() -> None:
    log = [trade(0.5), *(heartbeat(second) for second in range(1, 8))]
    frames, _ = frames_of(log)
    assert len(frames) == 5
    assert frames.updates[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_silence_is_stale_and_then_lost() -> None:
    log = [trade(0.5), *(heartbeat(second) for second in range(1, 400))]
    piece = run(chain, log).pieces[0]
    assert piece.freshness is not None
    age = piece.freshness.ticker_age_ms
    status = piece.freshness.status
    assert status[age < 90_000].max() == 0
    assert set(status[(age >= 90_000) & (age < 300_000)].tolist()) == {1}
    assert set(status[age >= 300_000].tolist()) == {2}
    assert not piece.freshness.symbol_ok[-1, 0]


def test_a_clock_that_runs_behind_the_venue_is_measured() -> None:
    log = [trade(0.2 * k, trade_id=k, lag_ms=-1250) for k in range(40)]
    frames, piece = frames_of(log)
    assert frames.skew_ms[-1] == pytest.approx(-1250)
    assert "misaligned" not in piece.counters
    assert len(frames) == 7


def test_a_recording_that_begins_anew_resets_the_clock() -> None:
    log = [trade(1000 + k, trade_id=k) for k in range(5)]
    again = [
        encode_event(
            Trade(
                ts_recv=START + (1010 + k) * SECOND,
                symbol="AAAUSDT",
                price=5.0,
                quantity=1.0,
                side=1,
                trade_id=k,
                ts_event=START + k * SECOND,
            )
        )
        for k in range(100)
    ]
    frames, piece = frames_of(log + again)
    assert piece.counters["clock_resets"] == 1
    assert float(frames.close[-1, 0]) == 5.0
    assert frames.restart.any()


def test_a_ticker_that_overtook_another_is_not_counted_twice() -> None:
    log = [
        tickers(0.5, [("AAAUSDT", 10.0, 1000.0)]),
        tickers(1.5, [("AAAUSDT", 11.0, 1400.0)]),
        tickers(1.2, [("AAAUSDT", 10.5, 1200.0)], lag_ms=400),
        tickers(2.5, [("AAAUSDT", 11.0, 1450.0)]),
        heartbeat(9.0),
    ]
    frames, _ = frames_of(log)
    assert frames.quote_volume[:, 0].sum() == 450.0
    assert frames.quote_volume_24h[1, 0] == 1400.0


def test_tickers_move_prices_again_after_the_venues_clock_was_set_back() -> None:
    log = [tickers(1000.0 + k, [("AAAUSDT", 10.0, 1000.0 + k)]) for k in range(5)]
    log += [tickers(float(k), [("AAAUSDT", 20.0, 2000.0 + k)], lag_ms=1_010_000) for k in range(100)]
    frames, piece = frames_of(log)
    assert piece.counters["clock_resets"] == 1
    assert float(frames.close[-1, 0]) == 20.0
    assert float(frames.quote_volume[-1, 0]) == 1.0
    assert float(frames.age_ms[-1, 0]) <= 1000.0


def test_seconds_close_again_after_our_clock_was_set_back() -> None:
    log = [trade(float(k), trade_id=k) for k in range(20)]
    log += [trade(20.0 + k, trade_id=k, lag_ms=-3_600_000) for k in range(100)]
    frames, piece = frames_of(log)
    assert piece.counters["clock_resets"] == 1
    assert frames.ts_open.tolist() == [START + k * SECOND for k in range(118)]
    assert frames.skew_ms[-1] == -3_600_000


def bars_of(log: list[bytes], interval: str = "1m") -> list[dict[str, Any]]:
    """Closed bars as they were written, in order."""
    found = [json.loads(message.value) for message in run(chain, log).facts if message.topic == "bar.v1"]
    return [bar for bar in found if bar["closed"] and bar["interval"] == interval]


def test_a_minute_is_not_told_again_in_part_after_a_clock_reset() -> None:
    log: list[bytes] = []
    for k in range(10, 300):
        behind = 15 if k >= 135 else 0
        log.append(trade(k + 0.5 - behind, price=100.0 + k, trade_id=k, lag_ms=5 + 1000 * behind))
        log.append(heartbeat(k + 0.75))
    assert run(chain, log).pieces[0].counters["clock_resets"] == 1
    told = bars_of(log)
    assert [bar["ts_open"] for bar in told] == [START + 60 * m * SECOND for m in range(4)]
    assert told[2]["open"] == [220.0]


def test_a_minute_told_anew_after_a_clock_reset_has_an_id_of_its_own() -> None:
    log = [trade(float(k), trade_id=k) for k in range(250)]
    log += [trade(float(k), price=5.0, trade_id=k, lag_ms=260_000) for k in range(250)]
    told = bars_of(log)
    assert len({bar["id"] for bar in told}) == len(told)
    again = [bar for bar in told if bar["close"] == [5.0]]
    assert [bar["ts_open"] for bar in again] == [START + 60 * SECOND, START + 120 * SECOND, START + 180 * SECOND]


def test_ticker_volume_is_the_increase_and_a_daily_reset_is_none() -> None:
    log = [
        tickers(0.5, [("AAAUSDT", 10.0, 1000.0)]),
        tickers(1.5, [("AAAUSDT", 10.0, 1400.0)]),
        tickers(2.5, [("AAAUSDT", 10.0, 300.0)]),
        tickers(3.5, [("AAAUSDT", 10.0, 350.0)]),
        tickers(9.0, []),
        heartbeat(9.0),
    ]
    frames, _ = frames_of(log)
    assert frames.quote_volume[:4, 0].tolist() == [0.0, 400.0, 0.0, 50.0]


def test_after_a_stream_gap_the_first_ticker_only_sets_the_base() -> None:
    gap = encode_event(
        StreamGap(
            ts_recv=START + 2 * SECOND,
            stream="tickers",
            symbols=[],
            ts_from=START,
            ts_until=START + SECOND,
            reason="away",
        )
    )
    log = [
        tickers(0.5, [("AAAUSDT", 10.0, 1000.0)]),
        gap,
        tickers(2.5, [("AAAUSDT", 10.0, 900_000.0)]),
        tickers(3.5, [("AAAUSDT", 10.0, 900_010.0)]),
        heartbeat(9.0),
    ]
    frames, _ = frames_of(log)
    assert frames.quote_volume[:, 0].sum() == 10.0


def test_trades_and_tickers_of_one_coin_are_not_counted_twice() -> None:
    log = [
        tickers(0.1, [("AAAUSDT", 10.0, 1000.0)]),
        trade(0.5, price=10.0, quantity=7.0),
        tickers(0.8, [("AAAUSDT", 10.0, 1070.0)]),
        heartbeat(9.0),
    ]
    frames, _ = frames_of(log)
    assert frames.quote_volume[:, 0].sum() == 70.0


@pytest.mark.parametrize(("bid", "ask"), [(11.0, 10.5), (10.0, 0.0), (0.0, 10.0)])
def test_a_crossed_or_one_sided_book_is_counted_and_shown_as_it_is(bid: float, ask: float) -> None:
    log = [quote(0.1, bid=10.0, ask=10.1), quote(0.2, bid=bid, ask=ask), trade(0.3), trade(2.5)]
    frames, piece = frames_of(log)
    assert piece.counters["bad_quotes"] == 1
    assert [float(frames.bid[0, 0]), float(frames.ask[0, 0])] == [bid, ask]


def test_history_is_handed_on_in_order() -> None:
    _, piece = frames_of([history("AAAUSDT", 30), trade(0.5), trade(2.5)])
    assert len(piece.history) == 1
    assert len(piece.history[0].ts_open) == 30
    assert piece.history[0].ts_open[-1] == START - 60 * SECOND


def test_recorded_trades_give_the_exchange_candles() -> None:
    """XRP/ETH, three days of Binance trades: every one of the 2,469 candles that the exchange has."""
    trades = pl.read_parquet(recorded("freqtrade_testdata/XRP_ETH-trades.parquet"))
    candles = pyarrow.feather.read_table(recorded("freqtrade_testdata/XRP_ETH-1m.feather")).to_pandas()
    log: list[bytes] = []
    clock = int(trades["timestamp"][0]) * 1_000_000
    rows = zip(trades["timestamp"], trades["price"], trades["amount"], trades["side"], trades["id"], strict=True)
    for ms, price, amount, side, number in rows:
        ts = ms * 1_000_000
        while clock + SECOND < ts:
            clock += SECOND
            log.append(encode_event(Heartbeat(ts_recv=clock, sequence=0)))
        aggressor = 1 if side == "buy" else -1
        event = Trade(
            ts_recv=ts, symbol="XRPETH", price=price, quantity=amount, side=aggressor, trade_id=int(number), ts_event=ts
        )  # fmt: skip
        log.append(encode_event(event))
    log += [encode_event(Heartbeat(ts_recv=clock + k * SECOND, sequence=0)) for k in range(1, 130)]
    bars = run(chain, log, range(5000, len(log), 5000)).pieces
    ours: dict[int, tuple[float, ...]] = {}
    for piece in bars:
        block = piece.bars.get(60)
        if block is None:
            continue
        columns = (block.open, block.high, block.low, block.close, block.volume)
        for b in range(len(block)):
            ours[int(block.ts_open[b])] = tuple(float(c[b, 0]) for c in columns)
    first, last = int(trades["timestamp"][0]) // 60_000, int(trades["timestamp"][-1]) // 60_000
    compared = 0
    for row in candles.itertuples(index=False):
        minute = int(row.date.value) // (60 * SECOND)
        if not first <= minute <= last:
            continue
        o, h, low, c, v = ours[minute * 60 * SECOND]
        assert (o, h, low, c) == (row.open, row.high, row.low, row.close) if row.volume > 0 else v == 0.0
        assert v == pytest.approx(row.volume, abs=1e-6)
        compared += 1
    assert compared == 2469


def minutes(first: int, last: int, *, quiet: frozenset[int] = frozenset()) -> list[tuple[Any, ...]]:
    """The venue's 1 m bars from minute `first` to before `last`, counted from START."""
    rows = []
    for m in range(first, last):
        price, volume = 200.0 + m % 17, 0.0 if m in quiet else float(m % 5 + 1)
        rows.append(
            (
                START + m * 60 * SECOND,
                price,
                price + 2.0,
                price - 2.0,
                price + 1.0,
                volume,
                volume * price,
                int(volume),
                0.0,
            )
        )
    return rows


def klines(rows: list[tuple[Any, ...]], interval: str = "1m") -> bytes:
    return encode_event(Klines(ts_recv=START, symbol="AAAUSDT", interval=interval, rows=rows))  # type: ignore[arg-type]


def followed(second: int, until: int) -> list[bytes]:
    """A trade a second of quantity 1 at 210."""
    return [trade(float(k), price=210.0, quantity=1.0, trade_id=k) for k in range(second, until)]


# START is 07:07: windows of 5 m open 2 minutes before it, of 15 m and 1 h 7 minutes before it.
SEEDED = {"5m": 2, "15m": 7, "1h": 7}


@pytest.mark.parametrize("chunk", [1, 3, 200])
@pytest.mark.parametrize("live", [False, True])
def test_longer_windows_begin_with_the_venues_history(chunk: int, live: bool) -> None:
    """`live`: history comes while seconds close already, the minute before was seen in part."""
    rows = minutes(-90, 1 if live else 0)
    parts = [klines(rows[i : i + chunk]) for i in range(0, len(rows), chunk)]
    log = [*followed(30, 65), *parts, *followed(65, 3300)] if live else [*parts, *followed(0, 3300)]
    for interval, before in SEEDED.items():
        first = bars_of(log, interval)[0]
        length = SECONDS_OF[interval] // 60
        inside = [row for row in rows if row[0] >= first["ts_open"]]
        here = length - len(inside)
        assert first["ts_open"] == START - before * 60 * SECOND
        assert len(inside) == before + live
        assert first["open"] == [inside[0][1]]
        assert first["high"] == [max(*(row[2] for row in inside), 210.0)]
        assert first["low"] == [min(*(row[3] for row in inside), 210.0)]
        assert first["close"] == [210.0]
        assert first["volume"] == [sum(row[5] for row in inside) + 60.0 * here]
        assert first["trades"] == [sum(row[7] for row in inside) + 60 * here]
    block = run(chain, log).pieces[0].bars[300]
    assert block.complete[:, 0].tolist()[0] is live  # else the minute of the start was not followed from its opening


def test_quiet_minutes_of_history_neither_open_nor_widen_the_longer_window() -> None:
    rows = minutes(-2, 0, quiet=frozenset({-2}))
    first = bars_of([klines(rows), *followed(0, 200)], "5m")[0]
    assert first["open"] == [rows[1][1]]
    assert first["high"] == [rows[1][2]]


@pytest.mark.parametrize(
    "rows",
    [
        minutes(-90, -1),  # ends before the minute that is followed
        minutes(-90, -2) + minutes(-1, 0),  # a hole within the 5 m window
        minutes(-1, 0),  # begins within it
    ],
)
def test_history_with_a_hole_is_not_joined(rows: list[tuple[Any, ...]]) -> None:
    first = bars_of([klines(rows), *followed(0, 200)], "5m")[0]
    assert first["open"] == [210.0]
    assert first["volume"] == [180.0]


def test_history_told_twice_or_of_longer_bars_changes_nothing() -> None:
    rows = minutes(-90, 0)
    once = bars_of([klines(rows), *followed(0, 3300)], "1h")
    again = bars_of(
        [
            klines(rows),
            klines(rows[-20:]),
            klines(rows[:40]),
            klines(rows[:3], "5m"),
            *followed(0, 700),
            klines(rows),
            *followed(700, 3300),
        ],
        "1h",
    )
    assert [bar["volume"] for bar in again] == [bar["volume"] for bar in once]


def test_laws_hold_where_history_comes_in_parts_between_ticks() -> None:
    rows = minutes(-90, 2)
    extra = [(20.0 + 2 * n, klines(rows[i : i + 9])) for n, i in enumerate(range(0, len(rows), 9))]
    log = [*market_log(150, extra=extra), *followed(150, 700)]
    check_laws(chain, log)
