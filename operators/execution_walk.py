"""One slice's walk through execution: what happens at a tick, a closed second, an event, a timer."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.events import (
    CloseAll,
    ClosePosition,
    InstrumentRow,
    Instruments,
    Klines,
    PauseTrading,
    ResumeTrading,
    StreamGap,
    StreamState,
)
from contracts.facts import DeadLetter
from contracts.instruments import from_float
from contracts.reasons import EngineReason
from contracts.settings import DeskSettings
from operators import closes, columns, exits, watch
from operators.execution_commands import carry_out
from operators.execution_facts import Scribe
from operators.execution_health import Health
from operators.execution_state import ExecuteState, Held
from operators.order_desk import OrderDesk
from operators.paper import Touch, Venue, significant
from operators.slices import SECOND, Kind, Slice

NO_F8 = np.empty((0, 0))
NO_I8 = np.empty(0, dtype=np.int64)
NO_B1 = np.empty(0, dtype=np.bool_)
NO_U1 = np.empty(0, dtype=np.uint8)
scan: Callable[..., tuple[int, int, int, int, int]] = watch.scan  # called with the slice's columns in one go
QUOTE = int(Kind.QUOTE)
EVENT = int(Kind.EVENT)
PRICED = frozenset((int(Kind.TRADE), QUOTE, int(Kind.TICKER)))
INTERVALS = {"1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}


class Walk:
    """Holds what the handlers of one slice share; the state outlives it, this does not."""

    def __init__(self, settings: DeskSettings, venue: Venue, account: str, state: ExecuteState, piece: Slice) -> None:
        self._settings = settings
        self._state = state
        self._piece = piece
        self._stale_ns = settings.freshness.quote_stale_ms * 1_000_000
        self._mute_ns = int(settings.orders.ticker_mute_s * SECOND)
        self._latency_ns = settings.paper.latency_ms * 1_000_000
        self._share = from_float(settings.paper.volume_share)
        self.scribe = Scribe(piece, state, account)
        self.desk = OrderDesk(settings, venue, state, self.scribe)
        self.health = Health(settings, state, self.scribe)
        self._decisions = sorted(piece.decisions, key=lambda decided: decided.frame)
        self._next = 0
        self._dead = sorted(
            placed.fact.offset
            for placed in piece.facts
            if isinstance(placed.fact, DeadLetter) and placed.fact.offset is not None
        )

    def run(self) -> None:
        """From the first row to the last."""
        state, piece, ticks = self._state, self._piece, self._piece.ticks
        frames, fresh = piece.frames, piece.freshness
        taken: list[Any] = [ticks.offset, ticks.kind, ticks.symbol, ticks.ts_event, ticks.ts_recv]
        taken += [ticks.v0, ticks.v1, ticks.v2, ticks.v3]
        if frames is not None and len(frames):
            taken += [frames.row, frames.ts_open, frames.restart, frames.close, frames.quote_volume, frames.age_ms]
        else:
            taken += [NO_I8, NO_I8, NO_B1, NO_F8, NO_F8, NO_F8]
        taken.append(fresh.status if fresh is not None else NO_U1)
        taken.append(piece.heat.total if piece.heat is not None else NO_F8)
        taken.append(piece.consensus if piece.consensus is not None else NO_F8)
        arrays = [plain(column) for column in taken]
        row = frame = 0
        self.desk.begin(piece.settings_hash)
        while True:
            why, row, frame, symbol, code = scan(
                row,
                frame,
                *arrays,
                self._decision_frame(),
                self.desk.held,
                self.desk.found,
                state.table,
                state.times,
                state.ring,
                state.minutes,
                state.clock,
                state.counts,
                self._mute_ns,
            )
            if why == watch.END:
                break
            if why == watch.AT_FRAME:
                self._frame(row, frame)
                frame += 1
                continue
            self._at_row(row)
            if why == watch.AT_TIMER and not self._is_bar(row):
                self.desk.on_time(int(state.clock[columns.NOW]))
                continue
            if why == watch.AT_TICK:
                self._tick(row, symbol, code)
            else:
                if why == watch.AT_TIMER:
                    watch.count_event(state.clock, state.counts, int(ticks.offset[row]))
                self._event(row)
            row += 1
        self._count_dead(columns.NEVER)

    def _decision_frame(self) -> int:
        return self._decisions[self._next].frame if self._next < len(self._decisions) else -1

    def _is_bar(self, row: int) -> bool:
        """Whether the row is a streamed bar: it tells of a time before what its arrival makes due."""
        ticks = self._piece.ticks
        if ticks.kind[row] != EVENT:
            return False
        event = self._piece.events[int(ticks.v0[row])]
        return isinstance(event, Klines) and event.closed and event.origin == "stream"

    def _at_row(self, row: int) -> None:
        ticks = self._piece.ticks
        known = ticks.kind[row] in PRICED
        ts_event = int(ticks.ts_event[row]) if known else int(ticks.ts_recv[row])
        self.scribe.at(row, int(ticks.offset[row]), ts_event)
        self._count_dead(int(ticks.offset[row]))

    def _tick(self, row: int, symbol: int, code: int) -> None:
        ticks, table = self._piece.ticks, self._state.table
        quote = ticks.kind[row] == QUOTE
        fresh = int(ticks.ts_recv[row]) - int(self._state.times[symbol, columns.QUOTE_AT]) <= self._stale_ns
        price = float(ticks.v0[row])
        if quote:
            short = table[symbol, columns.SIDE] < 0.0
            price = float(ticks.v1[row]) if short else price
        offered = (columns.ASK_SIZE, columns.BID_SIZE) if quote else (columns.VOLUME, columns.VOLUME)
        touch = Touch(
            index=symbol,
            last=None if quote else price,
            bid=float(table[symbol, columns.BID]) if fresh else None,
            ask=float(table[symbol, columns.ASK]) if fresh else None,
            buyable=self._available(float(table[symbol, offered[0]])),
            sellable=self._available(float(table[symbol, offered[1]])),
        )
        self.desk.on_touch(touch, code, price)

    def _available(self, offered: float) -> Decimal:
        return significant(from_float(offered) * self._share) if 0.0 < offered < np.inf else Decimal(0)

    def _frame(self, row: int, frame: int) -> None:
        frames = self._piece.frames
        assert frames is not None
        ts_close = int(frames.ts_open[frame]) + SECOND
        self.scribe.at(row, int(frames.offset[frame]), ts_close)
        found = self.desk.found.copy()
        for index, code in zip(self.desk.held.tolist(), found.tolist(), strict=True):
            if code:
                self.desk.exit_column(index, code)
        self._count_dead(int(frames.offset[frame]))
        self.health.second(self._piece, frame, ts_close, restart=bool(frames.restart[frame]))
        ticks = self._piece.ticks
        known = ticks.kind[row] in PRICED
        while self._decision_frame() == frame:
            decided = self._decisions[self._next]
            self._next += 1
            self.desk.decide(decided, max(ts_close, int(ticks.ts_event[row])) if known else ts_close)
        self.desk.refresh()

    def _count_dead(self, before: int) -> None:
        while self._dead and self._dead[0] < before:
            self._dead.pop(0)
            self._state.book.metrics.count("dead_letters")

    def _event(self, row: int) -> None:
        event = self._piece.events[int(self._piece.ticks.v0[row])]
        book = self._state.book
        if isinstance(event, Instruments):
            for rules in event.rows:
                self._rules(rules)
        elif isinstance(event, PauseTrading | ResumeTrading | ClosePosition | CloseAll):
            carry_out(event, self._state, self.desk, self.health, self.scribe)
        elif isinstance(event, StreamGap):
            if not event.symbols:
                self.health.shock(EngineReason.LOG_GAP, {"stream": event.stream, "reason": event.reason})
        elif isinstance(event, StreamState):
            if event.connected:
                book.sockets_down.pop(event.stream, None)
            else:
                book.sockets_down.setdefault(event.stream, int(self._state.clock[columns.NOW]))
        elif isinstance(event, Klines) and event.closed and event.origin == "stream":
            self._bars(event)
        self.desk.refresh()

    def _rules(self, rules: InstrumentRow) -> None:
        """Trade by these rules from now on. A halt of a held symbol is told, and its end brings back what waited."""
        book, symbol = self._state.book, rules.symbol
        known = book.instruments.get(symbol)
        book.instruments[symbol] = rules
        self._state.rules.pop(symbol, None)
        if symbol not in book.positions or known is None or known.status == rules.status:
            return
        if rules.status == "TRADING":
            self.scribe.alert("info", "TRADING_RESUMED", symbol, {})
            self.desk.reopen(symbol)
        else:
            self.scribe.alert("warning", "TRADING_HALTED", symbol, {"status": rules.status})

    def _bars(self, event: Klines) -> None:
        """Take held symbols and working orders through bars, where no tick told of their time."""
        state = self._state
        symbol = state.names.get(event.symbol)
        interval = INTERVALS[event.interval] * SECOND
        for ts_open, open_, high, low, close, volume, *_ in event.rows:
            if symbol is None or state.times[symbol, columns.EVENT_AT] >= ts_open:
                continue
            ts_close = ts_open + interval
            held = state.book.positions.get(event.symbol)
            working = any(order.index == symbol for order in state.book.venue.values())
            frame_at = int(state.clock[columns.FRAME_AT])
            before = closes.on_bar(state.ring, state.table, symbol, ts_open, ts_close, open_, close, frame_at)
            whole = held is not None and held.opened_at <= ts_open
            if working or whole:
                path = exits.bar_path(held.side if held is not None else 1, open_, high, low, close)
                touch = self._bar(symbol, held if whole else None, path, ts_open, interval, volume)
                # Its age is none: the bar is a price itself.
                code = int(exits.on_second(state.table, symbol, close, before, 0.0, np.nan, np.nan, ts_close))
                self.desk.on_touch(touch, code, close)
                self.desk.on_time(int(state.clock[columns.NOW]))
                self.desk.on_touch(touch, 0, close)
            state.times[symbol, columns.EVENT_AT] = ts_close - 1
            state.times[symbol, columns.PRICE_AT] = state.clock[columns.NOW]
            state.table[symbol, [columns.PRICE, columns.MARK]] = close
        self.desk.on_time(int(state.clock[columns.NOW]))

    def _bar(
        self,
        symbol: int,
        held: Held | None,
        path: tuple[float, float, float, float],
        ts_open: int,
        interval: int,
        volume: float,
    ) -> Touch:
        """Walk one bar's path; returns its last price as orders meet it. `held` is what was held all the time."""
        state = self._state
        now = int(state.clock[columns.NOW])
        available = self._available(volume)
        # What was sent while the bar was forming can have met its end alone; what its prices trigger is sent from
        # within it. A bar cannot tell a latency shorter than itself from none; a longer one lets no order meet the
        # prices of the bar in which it arrives, but for the last.
        began = now - interval
        touch = Touch(index=symbol, last=path[0], bid=None, ask=None, buyable=available, sellable=available)
        touch.before = began + (self._latency_ns if self._latency_ns < interval else 0)
        scribe = self.scribe
        scribe.at(scribe.row, scribe.offset, ts_open)
        self.desk.sent_at = began
        self.desk.arrive(now)
        self._stop_first(held, path[0], began)
        self._bar_price(touch, path[0])
        self._stop_first(held, path[1], began)
        scribe.at(scribe.row, scribe.offset, ts_open + interval)
        for start, end in pairwise(path[:3]):
            self._bar_leg(touch, start, end)
        touch.before = columns.NEVER
        self._bar_leg(touch, path[2], path[3])
        self.desk.sent_at = None
        return touch

    def _stop_first(self, held: Held | None, price: float, began: int) -> None:
        """Withdraw the exits that were sent while the bar formed if it also met the stop: nobody knows which came first.

        Had they come first, they would have met a price better than the stop's, since it was not reached yet.
        """
        if held is None or self._state.table[held.index, columns.SIDE] == 0.0:
            return
        reason = exits.stop_met(self._state.table, held.index, price)
        if reason is not None:
            self.desk.withdraw_exits(held, began, reason.value)

    def _bar_leg(self, touch: Touch, start: float, end: float) -> None:
        while (level := exits.level_between(self._state.table, touch.index, start, end)) is not None:
            self._bar_price(touch, level)
            start = level
        self._bar_price(touch, end)

    def _bar_price(self, touch: Touch, price: float) -> None:
        table = self._state.table
        table[touch.index, [columns.PRICE, columns.MARK]] = price
        touch.last = price
        code = int(exits.on_price(table, touch.index, price))
        self.desk.on_touch(touch, code, price)


def plain(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The form the kernel was compiled for: contiguous and writable; copied only where it is not."""
    if column.flags.c_contiguous and column.flags.writeable:
        return column
    return np.array(column, order="C")
