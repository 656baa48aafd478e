"""Orders and account calls, the same for REST and the WebSocket API."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from contracts.settings.simulator import SimulatorSettings
from venues.simulated.account import Account
from venues.simulated.errors import (
    UNKNOWN_CANCEL,
    UNKNOWN_QUERY,
    Refusal,
    filter_failure,
    missing,
)
from venues.simulated.market import GeneratedMarket
from venues.simulated.matching import MatchingEngine
from venues.simulated.orders import Order, OrderPayloads, OrderType, Side, TimeInForce
from venues.simulated.parameters import Parameters
from venues.simulated.rules import Rules

_Choice = TypeVar("_Choice", bound=StrEnum)


def _choose(kind: type[_Choice], value: str, code: int, text: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        raise Refusal(code, text) from None


class Trading:
    """Check requests the way the exchange does and hand them to the matching engine.

    Each method takes the request's parameters and returns the JSON value of the answer.
    """

    def __init__(
        self, market: GeneratedMarket, rules: Rules, account: Account, engine: MatchingEngine, payloads: OrderPayloads,
        settings: SimulatorSettings,
    ) -> None:  # fmt: skip
        self._market = market
        self._rules = rules
        self._account = account
        self._engine = engine
        self._payloads = payloads
        self._settings = settings

    def place(self, parameters: Parameters, test: bool = False) -> dict[str, Any]:
        """POST order, order/test."""
        row = self._rules.row(parameters.symbol(), trading=True)
        side = _choose(Side, parameters.require("side"), -1117, "Invalid side.")
        kind = _choose(OrderType, parameters.require("type"), -1116, "Invalid orderType.")
        client_id = parameters.client_id("newClientOrderId")
        quantity, quote = parameters.decimal("quantity"), parameters.decimal("quoteOrderQty")
        price, sent_tif = parameters.decimal("price"), parameters.get("timeInForce")
        answer = parameters.get("newOrderRespType") or "FULL"
        if answer not in ("ACK", "RESULT", "FULL"):
            raise Refusal(-1102, "Mandatory parameter 'newOrderRespType' was not sent, was empty/null, or malformed.")
        tif = _choose(TimeInForce, sent_tif, -1115, "Invalid timeInForce.") if sent_tif else TimeInForce.GTC
        market = kind is OrderType.MARKET
        if market:
            self._unexpected(price is not None, "price")
            self._unexpected(sent_tif is not None, "timeInForce")
            if quantity is None and quote is None:
                raise missing("quantity")
            self._unexpected(quantity is not None and quote is not None, "quoteOrderQty")
        else:
            self._unexpected(quote is not None, "quoteOrderQty")
            self._unexpected(kind is OrderType.LIMIT_MAKER and sent_tif is not None, "timeInForce")
            if kind is OrderType.LIMIT and sent_tif is None:
                raise missing("timeInForce")
            if quantity is None:
                raise missing("quantity")
            if price is None:
                raise missing("price")
        ticks = self._rules.ticks(row, price) if price is not None else 0
        lots = self._rules.lots(row, quantity, market) if quantity is not None else 0
        self._check_notional(row, ticks, lots, quote)
        order = self._engine.place(row, side, kind, tif, ticks, lots, quote or Decimal(0), client_id, test)
        if order is None:
            return {}
        if answer == "ACK":
            return self._payloads.acknowledgement(order)
        return self._payloads.result(order, full=answer == "FULL")

    def query(self, parameters: Parameters) -> dict[str, Any]:
        """GET order."""
        return self._payloads.query(self._find(parameters, UNKNOWN_QUERY))

    def cancel(self, parameters: Parameters) -> dict[str, Any]:
        """DELETE order."""
        cancel_id = parameters.client_id("newClientOrderId")
        order = self._find(parameters, UNKNOWN_CANCEL)
        if not order.open:
            raise Refusal(*UNKNOWN_CANCEL)
        return self._payloads.cancel(order, self._engine.cancel(order, cancel_id))

    def open_orders(self, parameters: Parameters) -> list[dict[str, Any]]:
        """GET openOrders, of one symbol or all."""
        row = self._rules.row(parameters.symbol()) if parameters.get("symbol") else None
        return [self._payloads.query(order) for order in self._engine.open_orders(row)]

    def cancel_all(self, parameters: Parameters) -> list[dict[str, Any]]:
        """DELETE openOrders of one symbol."""
        orders = self._engine.open_orders(self._rules.row(parameters.symbol()))
        if not orders:
            raise Refusal(*UNKNOWN_CANCEL)
        return [self._payloads.cancel(order, self._engine.cancel(order)) for order in orders]

    def all_orders(self, parameters: Parameters) -> list[dict[str, Any]]:
        """GET allOrders of one symbol, oldest first."""
        row = self._rules.row(parameters.symbol())
        first, limit = parameters.integer("orderId", 0) or 0, self._limit(parameters)
        orders = [o for o in self._engine.orders.values() if o.row == row and o.order_id >= first]
        return [self._payloads.query(order) for order in (orders[:limit] if first else orders[-limit:])]

    def own_trades(self, parameters: Parameters) -> list[dict[str, Any]]:
        """GET myTrades of one symbol, oldest first."""
        row = self._rules.row(parameters.symbol())
        order_id, from_id = parameters.integer("orderId"), parameters.integer("fromId", 0) or 0
        start, end = parameters.integer("startTime", 0) or 0, parameters.integer("endTime")
        trades = [
            self._payloads.own_trade(order, fill)
            for order in self._engine.orders.values()
            if order.row == row and (order_id is None or order.order_id == order_id)
            for fill in order.fills
            if fill.trade_id >= from_id and fill.time_ms >= start and (end is None or fill.time_ms <= end)
        ]
        trades.sort(key=lambda trade: (trade["time"], trade["id"]))
        limit = self._limit(parameters)
        return trades[:limit] if start or from_id else trades[-limit:]

    def account(self, parameters: Parameters) -> dict[str, Any]:
        """GET account."""
        maker, taker = (f"{rate:.8f}" for rate in (self._settings.maker_fee, self._settings.taker_fee))
        return {
            "makerCommission": round(10_000 * self._settings.maker_fee),
            "takerCommission": round(10_000 * self._settings.taker_fee),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {"maker": maker, "taker": taker, "buyer": "0.00000000", "seller": "0.00000000"},
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._account.updated_ms,
            "accountType": "SPOT",
            "balances": self._account.balances(parameters.get("omitZeroBalances") == "true"),
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def _find(self, parameters: Parameters, unknown: tuple[int, str]) -> Order:
        row = self._rules.row(parameters.symbol())
        order_id, client_id = parameters.integer("orderId"), parameters.get("origClientOrderId")
        if order_id is None and client_id is None:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        order = self._engine.find(row, order_id, client_id)
        if order is None:
            raise Refusal(*unknown)
        return order

    def _check_notional(self, row: int, ticks: int, lots: int, quote: Decimal | None) -> None:
        decimals = self._payloads.quote_decimals(row)
        if quote is not None:
            self._rules.notional(quote, market=True)
            if quote.scaleb(decimals) < int(self._market.tape.last[row]):
                raise filter_failure("LOT_SIZE")
            return
        price = Decimal(ticks) if ticks else Decimal(self._market.tape.average_price(row))
        self._rules.notional((price * lots).scaleb(-decimals), market=not ticks)

    @staticmethod
    def _unexpected(sent: bool, name: str) -> None:
        if sent:
            raise Refusal(-1106, f"Parameter '{name}' sent when not required.")

    @staticmethod
    def _limit(parameters: Parameters) -> int:
        return max(1, min(1000, parameters.integer("limit", 500) or 500))
