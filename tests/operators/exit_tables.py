"""Exit cases played through the desk's own execute step and compared; their files are read in `exit_files`."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np

from contracts import events
from contracts.events import InstrumentRow, encode_event
from contracts.facts import OrderResult, Position
from contracts.reasons import ExitReason
from operators.cut import Cut
from operators.execute import Execute
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.slices import RawBatch
from tests.builders import SECOND, START
from tests.operators.execution_log import Script, packet
from tests.operators.exit_files import PLENTY, Case, Exit, Number, Tick, read_cases, settings_of

__all__ = ["compare", "play", "read_cases"]

SYMBOL = "AAAUSDT"


def play(case: Case) -> tuple[list[Exit], Decimal, Decimal]:
    """Run one case; returns the fills that reduced the position, its realised PnL net of all fees, and what is left."""
    settings = settings_of(case)
    side = 1 if case.side == "long" else -1
    script = Script(
        decisions=[packet(d.time, d.action) for d in case.decisions],
        heat={(SYMBOL, int(second)): value for second, value in case.heat},
        consensus={(SYMBOL, int(second)): value for second, value in case.consensus},
    )
    cut, execute = Cut(settings, "binance.spot", 0), Execute(settings)
    steps = [Frame(settings), FreshnessGate(settings), script, execute]
    cut_state = cut.start()
    states = [step.start() for step in steps]
    state = states[-1]
    state.widen([SYMBOL], 1)
    quantity, price = Decimal(str(case.entry.quantity)), Decimal(str(case.entry.price))
    fee = quantity * price * Decimal(repr(settings.paper.taker_fee_bps)) / 10_000
    if case.entry.fee is not None:
        fee = Decimal(str(case.entry.fee))
    ts = _nanos(case.entry.time)
    execute.adopt(state, SYMBOL, 0, side, quantity, price, fee, ts_event=ts, ts_recv=ts)
    log = _log(case)
    piece = cut.read(cut_state, RawBatch(np.arange(len(log), dtype=np.int64), log))
    for step, own in zip(steps, states, strict=True):
        step.step(own, piece)
    written = [placed.fact for placed in piece.facts]
    fills = [f for f in written if isinstance(f, OrderResult) and f.fill_quantity and f.purpose != "entry"]
    exits = [
        Exit(
            time=round((f.ts_event - START) / SECOND, 6),
            price=str(f.fill_price),
            quantity=str(f.fill_quantity),
            reason=ExitReason(f.purpose),
        )
        for f in fills
    ]
    positions = [f for f in written if isinstance(f, Position)]
    left = abs(positions[-1].signed_quantity) if positions else quantity
    return exits, positions[-1].realised_pnl if positions else -fee, left


def compare(case: Case) -> None:
    """Assert that the case comes out as expected; the message shows both."""
    exits, pnl, left = play(case)
    seen = "\n".join(f"  {e.time} {e.price} x {e.quantity} {e.reason}" for e in exits) + f"\n  pnl {pnl}, left {left}"
    wanted = "\n".join(f"  {e.time} {e.price} x {e.quantity} {e.reason}" for e in case.expect.exits)
    message = f"{case.name}\nexpected\n{wanted}\n  pnl {case.expect.pnl}, left {case.expect.left}\nwas\n{seen}"
    assert len(exits) == len(case.expect.exits), message
    for got, want in zip(exits, case.expect.exits, strict=True):
        assert got.reason == want.reason, message
        assert abs(got.time - want.time) < 1e-6, message
        assert _close(got.price, want.price, "1e-9"), message
        assert _close(got.quantity, want.quantity, "1e-9"), message
    assert abs(pnl - Decimal(str(case.expect.pnl))) <= Decimal("1e-6"), message
    assert _close(str(left), case.expect.left, "1e-9"), message


def _close(got: Number, want: Number, tolerance: str) -> bool:
    a, b = Decimal(str(got)), Decimal(str(want))
    return abs(a - b) <= Decimal(tolerance) * max(abs(a), abs(b), Decimal(1))


def _nanos(second: float) -> int:
    return START + round(second * SECOND)


def _log(case: Case) -> list[bytes]:
    """Messages of the case in log order, a heartbeat each second; at equal times a candle or tick comes before the heartbeat."""
    entries: list[tuple[int, int, events.Event]] = []
    for tick in case.ticks:
        entries.append((_nanos(tick.time), 1, _tick_event(tick)))
    names = {1: "1s", 60: "1m", 300: "5m"}
    for candle in case.candles:
        ts_open, base = _nanos(candle.time), candle.volume
        row = (ts_open, candle.open, candle.high, candle.low, candle.close, base, base * candle.close, 1, base / 2)
        ts_close = ts_open + case.candle_s * SECOND
        kline = events.Klines(
            ts_recv=ts_close, symbol=SYMBOL, interval=names[case.candle_s], rows=[row], origin="stream",  # type: ignore[arg-type]
        )  # fmt: skip
        entries.append((ts_close, 0, kline))
    kinds = {"close_all": events.CloseAll, "pause": events.PauseTrading, "resume": events.ResumeTrading}
    for number, asked in enumerate(case.commands):
        ts, key = _nanos(asked.time), f"case-{number}"
        if asked.command == "close":
            event: events.Event = events.ClosePosition(ts_recv=ts, command_id=key, author="case", symbol=SYMBOL)
        else:
            event = kinds[asked.command](ts_recv=ts, command_id=key, author="case")
        entries.append((ts, 2, event))
    last = max((ts for ts, *_ in entries), default=START)
    end = _nanos(case.until) if case.until is not None else last + 5 * SECOND
    for number, ts in enumerate(range(_nanos(case.entry.time), end + 1, SECOND)):
        entries.append((ts, 3, events.Heartbeat(ts_recv=ts, sequence=number)))
    entries.sort(key=lambda entry: entry[:2])
    log = [encode_event(event) for *_, event in entries]
    if case.instrument is not None:
        row = InstrumentRow(
            symbol=SYMBOL, base="AAA", quote="USDT", status="TRADING", **msgspec.structs.asdict(case.instrument)
        )
        log.insert(0, encode_event(events.Instruments(ts_recv=_nanos(case.entry.time), rows=[row])))
    return log


def _tick_event(tick: Tick) -> events.Event:
    ts = _nanos(tick.time)
    if tick.bid is not None and tick.ask is not None:
        sizes = [PLENTY if size is None else size for size in (tick.bid_size, tick.ask_size)]
        return events.Quote(
            ts_recv=ts, ts_event=ts, symbol=SYMBOL, bid=tick.bid, ask=tick.ask, bid_size=sizes[0], ask_size=sizes[1]
        )
    if tick.close is not None:
        volume = PLENTY if tick.quote_volume_24h is None else tick.quote_volume_24h
        cells = (tick.close, tick.close, tick.close, tick.close, volume, volume)
        return events.Tickers(ts_recv=ts, rows=[(SYMBOL, ts, *cells)])
    assert tick.price is not None
    quantity = PLENTY if tick.quantity is None else tick.quantity
    return events.Trade(
        ts_recv=ts, ts_event=ts, symbol=SYMBOL, price=tick.price, quantity=quantity, side=1, trade_id=ts
    )
