"""The engine's health as execution sees it: faults from feed, sockets, order errors and losses; status written at
its interval.
"""

from __future__ import annotations

from contracts.reasons import EngineReason
from contracts.settings import DeskSettings
from operators import columns
from operators.engine_state import Fault, Level, judge
from operators.execution_facts import Scribe
from operators.execution_state import ExecuteState
from operators.slices import SECOND, Kind, Slice

DAY = 86_400 * SECOND
ROW_NAMES = [(int(kind), f"rows.{kind.name.lower()}") for kind in Kind]


class Health:
    """Judges health at each closed second that could change it, and tells of it. Lives as long as one slice."""

    def __init__(self, settings: DeskSettings, state: ExecuteState, scribe: Scribe) -> None:
        self._settings = settings
        self._state = state
        self._book = state.book
        self._scribe = scribe
        self._cycle_ns = settings.engine.cycle_s * SECOND
        self._status_ns = settings.status.every_s * SECOND
        self._marks_ns = settings.status.marks_every_s * SECOND

    def second(self, piece: Slice, frame: int, ts_close: int, *, restart: bool) -> None:
        """A second closed: read the feed's freshness, judge if a cycle ended or the feed changed, write the status
        when due.
        """
        book, clock = self._book, self._state.clock
        if book.first_frame is None:
            book.first_frame = ts_close
            book.engine.since = ts_close
        changed = False
        if piece.freshness is not None:
            fresh = piece.freshness
            status = int(fresh.status[frame])
            changed = status != clock[columns.FEED]
            clock[columns.FEED] = status
            book.ticker_age_ms = _finite(fresh.ticker_age_ms[frame], 1e15)
            book.lag_ms = _finite(fresh.lag_ms[frame], 0.0)
            book.skew_ms = _finite(fresh.skew_ms[frame], 0.0)
        cycle = ts_close >= clock[columns.CYCLE_AT]
        if cycle:
            clock[columns.CYCLE_AT] = (ts_close // self._cycle_ns + 1) * self._cycle_ns
            self._money(ts_close)
        if restart:
            self.shock(EngineReason.LOG_GAP, {"reason": "seconds are missing"})
        if cycle or changed:
            self.judge(cycle=cycle)
        if ts_close >= clock[columns.MARKS_AT]:
            clock[columns.MARKS_AT] = (ts_close // self._marks_ns + 1) * self._marks_ns
            for held in book.positions.values():
                self._scribe.position(held)
        if ts_close >= clock[columns.STATUS_AT]:
            clock[columns.STATUS_AT] = (ts_close // self._status_ns + 1) * self._status_ns
            self._scribe.engine(book.engine, book.shown, self.counters())
            self._scribe.account(self._state.equity())

    def judge(self, *, cycle: bool = False, extra: Fault | None = None) -> None:
        """Judge now; a change is written at once."""
        faults = self._faults()
        if extra is not None:
            faults.append(extra)
        if judge(self._book.engine, faults, self._settings.engine, self._scribe.ts_event, cycle=cycle):
            self.tell()

    def shock(self, code: EngineReason, args: dict[str, float | str]) -> None:
        """Degrade for something that happened once and is over; recovery counts from here."""
        self.judge(extra=Fault(code.value, Level.DEGRADED, args))
        self._book.engine.faults = self._faults()

    def tell(self) -> None:
        """Write the engine's state, and an alert when it got worse or better."""
        book = self._book
        engine, previous = book.engine, book.shown
        self._scribe.engine(engine, previous, self.counters())
        if engine.shown != previous:
            severity = {"tradeable": "info", "degraded": "warning", "blocked": "critical"}[engine.shown]
            if engine.paused:
                severity = "warning"  # somebody meant it
            codes = ", ".join(reason.code for reason in engine.reasons())
            args: dict[str, float | str] = {"state": engine.shown, "previous": previous, "reasons": codes}
            self._scribe.alert(severity, "ENGINE_STATE", "", args)

    def counters(self) -> dict[str, int]:
        """What was read and done since the log began, as of this row."""
        counts = self._state.counts
        counters = {name: int(counts[kind]) for kind, name in ROW_NAMES}
        counters["messages"] = int(counts[columns.MESSAGES])
        counters["frames"] = int(counts[columns.FRAMES])
        counters["open_orders"] = len(self._book.orders)
        counters.update(self._book.metrics.counters(int(self._state.clock[columns.NOW])))
        return counters

    def _faults(self) -> list[Fault]:
        book, settings = self._book, self._settings.engine
        now = int(self._state.clock[columns.NOW])
        faults: list[Fault] = []
        feed = int(self._state.clock[columns.FEED])
        age_s = book.ticker_age_ms / 1000.0
        if feed == 2:
            faults.append(Fault(EngineReason.FEED_LOST.value, Level.BLOCKED, {"ticker_age_s": age_s}))
        elif feed == 1:
            faults.append(Fault(EngineReason.FEED_STALE.value, Level.DEGRADED, {"ticker_age_s": age_s}))
        for stream, since in book.sockets_down.items():
            down_s = (now - since) / SECOND
            if down_s > settings.socket_down_s:
                args: dict[str, float | str] = {"stream": stream, "down_s": down_s}
                faults.append(Fault(EngineReason.FEED_LOST.value, Level.DEGRADED, args))
        window = int(settings.order_errors_window_s * SECOND)
        book.errors = [at for at in book.errors if now - at < window]
        errors = len(book.errors)
        if errors >= settings.order_errors_blocked:
            faults.append(Fault(EngineReason.ORDER_ERRORS.value, Level.BLOCKED, {"errors": float(errors)}))
        elif errors >= settings.order_errors_degraded:
            faults.append(Fault(EngineReason.ORDER_ERRORS.value, Level.DEGRADED, {"errors": float(errors)}))
        if book.halted_day >= book.ledger.day >= 0:
            faults.append(Fault(EngineReason.RISK_HALT.value, Level.BLOCKED, {}))
        first = book.first_frame
        if first is not None and self._scribe.ts_event - first < settings.warm_up_s * SECOND:
            faults.append(Fault(EngineReason.WARMING_UP.value, Level.DEGRADED, {}))
        return faults

    def _money(self, ts_close: int) -> None:
        """Mark the account; a loss beyond the day's bound halts opening until the next UTC day."""
        book, day = self._book, ts_close // DAY
        equity = self._state.equity()
        book.ledger.mark(equity, day)
        loss = book.ledger.day_loss(equity)
        if loss >= self._settings.risk.daily_loss_max and book.halted_day != day:
            book.halted_day = day
            self._scribe.alert("critical", "RISK_HALT", "", {"day_loss": loss, "equity": equity})


def _finite(value: float, otherwise: float) -> float:
    number = float(value)
    return number if abs(number) < 1e15 else otherwise
