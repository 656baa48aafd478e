"""The matching engine: price, time, queue, money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from contracts.settings.simulator import GeneratedMarketSettings
from tests.venues.simulated.exchanges import simulator
from venues.simulated.account import Account
from venues.simulated.errors import Refusal
from venues.simulated.halts import HaltStatus
from venues.simulated.market import GeneratedMarket
from venues.simulated.matching import MatchingEngine
from venues.simulated.orders import Order, OrderPayloads, OrderType, Side, Status, TimeInForce
from venues.simulated.tape import PublicTrade
from venues.simulated.wire import Payloads

ROW = 1  # ETHUSDT
START_S = 1_750_000_000


class Desk:
    """A market, an account and an engine without a server."""

    def __init__(self, **changes: Any) -> None:
        settings = simulator(**changes)
        quiet = GeneratedMarketSettings(history_minutes=60, history_days=0, listing_every_s=0, first_pump_after_s=9999)
        self.market = GeneratedMarket(quiet, 10, 3, START_S)
        self.account = Account({"USDT": "50000", "ETH": "5"})
        self.events: list[dict[str, Any]] = []
        self.public: list[PublicTrade] = []
        self.engine = MatchingEngine(
            self.market, self.account, OrderPayloads(Payloads(self.market.universe)), settings, self.events.append
        )
        self.engine.publish = lambda trade, _: self.public.append(trade)
        self.wealth = self.assets()

    def assets(self) -> dict[str, Decimal]:
        return {
            a: self.account.free.get(a, Decimal(0)) + self.account.locked.get(a, Decimal(0)) for a in ("USDT", "ETH")
        }

    def place(self, side: Side, price: int, lots: int, kind: OrderType = OrderType.LIMIT, **more: Any) -> Order:
        order = self.engine.place(
            ROW,
            side,
            kind,
            more.get("tif", TimeInForce.GTC),
            price,
            lots,
            more.get("quote", Decimal(0)),
            more.get("client_id"),
        )
        assert order is not None
        return order

    def trade(self, price: int, lots: int, maker: bool) -> None:
        """A public trade reaches what rests; quotes stay."""
        self.engine.on_step([PublicTrade(ROW, 77, self.market.now_ms, price, lots, maker)])

    @property
    def bid(self) -> int:
        return self.market.quote(ROW)[0]

    @property
    def ask(self) -> int:
        return self.market.quote(ROW)[2]

    def executions(self, order: Order) -> list[str]:
        return [e["x"] for e in self.events if e["e"] == "executionReport" and e["i"] == order.order_id]


def test_a_market_order_takes_the_book_from_its_best_price() -> None:
    desk = Desk()
    prices, lots = desk.market.depth(ROW, 1)
    wanted = int(lots[0] + lots[1] + 1)
    order = desk.place(Side.BUY, 0, wanted, OrderType.MARKET)
    assert [(fill.price, fill.lots) for fill in order.fills] == [
        (prices[0], lots[0]),
        (prices[1], lots[1]),
        (prices[2], 1),
    ]
    assert order.status is Status.FILLED
    assert [trade.lots for trade in desk.public] == [fill.lots for fill in order.fills]
    assert [trade.id for trade in desk.public] == [fill.trade_id for fill in order.fills]
    again = desk.place(Side.BUY, 0, 1, OrderType.MARKET)
    assert again.fills[0].price == prices[2]  # what was taken is gone


def test_money_is_kept_to_the_last_digit() -> None:
    desk = Desk()
    order = desk.place(Side.BUY, 0, 1000, OrderType.MARKET)
    units = Decimal(10) ** -(desk.market.universe.price_decimals[ROW] + desk.market.universe.lot_decimals[ROW]).item()
    cost = order.executed_quote * units
    bought = Decimal(1000).scaleb(-int(desk.market.universe.lot_decimals[ROW]))
    fee = sum((fill.commission for fill in order.fills), Decimal(0))
    assert desk.assets()["USDT"] == desk.wealth["USDT"] - cost
    assert desk.assets()["ETH"] == desk.wealth["ETH"] + bought - fee
    assert abs(fee - bought * Decimal("0.001")) < Decimal("1e-6")
    assert desk.account.locked["USDT"] == 0


def test_a_limit_order_rests_locks_and_is_released_by_its_cancel() -> None:
    desk = Desk()
    price = desk.bid - 500
    order = desk.place(Side.BUY, price, 1000, client_id="mine")
    assert order.status is Status.NEW
    assert desk.account.locked["USDT"] > 0
    desk.engine.cancel(order, "the-cancel")
    assert desk.account.locked["USDT"] == 0
    assert desk.assets() == desk.wealth
    report = [e for e in desk.events if e["e"] == "executionReport"][-1]
    assert (report["x"], report["X"], report["c"], report["C"]) == ("CANCELED", "CANCELED", "the-cancel", "mine")
    assert desk.executions(order) == ["NEW", "CANCELED"]


def test_trades_at_the_price_wait_for_the_queue_and_fill_in_part() -> None:
    desk = Desk()
    order = desk.place(Side.BUY, desk.bid, 100)
    ahead = order.queue_ahead
    assert ahead > 0
    desk.trade(order.price, ahead, maker=True)
    assert order.executed == 0
    desk.trade(order.price, 40, maker=True)
    assert (order.executed, order.status) == (40, Status.PARTIALLY_FILLED)
    desk.trade(order.price, 500, maker=True)
    assert (order.executed, order.status) == (100, Status.FILLED)
    assert all(fill.maker and fill.price == order.price for fill in order.fills)
    assert desk.executions(order) == ["NEW", "TRADE", "TRADE"]


def test_trades_through_the_price_fill_at_once_and_only_their_volume() -> None:
    desk = Desk()
    order = desk.place(Side.SELL, desk.ask, 100)
    desk.trade(order.price + 3, 30, maker=False)
    assert order.executed == 30
    desk.trade(order.price + 3, 30, maker=True)  # a seller's trade does not lift an offer
    assert order.executed == 30


def test_better_price_first_then_earlier_time() -> None:
    desk = Desk()
    price = desk.bid - 20
    early, late = desk.place(Side.BUY, price, 50), desk.place(Side.BUY, price, 50)
    better = desk.place(Side.BUY, price + 10, 50)
    desk.trade(price - 5, 120, maker=True)
    assert (better.executed, early.executed, late.executed) == (50, 50, 20)


def test_quotes_that_cross_fill_what_rests() -> None:
    desk = Desk()
    order = desk.place(Side.BUY, desk.bid - 30, 10)
    for _ in range(6000):
        desk.market.close_step()
        desk.market.advance()
        desk.engine.on_step(desk.market.trades())
        if not order.open:
            break
    assert order.status is Status.FILLED
    assert {fill.price for fill in order.fills} == {order.price}


def test_what_rests_in_a_halted_symbol_waits_for_the_resume() -> None:
    desk = Desk()
    ask = desk.ask
    order = desk.place(Side.BUY, ask, int(desk.market.depth(ROW, 1)[1][0]) + 10)
    assert order.remaining == 10  # it stands at the ask's own price: whatever is quoted next fills it
    desk.market.halt(ROW, HaltStatus.BREAK)

    def go_on() -> None:
        desk.market.close_step()
        desk.market.advance()
        desk.engine.on_step(desk.market.trades())

    for _ in range(300):
        go_on()
    assert (order.remaining, order.open, desk.ask) == (10, True, ask)
    desk.market.resume(ROW)
    for _ in range(6000):
        go_on()
        if not order.open:
            break
    assert order.status is Status.FILLED


def test_immediate_or_cancel_and_fill_or_kill() -> None:
    desk = Desk()
    prices, lots = desk.market.depth(ROW, 1)
    order = desk.place(Side.BUY, int(prices[0]), int(lots[0]) + 50, tif=TimeInForce.IOC)
    assert (order.status, order.executed) == (Status.EXPIRED, lots[0])
    assert desk.account.locked["USDT"] == 0
    killed = desk.place(Side.BUY, int(prices[1]), int(lots[1]) + 50, tif=TimeInForce.FOK)
    assert (killed.status, killed.executed) == (Status.EXPIRED, 0)
    filled = desk.place(Side.BUY, int(prices[1]), int(lots[1]), tif=TimeInForce.FOK)
    assert filled.status is Status.FILLED
    assert desk.executions(killed) == ["NEW", "EXPIRED"]


def test_a_maker_order_that_would_take_is_refused() -> None:
    desk = Desk()
    with pytest.raises(Refusal, match="immediately match"):
        desk.place(Side.BUY, desk.ask, 10, OrderType.LIMIT_MAKER)
    assert desk.place(Side.BUY, desk.ask - 1, 10, OrderType.LIMIT_MAKER).status is Status.NEW
    assert desk.assets() == desk.wealth


def test_client_ids_are_unique_among_open_orders_only() -> None:
    desk = Desk()
    first = desk.place(Side.BUY, desk.bid - 100, 10, client_id="mine")
    with pytest.raises(Refusal, match="Duplicate order sent"):
        desk.place(Side.BUY, desk.bid - 100, 10, client_id="mine")
    desk.engine.cancel(first)
    second = desk.place(Side.BUY, desk.bid - 100, 10, client_id="mine")
    assert desk.engine.find(ROW, None, "mine") is second
    assert desk.engine.find(ROW, first.order_id, None) is first


def test_what_is_not_there_cannot_be_spent() -> None:
    desk = Desk()
    with pytest.raises(Refusal, match="insufficient balance"):
        desk.place(Side.SELL, desk.ask, 60_000)
    with pytest.raises(Refusal, match="insufficient balance"):
        desk.place(Side.BUY, desk.bid, 10_000_000)
    assert desk.assets() == desk.wealth
    assert desk.events == []


def test_a_quote_quantity_is_spent_and_never_exceeded() -> None:
    desk = Desk()
    order = desk.place(Side.BUY, 0, 0, OrderType.MARKET, quote=Decimal(1000))
    spent = desk.wealth["USDT"] - desk.assets()["USDT"]
    assert Decimal(999) < spent <= Decimal(1000)
    assert order.status is Status.FILLED
    sold = desk.place(Side.SELL, 0, 0, OrderType.MARKET, quote=Decimal(500))
    assert sold.status is Status.FILLED


def test_open_orders_of_a_symbol_are_bounded() -> None:
    desk = Desk(max_open_orders_per_symbol=3)
    for i in range(3):
        desk.place(Side.BUY, desk.bid - 100 - i, 10)
    with pytest.raises(Refusal, match="MAX_NUM_ORDERS"):
        desk.place(Side.BUY, desk.bid - 100, 10)


def test_a_test_order_leaves_no_trace() -> None:
    desk = Desk()
    done = desk.engine.place(ROW, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, desk.bid, 100, Decimal(0), "x", test=True)
    assert done is None
    assert desk.assets() == desk.wealth
    assert desk.engine.open_orders() == []
    assert desk.events == []
