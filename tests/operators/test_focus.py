"""Which coins are in focus, and that a forming bar is what the closed one becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from contracts import facts
from contracts.events import Klines, WatchSymbol, decode_event, encode_event
from contracts.settings import DeskSettings, parse_settings
from operators.cut import Cut
from operators.focus import Focus, FocusState
from operators.frame import Frame
from operators.heat import Heat
from operators.indicators import Indicators, Out
from operators.slices import HeatBlock, RawBatch, Slice
from tests.builders import SECOND, START, heartbeat, market_log, tickers, trade
from tests.checks import MARKET, check_laws, run

DESK = DeskSettings()


def desk(**focus: int) -> DeskSettings:
    return parse_settings({"focus": focus}, "test").markets[MARKET].desk


def chain() -> list[Any]:
    return [Frame(DESK), Focus(DESK)]


def watch(second: float, symbol: str, seconds: int = 600) -> bytes:
    return encode_event(
        WatchSymbol(
            ts_recv=START + int(second * SECOND), command_id=f"w{second}", author="ann", symbol=symbol, seconds=seconds
        )
    )


def lists(log: list[bytes], settings: DeskSettings = DESK) -> list[tuple[int, list[str]]]:
    """(second, symbols) of each watchlist."""
    found = run(lambda: [Frame(settings), Focus(settings)], log, settings=settings).facts
    told = [json.loads(message.value) for message in found if message.topic == "watchlist.v1"]
    return [((fact["ts_event"] - START) // SECOND, fact["symbols"]) for fact in told]


def bars(log: list[bytes]) -> list[dict[str, Any]]:
    told = (json.loads(message.value) for message in run(chain, log).facts if message.topic == "bar.v1")
    return [fact for fact in told if fact["type"] == "bars"]


def test_a_watched_coin_is_listed_and_leaves_after_its_time_and_the_keep() -> None:
    log = [trade(0.1), watch(7.0, "AAAUSDT", 60), *(trade(float(second)) for second in range(8, 400))]
    assert lists(log) == [(5, ["AAAUSDT"]), (190, [])]


def test_who_looks_longer_than_an_hour_or_not_at_all_is_bounded() -> None:
    log = [trade(0.1), watch(1.0, "AAAUSDT", -5), *(trade(float(second)) for second in range(2, 20))]
    assert lists(log) == []
    state = FocusState()
    focus = Focus(DESK)
    piece = Cut(DESK, MARKET, 0).read(Cut(DESK, MARKET, 0).start(), RawBatch(np.arange(1), [watch(0.0, "A", 10**9)]))
    (change,) = focus._changes(piece)
    focus._change(state, *change[1:])
    assert state.watched == {"A": START + 3600 * SECOND}


def stepped(
    states: FocusState, settings: DeskSettings, seconds: range, hot: list[str], extra: Sequence[object] = ()
) -> Slice:
    """One slice of a market of four coins whose hottest are `hot`."""
    names = ["AUSDT", "BUSDT", "CUSDT", "DUSDT"]
    log = [tickers(second, [(name, 1.0, 1.0) for name in names]) for second in seconds]
    cut, frame = Cut(settings, MARKET, 0), Frame(settings)
    piece = cut.read(cut.start(), RawBatch(np.arange(len(log)), log))
    frame.step(frame.start(), piece)
    assert piece.frames is not None
    f, s = len(piece.frames), piece.width
    top = np.full((f, 3), -1, dtype=np.int32)
    top[:, : len(hot)] = [names.index(name) for name in hot]
    zeros = np.zeros((f, s))
    piece.heat = HeatBlock(
        np.zeros((f, 6, s), np.float32), zeros, zeros, np.zeros((f, s), np.uint8), top, zeros.astype(np.bool_)
    )
    for fact in extra:
        piece.add(0, 7, fact)  # type: ignore[arg-type]
    Focus(settings).step(states, piece)
    return piece


def position(symbol: str, status: str) -> facts.Position:
    return facts.Position(
        id="p", trace_id="p", market=MARKET, partition=0, offset=0, ts_event=START, settings_hash="", model_hash="", decision_id="",
        position_id="p", symbol=symbol, status=status, signed_quantity=Decimal(1), average_entry=Decimal(1), mark=1.0,  # type: ignore[arg-type]
        realised_pnl=Decimal(0), unrealised_pnl=0.0, fees=Decimal(0), opened_at=START, closed_at=None, exit_reason="",
        stop_loss=None, take_profit=[], trailing_stop=None, highest=1.0, lowest=1.0,
    )  # fmt: skip


def test_held_come_before_watched_before_hot() -> None:
    settings = desk(detail_symbols=3)
    state = FocusState(watched={"CUSDT": START + 900 * SECOND})
    stepped(state, settings, range(12), ["AUSDT", "BUSDT"], [position("DUSDT", "open")])
    assert state.told == ["DUSDT", "CUSDT", "AUSDT"]
    stepped(state, settings, range(12, 24), ["BUSDT", "AUSDT"], [position("DUSDT", "closed")])
    assert state.held == []
    assert state.told == ["CUSDT", "AUSDT", "BUSDT"]
    assert len(state.listed) == 3


def test_an_old_wish_stays_only_while_there_is_room() -> None:
    settings = desk(detail_symbols=2, watch_keep_s=60)
    state = FocusState()
    stepped(state, settings, range(12), ["AUSDT"])
    stepped(state, settings, range(12, 24), ["BUSDT"])
    assert state.told == ["AUSDT", "BUSDT"]
    stepped(state, settings, range(24, 36), ["BUSDT", "CUSDT"])
    assert state.told == ["BUSDT", "CUSDT"]
    stepped(state, settings, range(36, 120), ["DUSDT"])
    assert state.told == ["DUSDT"]


@pytest.mark.parametrize(("interval", "seconds"), [("5m", 300), ("15m", 900)])
def test_a_forming_bar_becomes_the_closed_one(interval: str, seconds: int) -> None:
    """At every full minute the forming bar holds exactly the minutes that closed in its window."""
    log = [watch(0.0, "AAAUSDT", 3600)]
    for second in range(2000):
        if (second // 60) % 3 != 1:  # every third minute is quiet
            log.append(trade(second + 0.3, price=100.0 + (second * 7 % 31), quantity=1.0, trade_id=second))
        log.append(heartbeat(second + 0.9))
    told = bars(log)
    minutes = [bar for bar in told if bar["interval"] == "1m" and bar["closed"]]
    forming = [bar for bar in told if bar["interval"] == interval and not bar["closed"]]
    compared = 0
    for bar in forming:
        if bar["ts_event"] % (60 * SECOND) or bar["ts_open"] < START:
            continue
        inside = [m for m in minutes if bar["ts_open"] <= m["ts_open"] < bar["ts_event"]]
        traded = [m for m in inside if m["volume"][0] > 0] or inside[:1]
        assert bar["volume"][0] == sum(m["volume"][0] for m in inside)
        assert bar["trades"][0] == sum(m["trades"][0] for m in inside)
        assert bar["open"] == traded[0]["open"]
        assert bar["high"][0] == max(m["high"][0] for m in traded)
        assert bar["low"][0] == min(m["low"][0] for m in traded)
        assert bar["close"] == inside[-1]["close"]
        compared += 1
    assert compared >= 8
    for closed in (bar for bar in told if bar["interval"] == interval and bar["closed"] and bar["ts_open"] >= START):
        last = [bar for bar in forming if bar["ts_open"] == closed["ts_open"]][-1]
        assert last["ts_event"] == closed["ts_event"] - 5 * SECOND
        assert last["open"] == closed["open"]
        assert last["volume"][0] <= closed["volume"][0] <= last["volume"][0] + 5


def test_a_minute_that_closes_with_the_first_second_after_a_gap_is_kept_in_the_longer_bar() -> None:
    log = [watch(0.0, "AAAUSDT", 3600), *(trade(float(second), trade_id=second) for second in range(10))]
    log += [trade(float(second), trade_id=second, price=90.0) for second in range(1019, 1040)]
    forming = [bar for bar in bars(log) if bar["interval"] == "15m" and bar["ts_event"] == START + 1030 * SECOND]
    assert forming
    assert forming[0]["volume"] == [11.0]


def test_laws_hold_with_heat_before_it() -> None:
    log = market_log(150, extra=[(20.0, watch(20.0, "C02USDT")), (21.0, watch(21.0, "NEWUSDT"))])
    whole = check_laws(lambda: [Frame(DESK), Heat(DESK), Focus(DESK)], log)
    assert any(message.topic == "watchlist.v1" for message in whole.facts)


def told(log: list[bytes], kind: type[Any]) -> list[Any]:
    """Facts of one kind, in order."""
    ran = run(chain, log)
    return [fact for fact in (facts.decode_fact(message.value) for message in ran.facts) if isinstance(fact, kind)]


def test_the_past_of_a_chart_is_told_once_to_who_looks_and_equals_the_indicators_of_its_bars() -> None:
    log = market_log(150, dirty=False, history_minutes=90, extra=[(70.2, watch(70.2, "C02USDT"))])
    past = told(log, facts.IndicatorHistory)
    assert {fact.symbol for fact in past} == {"C02USDT"}
    assert [fact.interval for fact in past] == ["1m", "5m", "15m"]
    minutes = past[0]
    assert np.unique(np.diff(minutes.ts_open)).tolist() == [60 * SECOND]
    assert minutes.ts_open[-1] == START  # the minute that closed before somebody looked
    assert minutes.ts_event <= START + 72 * SECOND
    (bar,) = [fact for fact in told(log, facts.Bars) if fact.closed and fact.interval == "1m" and fact.ts_open == START]
    number = bar.symbols.index("C02USDT")
    own = Indicators(60)
    state = own.start()
    rows = next(event for event in map(decode_event, log) if isinstance(event, Klines) and event.symbol == "C02USDT").rows
    columns = np.array(rows, dtype=np.float64).T
    own.replay(state, 0, np.array([row[0] for row in rows]), *(np.ascontiguousarray(columns[k]) for k in (2, 3, 4, 5)))
    own.replay(
        state, 0, np.array([START]), np.array([bar.high[number]]), np.array([bar.low[number]]), np.array([bar.close[number]]),
        np.array([bar.volume[number]]),
    )  # fmt: skip
    assert minutes.rsi[-1] == pytest.approx(state.values[Out.RSI, 0], rel=1e-4)
    assert minutes.macd_signal[-1] == pytest.approx(state.values[Out.MACD_SIGNAL, 0], rel=1e-2)
    assert minutes.vwap[-1] == pytest.approx(state.values[Out.VWAP, 0], rel=1e-5)
    assert minutes.adx[0] is None


def test_the_forming_bar_of_a_chart_has_indicators_each_second_and_ends_as_the_closed_bar() -> None:
    log = market_log(150, dirty=False, history_minutes=90, extra=[(20.2, watch(20.2, "C02USDT"))])
    forming = [fact for fact in told(log, facts.IndicatorValues) if not fact.closed]
    assert {tuple(fact.symbols) for fact in forming} == {("C02USDT",)}
    minute = [fact for fact in forming if fact.interval == "1m" and fact.ts_open == START + 60 * SECOND]
    assert [(fact.ts_event - fact.ts_open) // SECOND for fact in minute] == list(range(1, 60))
    assert len({fact.ema_fast[0] for fact in minute}) > 20  # they move with the price
    assert {fact.interval for fact in forming} == {"1m", "5m", "15m"}


def test_a_history_that_comes_late_tells_the_past_of_the_chart_anew() -> None:
    log = market_log(100, dirty=False, history_minutes=90, extra=[(20.2, watch(20.2, "C02USDT"))])
    came = next(message for message in log if b'"klines"' in message and b'"C02USDT"' in message)
    rest = [message for message in log if message is not came]
    late = [*rest[: len(rest) // 2], came, *rest[len(rest) // 2 :]]
    (past,) = [fact for fact in told(late, facts.IndicatorHistory) if fact.interval == "1m"]
    assert len(past.ts_open) > 60
    check_laws(chain, late)


def test_a_silent_feed_makes_no_bars_and_a_quiet_coin_of_a_live_market_flat_ones() -> None:
    def told_of(second: int, names: Sequence[str]) -> list[bytes]:
        rows = [(name, 1.0 + second / 1e4, 1e6 + second) for name in names]
        return [*([tickers(second + 0.5, rows)] if rows else []), heartbeat(second + 0.9)]

    log = [watch(0.0, "AAAUSDT", 3600)]
    for second in range(960):
        silent, quiet = 210 <= second < 600, second >= 700
        log += told_of(second, [] if silent else ["BBBUSDT"] if quiet else ["AAAUSDT", "BBBUSDT"])
    check_laws(chain, log)
    minutes = {fact["ts_open"]: fact for fact in bars(log) if fact["interval"] == "1m" and fact["closed"]}
    known = [(ts_open - START) // (60 * SECOND) for ts_open in minutes]
    assert known == [0, 1, 2, 3, *range(10, 15)]
    quiet_minute = minutes[START + 13 * 60 * SECOND]
    flat = quiet_minute["symbols"].index("AAAUSDT")
    assert {quiet_minute[name][flat] for name in ("open", "high", "low", "close")} == {1.0 + 699 / 1e4}
    forming = {fact["ts_open"] for fact in bars(log) if fact["interval"] == "1m" and not fact["closed"]}
    assert forming <= {*minutes, max(forming)}
