"""Facts of execution: one place that knows how orders, positions, account and engine are told."""

from __future__ import annotations

from decimal import Decimal

from contracts.events import Command
from contracts.facts import Account, Alert, CommandResult, EngineState, Fact, OrderAttempt, OrderResult, Position
from contracts.instruments import Instrument
from operators import columns, exits
from operators.engine_state import Engine
from operators.execution_state import ExecuteState, Held
from operators.ids import trace_id
from operators.orders import Order
from operators.paper import Report, significant
from operators.slices import Slice

RANK = 10  # execute is the last step: its facts follow those of the others at the same row
ZERO = Decimal(0)


class Scribe:
    """Writes facts of one slice at the place `at` was told last."""

    def __init__(self, piece: Slice, state: ExecuteState, account: str) -> None:
        self._piece = piece
        self._state = state
        self._account = account
        self.row = 0
        self.offset = 0
        self.ts_event = 0
        self.now = 0

    def at(self, row: int, offset: int, ts_event: int) -> None:
        """What follows from tick row `row`, log position `offset`, at event time `ts_event`."""
        self.row = row
        self.offset = offset
        self.ts_event = ts_event
        self.now = int(self._state.clock[columns.NOW])

    def _add(self, fact: Fact) -> None:
        self._piece.add(self.row, RANK, fact)

    def _serial(self, kind: str) -> str:
        """Key of a fact that has no natural one: kind, market, offset, and a number among its siblings there."""
        book = self._state.book
        if book.serial_offset != self.offset:
            book.serial_offset = self.offset
            book.serial = 0
        book.serial += 1
        return f"{kind}-{self._piece.market}-{self.offset}-{book.serial}"

    def _trace(self, *parts: str) -> str:
        return trace_id(self._piece.market, self.offset, *parts)

    def attempt(
        self, order: Order, notional: Decimal, deny_reason: str = "", context: dict[str, str] | None = None
    ) -> None:
        """Tell an intent and its verdict."""
        piece = self._piece
        self._add(
            OrderAttempt(
                id=order.client_order_id,
                trace_id=order.trace_id,
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                client_order_id=order.client_order_id,
                decision_id=order.decision_id,
                position_id=order.position_id,
                symbol=order.symbol,
                side="buy" if order.side > 0 else "sell",
                order_type=order.order_type,
                quantity=order.quantity,
                price=order.price,
                notional=significant(notional),
                purpose=order.purpose,
                verdict="denied" if deny_reason else "accepted",
                deny_reason=deny_reason,
                context=context or {},
            )
        )

    def result(self, order: Order, instrument: Instrument | None, report: Report | None = None) -> None:
        """Tell a change of an order's state."""
        piece = self._piece
        fill_price = report.price if report is not None else None
        average = order.average_price
        order.results += 1
        self._add(
            OrderResult(
                id=f"{order.client_order_id}-{order.results}",
                trace_id=order.trace_id,
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                client_order_id=order.client_order_id,
                venue_order_id="" if order.status == "created" else f"paper-{order.client_order_id[3:]}",
                decision_id=order.decision_id,
                position_id=order.position_id,
                symbol=order.symbol,
                side="buy" if order.side > 0 else "sell",
                purpose=order.purpose,
                status=order.status,
                quantity=order.quantity,
                filled_quantity=order.filled,
                average_price=significant(average) if average is not None else None,
                fill_price=fill_price,
                fill_quantity=report.quantity if report is not None else ZERO,
                fee=report.fee if report is not None else ZERO,
                fee_asset=instrument.quote if instrument is not None else "",
                liquidity=report.liquidity if report is not None else "",
                slippage_bps=_slippage_bps(order, fill_price),
                reason=report.reason if report is not None else "",
                evidence=f"{piece.market}/{piece.partition}@{self.offset}" if report is not None else "",
            )
        )

    def position(self, held: Held) -> None:
        """Tell a position as it stands, closed when nothing is left."""
        piece = self._piece
        state = self._state
        holding, told = held.holding, held.told
        closed = not holding.quantity
        mark = state.mark(held)
        table = state.table
        levels: tuple[float | None, float | None] = (None, None)
        targets: list[float] = []
        if not closed and table[held.index, columns.SIDE] != 0.0:
            level, code = exits.stop_in_force(table, held.index)
            levels = (float(level), float(level) if code == 3 else None)
            targets = held.targets
        held.facts += 1
        self._add(
            Position(
                id=f"{held.position_id}-{held.facts}",
                trace_id=held.trace_id,
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                position_id=held.position_id,
                decision_id=held.decision_id,
                symbol=held.symbol,
                status="closed" if closed else "open",
                signed_quantity=holding.quantity,
                average_entry=told.average_entry,
                mark=mark,
                realised_pnl=told.realised,
                unrealised_pnl=0.0 if closed else told.quantity * mark - told.cost,
                fees=told.fees,
                opened_at=held.opened_at,
                closed_at=self.ts_event if closed else None,
                exit_reason=held.exit_reason,
                stop_loss=levels[0],
                take_profit=targets,
                trailing_stop=levels[1],
                highest=float(table[held.index, columns.HIGH]),
                lowest=float(table[held.index, columns.LOW]),
            )
        )

    def account(self, equity: float) -> None:
        """Tell the account at this instant."""
        piece = self._piece
        state = self._state
        ledger = state.book.ledger
        exposure = 0.0
        unrealised = 0.0
        for held in state.book.positions.values():
            mark = state.mark(held)
            exposure += abs(held.told.quantity) * mark
            unrealised += held.told.quantity * mark - held.told.cost
        self._add(
            Account(
                id=self._serial("account"),
                trace_id=self._trace("account"),
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                account=self._account,
                equity=equity,
                cash=float(ledger.cash),
                exposure=exposure,
                realised_pnl=float(ledger.realised),
                unrealised_pnl=unrealised,
                fees=float(ledger.fees),
                peak_equity=ledger.peak_equity,
                drawdown=ledger.drawdown(equity),
                day_pnl=equity - ledger.day_start_equity if ledger.day >= 0 else 0.0,
                open_positions=len(state.book.positions),
            )
        )

    def engine(self, engine: Engine, previous: str, counters: dict[str, int]) -> None:
        """Tell the engine's state; `previous` is the one told before."""
        piece = self._piece
        book = self._state.book
        changed = engine.shown != previous or engine.paused != book.shown_paused
        book.shown, book.shown_paused = engine.shown, engine.paused
        self._add(
            EngineState(
                id=self._serial("engine"),
                trace_id=self._trace("engine"),
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                state=engine.shown,
                previous=previous,  # type: ignore[arg-type]
                changed=changed,
                since=engine.paused_since if engine.paused else engine.since,
                paused=engine.paused,
                reasons=engine.reasons(),
                clean_cycles=engine.clean_cycles,
                needed_cycles=engine.needed_cycles,
                ticker_age_ms=int(min(book.ticker_age_ms, 1e15)),
                feed_lag_ms=book.lag_ms,
                clock_skew_ms=book.skew_ms,
                ts_recv=self.now,
                counters=counters,
            )
        )

    def alert(self, severity: str, code: str, symbol: str = "", args: dict[str, float | str] | None = None) -> None:
        """Tell a person; severity is info, warning or critical."""
        piece = self._piece
        self._add(
            Alert(
                id=self._serial("alert"),
                trace_id=self._trace("alert", code, symbol),
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                severity=severity,  # type: ignore[arg-type]
                code=code,
                symbol=symbol,
                args=args or {},
            )
        )

    def command(self, command: Command, reason: str = "", detail: dict[str, str] | None = None) -> None:
        """Tell what became of a command; a reason means it was refused."""
        piece = self._piece
        self._add(
            CommandResult(
                id=f"command-{command.command_id}",
                trace_id=self._trace("command", command.command_id),
                market=piece.market,
                partition=piece.partition,
                offset=self.offset,
                ts_event=self.ts_event,
                settings_hash=piece.settings_hash,
                model_hash=piece.model_hash,
                command_id=command.command_id,
                command=str(command.__struct_config__.tag),
                author=command.author,
                ok=not reason,
                reason=reason,
                detail=detail or {},
            )
        )


def _slippage_bps(order: Order, price: Decimal | None) -> float | None:
    """Fill against the mark at submission in basis points, + is a cost; None without both."""
    if price is None or not order.reference > 0.0:
        return None
    return order.side * (float(price) / order.reference - 1.0) * 10_000.0
