"""The matching engine for the account's orders against the generated market."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from contracts.settings.simulator import SimulatorSettings
from venues.simulated.account import Account
from venues.simulated.errors import DUPLICATE, WOULD_MATCH, Refusal, filter_failure
from venues.simulated.market import GeneratedMarket
from venues.simulated.orders import Fill, Order, OrderPayloads, OrderType, Side, Status, TimeInForce
from venues.simulated.tape import PublicTrade
from venues.simulated.wire import amount


def _unheard(trade: PublicTrade, event_ms: int) -> None:
    """Stand in for a publisher."""


class MatchingEngine:
    """Match in price-time order.

    An incoming order takes what the book shows, level by level; what it took is gone until the second is over. A
    resting order stands behind what its level showed when it came: trades at its price first use that up, trades
    through its price, and quotes that cross it, fill it with their volume. `report` receives each user event,
    `publish` each public trade that an order of the account caused.
    """

    def __init__(
        self, market: GeneratedMarket, account: Account, payloads: OrderPayloads, settings: SimulatorSettings,
        report: Callable[[dict[str, Any]], None],
    ) -> None:  # fmt: skip
        self.orders: dict[int, Order] = {}
        self.publish: Callable[[PublicTrade, int], None] = _unheard
        self._market = market
        self._account = account
        self._payloads = payloads
        self._settings = settings
        self._report = report
        self._resting: dict[int, list[Order]] = {}  # by row, in time order
        self._live_ids: dict[str, Order] = {}
        self._by_client: dict[tuple[int, str], Order] = {}
        self._taken: dict[tuple[int, Side], dict[int, int]] = {}
        self._taken_second = 0
        self._next_id = 1_000_001
        self._sequence = 0

    def open_orders(self, row: int | None = None) -> list[Order]:
        """Return open orders, oldest first."""
        return [order for order in self._live_ids.values() if row is None or order.row == row]

    def find(self, row: int, order_id: int | None, client_id: str | None) -> Order | None:
        """Return an order by its id, else the newest that bore the client id."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order is not None and order.row == row else None
        return self._by_client.get((row, client_id)) if client_id else None

    def place(
        self, row: int, side: Side, kind: OrderType, time_in_force: TimeInForce, price: int, lots: int,
        quote: Decimal, client_id: str | None, test: bool = False,
    ) -> Order | None:  # fmt: skip
        """Take an order that has passed the filters of form; returns it, matched as far as it goes.

        price is 0 for market orders; either lots or quote is 0. With `test` everything is checked and nothing done.
        """
        if client_id and client_id in self._live_ids:
            raise Refusal(*DUPLICATE)
        if len(self._resting.get(row, ())) >= self._settings.max_open_orders_per_symbol:
            raise filter_failure("MAX_NUM_ORDERS", -2010)
        matches = self._plan(row, side, price, lots, quote)
        if kind is OrderType.MARKET:
            if not lots:
                lots = max(1, sum(n for _, n in matches))
            value = sum(p * n for p, n in matches) if side is Side.BUY else 0
        else:
            if kind is OrderType.LIMIT_MAKER and matches:
                raise Refusal(*WOULD_MATCH)
            value = price * lots
        asset, needed = (
            (self._base(row), self._quantity(row, lots)) if side is Side.SELL else ("USDT", self._value(row, value))
        )
        self._account.lock(asset, needed)
        if test:
            self._account.release(asset, needed)
            return None
        now = self._market.now_ms
        order = Order(
            self._next_id,
            row,
            client_id or f"sim-{self._next_id}",
            side,
            kind,
            time_in_force,
            price,
            lots,
            quote,
            now,
            now,
        )
        self._next_id += 1
        self.orders[order.order_id] = self._by_client[row, order.client_id] = order
        self._live_ids[order.client_id] = order
        self._emit(order, "NEW")
        if time_in_force is TimeInForce.FOK and sum(n for _, n in matches) < lots:
            matches = []
        spent = 0
        for level, available in matches:
            n = min(available, order.remaining)
            self._take(row, side, level, n)
            trade = self._make_public(row, level, n, buyer_is_maker=side is Side.SELL)
            spent += level * n
            self._fill(order, trade, level, n, maker=False)
        if kind is OrderType.MARKET and side is Side.BUY:
            self._account.release("USDT", self._value(row, value - spent))
        if order.remaining and (kind is OrderType.MARKET or time_in_force is not TimeInForce.GTC):
            self._close(order, Status.EXPIRED, "INSUFFICIENT_LIQUIDITY" if kind is OrderType.MARKET else "IOC_OR_FOK")
        elif order.remaining:
            order.queue_ahead = self._shown(row, side, price)
            self._resting.setdefault(row, []).append(order)
        self._position(order)
        return order

    def cancel(self, order: Order, cancel_id: str | None = None) -> str:
        """Cancel an open order; returns the cancel's id."""
        cancel_id = cancel_id or f"cancel-{order.order_id}"
        self._close(order, Status.CANCELED, "NONE", cancel_id)
        self._position(order)
        return cancel_id

    def deposit(self, asset: str, value: Decimal) -> None:
        """Add `value` to the account from outside; reported as balanceUpdate."""
        now = self._account.updated_ms = self._market.now_ms
        self._account.receive(asset, value)
        self._report({"e": "balanceUpdate", "E": now, "a": asset, "d": amount(value), "T": now})
        self._report({"e": "outboundAccountPosition", "E": now, "u": now, "B": self._account.position([asset])})

    def on_step(self, trades: list[PublicTrade]) -> None:
        """Let the step's public trades and new quotes reach the resting orders."""
        if not self._resting:
            return
        for trade in trades:
            if trade.row in self._resting:
                self._hit(trade)
        for row in list(self._resting):
            if row not in self._market.halts:
                self._cross(row)

    def _hit(self, trade: PublicTrade) -> None:
        side = Side.BUY if trade.maker else Side.SELL
        sign = 1 if side is Side.BUY else -1
        reached = [o for o in self._resting[trade.row] if o.side is side and sign * o.price >= sign * trade.price]
        filled = 0
        for order in sorted(reached, key=lambda o: -sign * o.price):
            ahead = order.queue_ahead if order.price == trade.price else 0
            left = trade.lots - filled
            n = min(max(0, left - ahead), order.remaining)
            if order.price == trade.price:
                order.queue_ahead = max(0, order.queue_ahead - left)
            if n:
                filled += n
                self._fill(order, trade, order.price, n, maker=True)
                self._position(order)

    def _cross(self, row: int) -> None:
        bid, _, ask, _ = self._market.quote(row)
        for order in list(self._resting.get(row, ())):
            buys = order.side is Side.BUY
            if (buys and 0 < ask <= order.price) or (not buys and bid >= order.price):
                for level, available in self._plan(row, order.side, order.price, order.remaining, Decimal(0)):
                    self._take(row, order.side, level, available)
                    trade = self._make_public(row, order.price, available, buyer_is_maker=buys)
                    self._fill(order, trade, order.price, available, maker=True)
                self._position(order)

    def _plan(self, row: int, side: Side, limit: int, lots: int, quote: Decimal) -> list[tuple[int, int]]:
        """Return the levels (ticks, lots) that an order of `lots`, or worth `quote`, takes up to `limit` (0: any)."""
        if self._taken_second != self._market.second:
            self._taken.clear()
            self._taken_second = self._market.second
        prices, shown = self._market.depth(row, 1 if side is Side.BUY else 0)
        taken = self._taken.get((row, side), {})
        budget = int(quote.scaleb(self._payloads.quote_decimals(row))) if quote else 0
        plan = []
        for level, available in zip(prices.tolist(), shown.tolist(), strict=True):
            if limit and (level > limit if side is Side.BUY else level < limit):
                break
            available -= taken.get(level, 0)
            n = min(available, budget // level if quote else lots)
            if n > 0:
                plan.append((level, n))
                lots -= n
                budget -= n * level
            if (quote and budget < level) or (not quote and lots <= 0):
                break
        return plan

    def _take(self, row: int, side: Side, level: int, lots: int) -> None:
        taken = self._taken.setdefault((row, side), {})
        taken[level] = taken.get(level, 0) + lots

    def _shown(self, row: int, side: Side, price: int) -> int:
        prices, lots = self._market.depth(row, 0 if side is Side.BUY else 1)
        return int(lots[prices == price].sum())

    def _make_public(self, row: int, price: int, lots: int, buyer_is_maker: bool) -> PublicTrade:
        now = self._market.now_ms
        columns = [np.array([value]) for value in (row, now, price, lots, int(buyer_is_maker))]
        trade = self._market.tape.apply(0, *columns)[0]
        self.publish(trade, now)
        return trade

    def _fill(self, order: Order, trade: PublicTrade, price: int, lots: int, maker: bool) -> None:
        row, account = order.row, self._account
        rate = Decimal(str(self._settings.maker_fee if maker else self._settings.taker_fee))
        value, quantity = self._value(row, price * lots), self._quantity(row, lots)
        base = self._base(row)
        if order.side is Side.BUY:
            asset, received = base, quantity
            locked = self._value(row, order.price * lots) if order.price else value
            account.spend_locked("USDT", value)
            account.release("USDT", locked - value)
        else:
            asset, received = "USDT", value
            account.spend_locked(base, quantity)
        commission = (received * rate).quantize(Decimal("0.00000001"))
        account.receive(asset, received - commission)
        order.executed += lots
        order.executed_quote += price * lots
        order.update_ms = account.updated_ms = self._market.now_ms
        fill = Fill(trade.id, price, lots, commission, asset, maker, order.update_ms)
        order.fills.append(fill)
        order.status = Status.PARTIALLY_FILLED if order.remaining else Status.FILLED
        if not order.remaining:
            self._forget(order)
        self._emit(order, "TRADE", fill)

    def _close(self, order: Order, status: Status, expiry: str, cancel_id: str = "") -> None:
        order.status, order.expiry = status, expiry
        order.update_ms = self._account.updated_ms = self._market.now_ms
        if order.side is Side.SELL:
            self._account.release(self._base(order.row), self._quantity(order.row, order.remaining))
        elif order.price:
            self._account.release("USDT", self._value(order.row, order.price * order.remaining))
        self._forget(order)
        self._emit(order, status, cancel_id=cancel_id)

    def _forget(self, order: Order) -> None:
        self._live_ids.pop(order.client_id, None)
        resting = self._resting.get(order.row, [])
        if order in resting:
            resting.remove(order)
            if not resting:
                del self._resting[order.row]

    def _emit(self, order: Order, execution: str, fill: Fill | None = None, cancel_id: str = "") -> None:
        self._sequence += 1
        self._report(self._payloads.report(order, execution, self._market.now_ms, self._sequence, fill, cancel_id))

    def _position(self, order: Order) -> None:
        now = self._market.now_ms
        assets = [self._base(order.row), "USDT"]
        self._report({"e": "outboundAccountPosition", "E": now, "u": now, "B": self._account.position(assets)})

    def _base(self, row: int) -> str:
        return self._market.universe.bases[row]

    def _quantity(self, row: int, lots: int) -> Decimal:
        return Decimal(lots).scaleb(-self._payloads.lot_decimals(row))

    def _value(self, row: int, units: int) -> Decimal:
        return Decimal(units).scaleb(-self._payloads.quote_decimals(row))
