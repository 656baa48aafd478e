"""Where intents become orders and the venue's reports become positions."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from contracts.facts import DecisionPacket
from contracts.instruments import check_order, from_float, round_quantity
from contracts.reasons import DenyReason, ExitReason
from contracts.settings import DeskSettings
from operators import columns, exits
from operators.admission import admit
from operators.execution_facts import Scribe
from operators.execution_state import ExecuteState, Held, Told
from operators.ids import client_order_id
from operators.ledger import ZERO, Holding
from operators.orders import TERMINAL, Order
from operators.paper import Report, Touch, Venue, next_due, significant
from operators.slices import I8, SECOND, Decided

MOST_DOUBLINGS = 6
"""A close that stays refused is tried again after 1, 2, 4 ... 64 times `orders.retry_s`."""

ENTRY = "entry"


class OrderDesk:
    """Sends orders, applies reports, and keeps the watched table in step. Lives as long as one slice."""

    def __init__(self, settings: DeskSettings, venue: Venue, state: ExecuteState, scribe: Scribe) -> None:
        self._settings = settings
        self._venue = venue
        self._state = state
        self._book = state.book
        self._scribe = scribe
        self.sent_at: int | None = None  # receive time of sending where it is not the row's
        self._changed = True
        self.held: I8 = np.empty(0, dtype=np.int64)
        self.found: I8 = np.empty(0, dtype=np.int64)

    @property
    def _now(self) -> int:
        return self.sent_at if self.sent_at is not None else int(self._state.clock[columns.NOW])

    # --- what the kernel watches ------------------------------------------------------------------------------------

    def begin(self, settings_hash: str) -> None:
        """Take up the state: under new settings every position's levels are set anew."""
        if self._book.settings_hash != settings_hash:
            self._book.settings_hash = settings_hash
            for held in self._book.positions.values():
                self._watch_position(held)
        self.refresh()

    def refresh(self) -> None:
        """Tell the kernel what is held and when time alone will matter next, if that changed."""
        if not self._changed:
            return
        self._changed = False
        positions = self._book.positions
        self.held = np.array([held.index for held in positions.values()], dtype=np.int64)
        self.found = np.zeros(len(self.held), dtype=np.int64)
        self._set_timer()

    def _set_timer(self) -> None:
        timer = next_due(self._book.venue)
        for held in self._book.positions.values():
            timer = min(timer, held.retry_at)
            if not self._all_committed(held):
                timer = min(timer, held.close_at)
        self._state.clock[columns.TIMER] = timer

    def _watch_orders(self, index: int) -> None:
        self._changed = True
        table = self._state.table
        orders = [order for order in self._book.venue.values() if order.index == index and order.arrived]
        table[index, columns.TAKERS] = sum(1 for order in orders if order.price is None)
        limits = [order for order in orders if order.price is not None]
        buys = [float(order.price) for order in limits if order.side > 0 and order.price is not None]
        sells = [float(order.price) for order in limits if order.side < 0 and order.price is not None]
        table[index, columns.BUY_LIMIT] = max(buys, default=-np.inf)
        table[index, columns.SELL_LIMIT] = min(sells, default=np.inf)

    @staticmethod
    def _all_committed(held: Held) -> bool:
        return held.committed >= held.quantity or held.retry_at != columns.NEVER

    def _watch_position(self, held: Held) -> None:
        table, index = self._state.table, held.index
        rules = self._settings.for_symbol(held.symbol).exits
        entry = held.holding.average
        held.close_at = held.opened_recv + int(rules.max_holding_s * SECOND)
        self._changed = True
        exits.set_levels(table, index, held.side, entry, rules, self._settings.paper)
        levels = exits.tier_levels(held.side, entry, rules)
        held.targets = levels[held.tiers :]
        table[index, columns.TARGET] = held.targets[0] if held.targets else np.nan
        table[index, columns.DONE] = 1.0 if self._all_committed(held) else 0.0

    # --- intents ----------------------------------------------------------------------------------------------------

    def decide(self, decided: Decided, ts_event: int) -> None:
        """Carry out one decision: open, or close what is held against it."""
        packet = decided.packet
        side = {"long": 1, "short": -1}.get(packet.action, 0)
        if side == 0:
            return
        held = self._book.positions.get(packet.symbol)
        if held is not None and held.side != side and not packet.shadow:
            self._close(held, ExitReason.OPPOSITE_SIGNAL)
            return
        verdict = admit(self._state, self._settings, packet, decided.symbol, side, ts_event)
        order = self._entry_order(packet, decided.symbol, side, verdict.quantity, verdict.price)
        self._book.metrics.count("orders", self._now)
        if verdict.denied is not None:
            self._book.metrics.count_denied(verdict.denied, packet.symbol, self._now)
            self._scribe.attempt(order, verdict.notional, verdict.denied.value, verdict.context)
            return
        self._scribe.attempt(order, verdict.notional, "", verdict.context)
        self._submit(order, self._now + int(self._settings.orders.entry_ttl_s * SECOND))

    def _entry_order(
        self, packet: DecisionPacket, index: int, side: int, quantity: Decimal, price: Decimal | None
    ) -> Order:
        key = client_order_id(packet.trace_id, f"{packet.strategy}/{packet.id}", 0)
        return Order(
            client_order_id=key,
            trace_id=packet.trace_id,
            decision_id=packet.id,
            position_id=f"pos-{key[3:]}",
            symbol=packet.symbol,
            index=index,
            side=side,
            order_type=self._settings.orders.entry_type,
            purpose=ENTRY,
            quantity=quantity,
            price=price,
            reference=float(self._state.table[index, columns.MARK]),
        )

    def _submit(self, order: Order, expires: int) -> None:
        instrument = self._state.instrument(order.symbol)
        order.sent_at = self._now
        self._book.orders[order.client_order_id] = order
        self._scribe.result(order, instrument)
        lot = instrument.lot_size if instrument is not None else ZERO
        self._venue.submit(self._book.venue, order, lot, self._now, expires)
        self._watch_orders(order.index)

    def exit_column(self, index: int, code: int) -> None:
        """Close the position of a column for the reason that a kernel found."""
        reason = exits.CODES[code]
        for held in self._book.positions.values():
            if held.index == index and reason is not None and not self._all_committed(held):
                self._close(held, reason)

    def close_symbol(self, symbol: str, reason: ExitReason) -> bool:
        """Close one position whole; False when there is none."""
        held = self._book.positions.get(symbol)
        if held is None:
            return False
        self._close(held, reason)
        return True

    def cancel_entries(self, symbol: str | None, reason: str) -> int:
        """Withdraw the entry orders of one symbol (None: of all); returns how many."""
        orders = [o for o in self._book.orders.values() if o.is_entry and symbol in (None, o.symbol)]
        for order in orders:
            self._apply(self._venue.cancel(self._book.venue, order.client_order_id, reason))
        return len(orders)

    def withdraw_exits(self, held: Held, after: int, reason: str) -> None:
        """Take back the exits of a position that were sent after a receive time: something before them ends it."""
        exits_since = [
            order
            for order in self._book.orders.values()
            if order.position_id == held.position_id and not order.is_entry and order.sent_at > after
        ]
        for order in exits_since:
            self._apply(self._venue.cancel(self._book.venue, order.client_order_id, reason))
        if exits_since:
            held.retry_at, held.retry_reason = columns.NEVER, ""
            self._watch_position(held)

    def _close(self, held: Held, reason: ExitReason) -> None:
        """Send all that is not on its way out already, after withdrawing what would still add to it."""
        self.cancel_entries(held.symbol, reason.value)
        self._exit(held, reason, held.quantity - held.committed)

    def _take_profit(self, held: Held, price: float) -> None:
        """Sell what the tiers reached by `price` sum to, less what tiers sold before; the last one closes the rest."""
        rules = self._settings.for_symbol(held.symbol).exits
        levels = exits.tier_levels(held.side, held.holding.average, rules)
        reached = exits.tiers_reached(held.side, levels, price)
        if reached <= held.tiers:
            return
        held.tiers = reached
        part = exits.part_until(rules, reached)
        if part == 1:
            self._close(held, ExitReason.TAKE_PROFIT)
            return
        left = held.quantity - held.committed
        wanted = min(left, held.first_quantity * part - held.tiered)
        instrument = self._state.instrument(held.symbol)
        if instrument is not None:
            wanted = round_quantity(instrument, wanted, market_order=True)
            mark = from_float(self._state.mark(held))
            if 0 < wanted < left and check_order(instrument, -held.side, left - wanted, mark, market_order=True):
                wanted = left  # what stayed behind could not be sold by itself
        if wanted > 0:
            held.tiered += self._exit(held, ExitReason.TAKE_PROFIT, wanted, tier=True)
        self._watch_position(held)

    def _exit(self, held: Held, reason: ExitReason, quantity: Decimal, *, tier: bool = False) -> Decimal:
        """Send market orders against the position; returns what was sent.

        A refusal of a whole close is tried again later, that of a halted symbol when it trades again; what a tier could
        not sell is left to the next tier.
        """
        held.retry_at, held.retry_reason = columns.NEVER, ""
        instrument = self._state.instrument(held.symbol)
        most = instrument.market_max_quantity or instrument.max_quantity if instrument is not None else ZERO
        sent = ZERO
        while quantity > 0:
            part = min(quantity, most) if most > 0 else quantity
            quantity -= part
            mark = self._state.mark(held)
            order = self._exit_order(held, reason, part)
            denied = None
            if instrument is not None:
                denied = check_order(instrument, -held.side, part, from_float(mark), market_order=True)
            self._book.metrics.count("orders", self._now)
            if denied is not None:
                self._book.metrics.count_denied(denied, held.symbol, self._now)
                self._scribe.attempt(order, part * from_float(mark), denied.value, {"mark": repr(mark)})
                if not tier:
                    self._deny_exit(held, reason, denied)
                break
            held.committed += part
            sent += part
            self._scribe.attempt(order, part * from_float(mark), "", {"mark": repr(mark)})
            self._submit(order, columns.NEVER)
            held.denied, held.denials = "", 0
        self._watch_position(held)
        return sent

    def _exit_order(self, held: Held, reason: ExitReason, quantity: Decimal) -> Order:
        held.attempts += 1
        return Order(
            client_order_id=client_order_id(held.position_id, reason.value, held.attempts),
            trace_id=held.trace_id,
            decision_id=held.decision_id,
            position_id=held.position_id,
            symbol=held.symbol,
            index=held.index,
            side=-held.side,
            order_type="market",
            purpose=reason.value,
            quantity=quantity,
            price=None,
            reference=self._state.mark(held),
        )

    def _deny_exit(self, held: Held, reason: ExitReason, denied: DenyReason) -> None:
        """Try a close that was refused again, later each time; what stays refused for one reason is told once."""
        why = f"{reason.value}/{denied.value}"
        if why != held.denied:
            held.denied, held.denials = why, 0
            self._scribe.alert("warning", "EXIT_DENIED", held.symbol, {"reason": denied.value})
        held.denials += 1
        self._retry(held, reason.value, times=1 << min(held.denials - 1, MOST_DOUBLINGS))
        if denied is DenyReason.NOT_TRADING:
            held.retry_at = columns.REOPENING

    def _retry(self, held: Held, reason: str, times: int = 1) -> None:
        held.retry_reason = reason
        held.retry_at = self._now + int(times * self._settings.orders.retry_s * SECOND)

    def reopen(self, symbol: str) -> None:
        """The venue trades the symbol again: send the close that waited for it."""
        held = self._book.positions.get(symbol)
        if held is not None and held.retry_at == columns.REOPENING:
            self._close(held, ExitReason(held.retry_reason))

    def adopt(self, order: Order, price: Decimal, fee: Decimal) -> None:
        """Book an entry that was filled elsewhere."""
        self._fill(order, order.quantity, price, fee)

    # --- what the venue says ----------------------------------------------------------------------------------------

    def on_time(self, now: int) -> None:
        """Arrivals, expiries, holding times and second attempts that are due by `now`."""
        self.arrive(now)
        for held in list(self._book.positions.values()):
            if now >= held.retry_at:
                self._close(held, ExitReason(held.retry_reason))
            elif now >= held.close_at and not self._all_committed(held):
                self._close(held, ExitReason.MAX_HOLDING_TIME)
        self.refresh()

    def arrive(self, now: int) -> None:
        """Arrivals and expiries of orders that are due by `now`."""
        self._apply(self._venue.on_time(self._book.venue, now, self._closed_columns()))

    def on_touch(self, touch: Touch, code: int, price: float) -> None:
        """A tick: fills of what is there, then the exit that the kernel found, which may fill on the same tick if
        nothing delays it.
        """
        self._apply(self._venue.on_touch(self._book.venue, touch))
        reason = exits.CODES[code]
        held = self._held_in(touch.index) if reason is not None else None
        if held is not None and reason is not None and not self._all_committed(held):
            if reason is ExitReason.TAKE_PROFIT:
                self._take_profit(held, price)
            else:
                self._close(held, reason)
        if any(not order.arrived and order.index == touch.index for order in self._book.venue.values()):
            self.arrive(int(self._state.clock[columns.NOW]))
            if held is not None:
                self._apply(self._venue.on_touch(self._book.venue, touch))
        self.refresh()

    def _held_in(self, index: int) -> Held | None:
        for held in self._book.positions.values():
            if held.index == index:
                return held
        return None

    def _closed_columns(self) -> frozenset[int]:
        closed: set[int] = set()
        for order in self._book.orders.values():
            instrument = self._state.instrument(order.symbol)
            if instrument is not None and instrument.status != "TRADING":
                closed.add(order.index)
        return frozenset(closed)

    def _apply(self, reports: list[Report]) -> None:
        for report in reports:
            order = self._book.orders[report.client_order_id]
            if report.trigger in ("fill", "complete") and report.price is not None:
                order.fill(report.quantity, report.price, report.fee)
            else:
                order.advance(report.trigger)
            if report.trigger == "accept":
                self._book.metrics.count("accepted", self._now, (self._now - order.sent_at) / 1e6)
            self._scribe.result(order, self._state.instrument(order.symbol), report)
            if order.status in TERMINAL:
                del self._book.orders[order.client_order_id]
            if report.price is not None:
                self._fill(order, report.quantity, report.price, report.fee)
            elif order.status in TERMINAL:
                self._ended(order)
            self._watch_orders(order.index)

    def _ended(self, order: Order) -> None:
        """An order ended with something unfilled."""
        held = self._book.positions.get(order.symbol)
        if order.status == "failed":
            self._book.metrics.count("errors", self._now)
            self._book.errors.append(self._now)
        if held is None or order.is_entry:
            return
        held.committed -= order.remaining
        self._retry(held, order.purpose)
        self._watch_position(held)

    def _fill(self, order: Order, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        book = self._book
        self._book.metrics.count("fills")
        held = book.positions.get(order.symbol)
        if held is None:
            held = self._open(order, float(price))
        book.ledger.fill(held.holding, order.side * quantity, price, fee)
        if order.is_entry:
            held.first_quantity += quantity
        else:
            held.committed -= quantity
            held.exit_reason = order.purpose
        holding = held.holding
        held.told = Told(
            significant(holding.average) if holding.quantity else held.told.average_entry,
            significant(holding.realised),
            significant(holding.fees),
            float(holding.quantity),
            float(holding.cost),
        )
        if holding.quantity:
            self._watch_position(held)
            self._scribe.position(held)
        else:
            self._scribe.position(held)
            self._closed(held)

    def _open(self, order: Order, price: float) -> Held:
        table, index = self._state.table, order.index
        held = Held(
            position_id=order.position_id,
            decision_id=order.decision_id,
            trace_id=order.trace_id,
            symbol=order.symbol,
            index=index,
            side=order.side,
            opened_at=self._scribe.ts_event,
            opened_recv=self._now,
            holding=Holding(),
        )
        self._book.positions[order.symbol] = held
        table[index, [columns.HIGH, columns.LOW]] = price
        table[index, columns.OPENED] = held.opened_at
        table[index, columns.HEAT_SINCE] = np.nan
        return held

    def _closed(self, held: Held) -> None:
        book = self._book
        del book.positions[held.symbol]
        self._changed = True
        exits.clear_levels(self._state.table, held.index)
        entry = self._settings.for_symbol(held.symbol).entry
        lost = held.holding.realised < 0
        wait = max(entry.cooldown_after_loss_s if lost else 0.0, entry.cooldown_after_exit_s)
        now = self._now
        book.cooldown = {symbol: until for symbol, until in book.cooldown.items() if until > now}
        book.cooldown[held.symbol] = now + int(wait * SECOND)
        ledger = book.ledger
        ledger.losses_in_a_row = ledger.losses_in_a_row + 1 if lost else 0
        if lost and ledger.losses_in_a_row % self._settings.risk.losses_alert == 0:
            args: dict[str, float | str] = {"losses": float(ledger.losses_in_a_row)}
            self._scribe.alert("warning", "LOSSES_IN_A_ROW", held.symbol, args)
