"""The paper venue: orders meet the recorded market at the touch or through it, never better.

An order reaches the venue `latency_ms` of receive time after it was sent and meets the first tick of its symbol from
then on. *Market* orders take the touch (a fresh quote, and no better than the last trade; without a fresh quote the
last price and half of `assumed_spread_bps`) plus `slippage_bps`, and pay the taker fee. *Limit* orders that cross a
fresh quote on arrival take it likewise, never beyond their limit; otherwise they rest, fill whole at their price when
the market trades through it, in part when it trades at it, and pay the maker fee. No fill takes more than
`volume_share` of what the tick made available: the volume traded, or on a quote the size shown. Fees are charged in
quote currency.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Literal, Protocol

import msgspec

from contracts.instruments import from_float, round_to_step
from contracts.settings.trading import PaperSettings
from operators.columns import NEVER
from operators.orders import Order, Trigger

ZERO = Decimal(0)
BPS = Decimal(10_000)
DIGITS = 12  # significant digits of a price that became a fill


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of an order: the evidence on which its state moves."""

    client_order_id: str
    trigger: Trigger
    price: Decimal | None = None
    quantity: Decimal = ZERO
    fee: Decimal = ZERO
    liquidity: Literal["maker", "taker", ""] = ""
    reason: str = ""


class Touch(msgspec.Struct, kw_only=True):
    """One tick of a symbol as orders meet it; what it still offers to buyers and to sellers, in base units, falls with
    each fill.

    `bid` and `ask` are None without a fresh quote; `last` is None on a quote. Orders that arrive after `before`
    (receive time, ns) do not meet it: it tells of a moment that was over by then.
    """

    index: int
    last: float | None
    bid: float | None
    ask: float | None
    buyable: Decimal
    sellable: Decimal
    before: int = NEVER

    def offered(self, side: int) -> Decimal:
        """What it offers to a buy (+1) or a sell (-1)."""
        return self.buyable if side > 0 else self.sellable

    def take(self, side: int, quantity: Decimal) -> None:
        """Take a fill out of the offer."""
        if side > 0:
            self.buyable -= quantity
        else:
            self.sellable -= quantity


class Resting(msgspec.Struct, kw_only=True):
    """An order as the venue keeps it. `due` is when it arrives, `expires` when it is cancelled (receive time, ns)."""

    client_order_id: str
    index: int
    side: int
    price: Decimal | None  # None: market
    remaining: Decimal
    lot_size: Decimal
    due: int
    expires: int
    arrived: bool = False
    met: bool = False  # has seen a tick; from then on a limit order is a maker


class Venue(Protocol):
    """What execution needs of a venue: intents in, reports out. Nothing else moves an order."""

    def submit(self, book: dict[str, Resting], order: Order, lot_size: Decimal, now: int, expires: int) -> None:
        """Send an order; its acceptance comes as a report."""
        ...

    def cancel(self, book: dict[str, Resting], client_order_id: str, reason: str) -> list[Report]:
        """Ask for an order's withdrawal."""
        ...

    def on_time(self, book: dict[str, Resting], now: int, closed: frozenset[int]) -> list[Report]:
        """Reports that time alone brings: arrivals, expiries. `closed` are symbols that do not trade."""
        ...

    def on_touch(self, book: dict[str, Resting], touch: Touch) -> list[Report]:
        """Reports that a tick of a symbol brings."""
        ...


