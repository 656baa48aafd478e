"""An order of the account, its fills, and how both look on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from venues.simulated.wire import Payloads, amount


class Side(StrEnum):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """Order types that the simulated exchange takes."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"


class TimeInForce(StrEnum):
    """How long an order stays."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    """States of an order."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class Fill(NamedTuple):
    """One match; price in ticks, commission in the asset received."""

    trade_id: int
    price: int
    lots: int
    commission: Decimal
    commission_asset: str
    maker: bool
    time_ms: int


@dataclass(slots=True, eq=False)
class Order:
    """One order. price in ticks (0: market), lots, executed_quote in ticks x lots; queue_ahead: lots before it."""

    order_id: int
    row: int
    client_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: int
    lots: int
    quote_quantity: Decimal
    time_ms: int
    update_ms: int
    status: Status = Status.NEW
    executed: int = 0
    executed_quote: int = 0
    queue_ahead: int = 0
    fills: list[Fill] = field(default_factory=list)
    expiry: str = "NONE"

    @property
    def open(self) -> bool:
        """Whether it still can trade."""
        return self.status in (Status.NEW, Status.PARTIALLY_FILLED)

    @property
    def remaining(self) -> int:
        """Lots not yet executed."""
        return self.lots - self.executed


class OrderPayloads:
    """Build the answers and reports of orders."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads

    def lot_decimals(self, row: int) -> int:
        """Return the digits after the point of a lot."""
        return int(self._payloads.lot_decimals[row])

    def quote_decimals(self, row: int) -> int:
        """Return the digits after the point of ticks x lots."""
        return int(self._payloads.quote_decimals[row])

    def _core(self, order: Order) -> dict[str, Any]:
        wire = self._payloads
        return {
            "price": wire.price(order.row, order.price),
            "origQty": wire.quantity(order.row, order.lots),
            "executedQty": wire.quantity(order.row, order.executed),
            "origQuoteOrderQty": amount(order.quote_quantity),
            "cummulativeQuoteQty": wire.quote(order.row, order.executed_quote),
            "status": order.status,
            "timeInForce": order.time_in_force,
            "type": order.type,
            "side": order.side,
        }

    def acknowledgement(self, order: Order) -> dict[str, Any]:
        """Answer of POST order with newOrderRespType=ACK."""
        return {
            "symbol": self._payloads.names[order.row],
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "transactTime": order.update_ms,
        }

    def result(self, order: Order, full: bool) -> dict[str, Any]:
        """Answer of POST order with RESULT or FULL."""
        answer = {
            **self.acknowledgement(order),
            **self._core(order),
            "workingTime": order.time_ms,
            "selfTradePreventionMode": "NONE",
        }
        if order.expiry != "NONE":
            answer["expiryReason"] = order.expiry
        if full:
            answer["fills"] = [
                {
                    "price": self._payloads.price(order.row, fill.price),
                    "qty": self._payloads.quantity(order.row, fill.lots),
                    "commission": amount(fill.commission),
                    "commissionAsset": fill.commission_asset,
                    "tradeId": fill.trade_id,
                }
                for fill in order.fills
            ]
        return answer

    def query(self, order: Order) -> dict[str, Any]:
        """Answer of GET order."""
        return {
            "symbol": self._payloads.names[order.row],
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            **self._core(order),
            "stopPrice": amount(Decimal(0)),
            "icebergQty": amount(Decimal(0)),
            "time": order.time_ms,
            "updateTime": order.update_ms,
            "isWorking": True,
            "workingTime": order.time_ms,
            "selfTradePreventionMode": "NONE",
        }

    def cancel(self, order: Order, cancel_id: str) -> dict[str, Any]:
        """Answer of DELETE order: the cancel's own id stands in clientOrderId."""
        return {
            "symbol": self._payloads.names[order.row],
            "origClientOrderId": order.client_id,
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": cancel_id,
            "transactTime": order.update_ms,
            **self._core(order),
            "selfTradePreventionMode": "NONE",
        }

    def own_trade(self, order: Order, fill: Fill) -> dict[str, Any]:
        """One entry of GET myTrades."""
        wire = self._payloads
        return {
            "symbol": wire.names[order.row],
            "id": fill.trade_id,
            "orderId": order.order_id,
            "orderListId": -1,
            "price": wire.price(order.row, fill.price),
            "qty": wire.quantity(order.row, fill.lots),
            "quoteQty": wire.quote(order.row, fill.price * fill.lots),
            "commission": amount(fill.commission),
            "commissionAsset": fill.commission_asset,
            "time": fill.time_ms,
            "isBuyer": order.side is Side.BUY,
            "isMaker": fill.maker,
            "isBestMatch": True,
        }

    def report(
        self, order: Order, execution: str, event_ms: int, sequence: int, fill: Fill | None = None, cancel_id: str = ""
    ) -> dict[str, Any]:
        """`executionReport` of one change; on a cancel `c` is the cancel's id and `C` the order's."""
        wire, row = self._payloads, order.row
        zero = amount(Decimal(0))
        report = {
            "e": "executionReport", "E": event_ms, "s": wire.names[row], "c": cancel_id or order.client_id,
            "S": order.side, "o": order.type, "f": order.time_in_force, "q": wire.quantity(row, order.lots),
            "p": wire.price(row, order.price), "P": zero, "F": zero, "g": -1, "C": order.client_id if cancel_id else "",
            "x": execution, "X": order.status, "r": "NONE", "i": order.order_id,
            "l": wire.quantity(row, fill.lots) if fill else zero, "z": wire.quantity(row, order.executed),
            "L": wire.price(row, fill.price) if fill else zero, "n": amount(fill.commission) if fill else "0",
            "N": fill.commission_asset if fill else None, "T": order.update_ms, "t": fill.trade_id if fill else -1,
            "I": sequence, "w": order.open, "m": fill.maker if fill else False, "M": False, "O": order.time_ms,
            "Z": wire.quote(row, order.executed_quote), "Y": wire.quote(row, fill.price * fill.lots) if fill else zero,
            "Q": amount(order.quote_quantity), "W": order.time_ms, "V": "NONE",
        }  # fmt: skip
        if execution == "EXPIRED":
            report["eR"] = order.expiry
        return report