class PaperVenue:
    """Orders against the recorded market. It keeps nothing itself: `book` is part of the state of execution."""

    def __init__(self, settings: PaperSettings) -> None:
        self._latency_ns = settings.latency_ms * 1_000_000
        self._half_spread = from_float(settings.assumed_spread_bps) / BPS / 2
        self._slippage = from_float(settings.slippage_bps) / BPS
        self._taker_fee = from_float(settings.taker_fee_bps) / BPS
        self._maker_fee = from_float(settings.maker_fee_bps) / BPS

    def submit(self, book: dict[str, Resting], order: Order, lot_size: Decimal, now: int, expires: int) -> None:
        """Put an order on its way."""
        book[order.client_order_id] = Resting(
            client_order_id=order.client_order_id,
            index=order.index,
            side=order.side,
            price=order.price,
            remaining=order.remaining,
            lot_size=lot_size,
            due=now + self._latency_ns,
            expires=expires,
        )

    def cancel(self, book: dict[str, Resting], client_order_id: str, reason: str) -> list[Report]:
        """Withdraw an order at once, wherever it is; nothing when it is not there any more."""
        if book.pop(client_order_id, None) is None:
            return []
        return [Report(client_order_id=client_order_id, trigger="cancel", reason=reason)]

    def on_time(self, book: dict[str, Resting], now: int, closed: frozenset[int]) -> list[Report]:
        """Arrivals and expiries until `now`, in the order of sending. An order for a symbol that does not trade is
        rejected.
        """
        reports: list[Report] = []
        for order in list(book.values()):
            if not order.arrived and now >= order.due:
                if order.index in closed:
                    del book[order.client_order_id]
                    reports.append(
                        Report(client_order_id=order.client_order_id, trigger="reject", reason="NOT_TRADING")
                    )
                    continue
                order.arrived = True
                reports.append(Report(client_order_id=order.client_order_id, trigger="accept"))
            if now >= order.expires:
                del book[order.client_order_id]
                reports.append(Report(client_order_id=order.client_order_id, trigger="expire", reason="EXPIRED"))
        return reports

    def on_touch(self, book: dict[str, Resting], touch: Touch) -> list[Report]:
        """Fills of this tick, in the order of sending."""
        reports: list[Report] = []
        for order in list(book.values()):
            if order.index != touch.index or not order.arrived or order.due > touch.before:
                continue
            report = self._take(order, touch) if order.price is None else self._limit(order, order.price, touch)
            order.met = True
            if report is None:
                continue
            order.remaining -= report.quantity
            if order.remaining == 0:
                del book[order.client_order_id]
            reports.append(report)
        return reports

    def _limit(self, order: Resting, price: Decimal, touch: Touch) -> Report | None:
        limit = float(price)
        against = touch.ask if order.side > 0 else touch.bid
        if not order.met and against is not None and order.side * against <= order.side * limit:
            return self._take(order, touch, price)
        seen = touch.last if touch.last is not None else against
        if seen is None or order.side * seen > order.side * limit:
            return None
        through = order.side * seen < order.side * limit
        return self._fill(order, touch, price, self._maker_fee, "maker", whole=through)

    def _take(self, order: Resting, touch: Touch, limit: Decimal | None = None) -> Report | None:
        price = self._touch_price(order.side, touch)
        if price is None:
            return None
        price = significant(price * (1 + order.side * self._slippage))
        if limit is not None and order.side * price > order.side * limit:
            price = limit
        return self._fill(order, touch, price, self._taker_fee, "taker", whole=False)

    def _touch_price(self, side: int, touch: Touch) -> Decimal | None:
        quoted = touch.ask if side > 0 else touch.bid
        if quoted is not None and touch.last is not None:
            return from_float(max(quoted, touch.last) if side > 0 else min(quoted, touch.last))
        if quoted is not None:
            return from_float(quoted)
        if touch.last is None:
            return None
        return from_float(touch.last) * (1 + side * self._half_spread)

    def _fill(
        self,
        order: Resting,
        touch: Touch,
        price: Decimal,
        fee_rate: Decimal,
        liquidity: Literal["maker", "taker"],
        *,
        whole: bool,
    ) -> Report | None:
        quantity = order.remaining
        if not whole:
            quantity = min(quantity, round_to_step(touch.offered(order.side), order.lot_size, ROUND_FLOOR))
            if quantity <= 0:
                return None
            touch.take(order.side, quantity)
        return Report(
            client_order_id=order.client_order_id,
            trigger="complete" if quantity == order.remaining else "fill",
            price=price,
            quantity=quantity,
            fee=significant(quantity * price * fee_rate),
            liquidity=liquidity,
        )


def significant(value: Decimal) -> Decimal:
    """Round to 12 significant digits: beyond them prices and fees are arithmetic, not money.

    >>> significant(Decimal("100.02000000000000004")), significant(Decimal("98"))
    (Decimal('100.02'), Decimal('98'))
    """
    if len(value.as_tuple().digits) <= DIGITS:
        return value
    rounded = round(value, DIGITS - 1 - value.adjusted()).normalize()
    whole = int(rounded)
    return Decimal(whole) if rounded == whole else rounded  # 1E+2 reads worse than 100


def next_due(book: dict[str, Resting]) -> int:
    """Receive time of the next arrival or expiry, far away when there is none."""
    return min(
        (order.expires if order.arrived else min(order.due, order.expires) for order in book.values()), default=NEVER
    )
