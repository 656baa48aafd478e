"""An unmodified ccxt.binance against the simulated exchange: nothing but other URLs.

On a host that is not Binance's own, ccxt leaves its spot error table aside; merging it restores the classes that
Binance itself gives.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from tests.venues.simulated.exchanges import KEY, SECRET, Client, connected, until
from venues.simulated.server import SimulatedExchange

OPTIONS = {
    "apiKey": KEY,
    "secret": SECRET,
    "options": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    },
}


def pointed(client: Any, port: int) -> Any:
    """Point a ccxt client at a port on loopback."""
    for name in ("public", "private"):
        client.urls["api"][name] = f"http://127.0.0.1:{port}/api/v3"
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/stream/ws"
        client.urls["api"]["ws"]["ws-api"]["spot"] = f"ws://127.0.0.1:{port}/ws-api/v3"
    for kind in ("exact", "broad"):
        client.exceptions[kind] = {**client.exceptions[kind], **client.exceptions["spot"].get(kind, {})}
    return client


@asynccontextmanager
async def trading(**changes: Any) -> AsyncIterator[tuple[Any, Client]]:
    """An async ccxt client with markets loaded, and a bare client for faults."""
    async with connected(**changes) as (exchange, bare):
        client = pointed(ccxt.async_support.binance(OPTIONS), exchange.port)
        try:
            await client.load_markets()
            yield client, bare
        finally:
            await client.close()


@asynccontextmanager
async def watching() -> AsyncIterator[tuple[Any, SimulatedExchange]]:
    async with connected() as (exchange, _):
        client = pointed(ccxt.pro.binance(OPTIONS), exchange.port)
        try:
            await client.load_markets()
            yield client, exchange
        finally:
            await client.close()


async def soon(wanted: Any) -> Any:
    return await asyncio.wait_for(wanted, 10)


def script(port: int) -> None:
    """What a bot does, with the synchronous client."""
    client = pointed(ccxt.binance(OPTIONS), port)
    markets = client.load_markets()
    assert len(markets) == 40
    assert markets["BTC/USDT"]["precision"] == {"amount": 1e-05, "price": 0.01, "base": 1e-08, "quote": 1e-08}
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5.0
    assert client.fetch_time() > 0
    ticker = client.fetch_ticker("BTC/USDT")
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert len(client.fetch_tickers()) == 40
    candles = client.fetch_ohlcv("BTC/USDT", "1m", limit=100)
    assert len(candles) == 100
    book = client.fetch_order_book("BTC/USDT", 10)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert client.fetch_trades("BTC/USDT", limit=5)

    price = float(client.price_to_precision("BTC/USDT", ticker["last"] * 0.9))
    before = client.fetch_balance()["USDT"]
    order = client.create_order("BTC/USDT", "limit", "buy", 0.01, price, {"clientOrderId": "script-1"})
    assert (order["status"], order["clientOrderId"]) == ("open", "script-1")
    found = client.fetch_order(None, "BTC/USDT", {"clientOrderId": "script-1"})
    assert (found["id"], found["price"], found["amount"]) == (order["id"], price, 0.01)
    assert [o["id"] for o in client.fetch_open_orders("BTC/USDT")] == [order["id"]]
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(price * 0.01)
    canceled = client.cancel_order(None, "BTC/USDT", {"clientOrderId": "script-1"})
    assert (canceled["status"], canceled["info"]["origClientOrderId"]) == ("canceled", "script-1")
    assert client.fetch_balance()["USDT"] == before

    bought = client.create_order("BTC/USDT", "market", "buy", 0.01)
    assert (bought["status"], bought["filled"]) == ("closed", 0.01)
    assert bought["cost"] == pytest.approx(bought["average"] * 0.01)
    spent = client.create_order("BTC/USDT", "market", "buy", 0.01, price)  # sends quoteOrderQty
    assert price * 0.01 - 1 < spent["cost"] <= price * 0.01
    sold = client.create_order("BTC/USDT", "market", "sell", 0.005)
    assert sold["status"] == "closed"
    trades = client.fetch_my_trades("BTC/USDT")
    assert sum(t["amount"] for t in trades if t["order"] == bought["id"]) == pytest.approx(0.01)
    assert {t["takerOrMaker"] for t in trades} == {"taker"}
    assert client.fetch_closed_orders("BTC/USDT")[-1]["id"] == sold["id"]


async def test_the_synchronous_client_trades() -> None:
    async with connected() as (exchange, _):
        await asyncio.to_thread(script, exchange.port)


def order(**changes: Any) -> Callable[[Any], Any]:
    """A raw limit order with some fields changed or, by None, left out."""
    fields = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "30000",
        **changes,
    }
    return lambda client: client.privatePostOrder({k: v for k, v in fields.items() if v is not None})


MARKET = {"type": "MARKET", "price": None, "timeInForce": None}

REFUSALS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "tick": (order(price="30000.001"), ccxt.InvalidOrder, "PRICE_FILTER"),
    "price out of range": (order(price="99999999999"), ccxt.InvalidOrder, "PRICE_FILTER"),
    "price too far": (order(price="100"), ccxt.InvalidOrder, "PERCENT_PRICE_BY_SIDE"),
    "lot": (order(quantity="0.000001"), ccxt.InvalidOrder, "LOT_SIZE"),
    "too large": (order(quantity="100000"), ccxt.InvalidOrder, "LOT_SIZE"),
    "too large for the market": (order(quantity="500", **MARKET), ccxt.InvalidOrder, "MARKET_LOT_SIZE"),
    "too small a value": (order(quantity="0.00001"), ccxt.BadRequest, "NOTIONAL"),
    "too small a market value": (order(quantity="0.00001", **MARKET), ccxt.BadRequest, "NOTIONAL"),
    "too large a value": (order(quantity="400", price="30000"), ccxt.BadRequest, "NOTIONAL"),
    "no quantity": (order(quantity="0"), ccxt.BadRequest, "-1013"),
    "precision": (order(quantity="0.0000000001"), ccxt.BadRequest, "-1111"),
    "characters": (order(quantity="much"), ccxt.BadRequest, "-1100"),
    "client id": (order(newClientOrderId="no spaces"), ccxt.BadRequest, "-1100"),
    "missing": (order(quantity=None), ccxt.BadRequest, "-1102"),
    "symbol": (order(symbol="NOPE"), ccxt.BadSymbol, "-1121"),
    "side": (order(side="HOLD"), ccxt.BadRequest, "-1117"),
    "type": (order(type="ICEBERG"), ccxt.BadRequest, "-1116"),
    "balance": (order(quantity="30"), ccxt.InsufficientFunds, "insufficient balance"),
    "would match": (
        order(type="LIMIT_MAKER", price="90000", timeInForce=None),
        ccxt.OrderImmediatelyFillable,
        "immediately match",
    ),
    "unknown on cancel": (lambda client: client.cancel_order("99", "BTC/USDT"), ccxt.OrderNotFound, "-2011"),
    "unknown on query": (lambda client: client.fetch_order("99", "BTC/USDT"), ccxt.OrderNotFound, "-2013"),
}


async def test_refusals_come_back_as_the_classes_binance_gives() -> None:
    async with trading() as (client, _):
        seen = {}
        for name, (call, kind, said) in REFUSALS.items():
            with pytest.raises(kind) as refused:
                await call(client)
            assert said in str(refused.value), name
            seen[name] = type(refused.value)
        assert seen == {name: kind for name, (_, kind, _) in REFUSALS.items()}


async def test_the_classes_are_those_of_binances_own_host() -> None:
    untouched = ccxt.binance()
    async with trading() as (client, _):
        for name, (call, kind, _) in REFUSALS.items():
            with pytest.raises(ccxt.ExchangeError):
                await call(client)
            body, url = client.last_http_response, "https://api.binance.com/api/v3/order"
            with pytest.raises(ccxt.ExchangeError) as refused:
                untouched.handle_errors(400, "", url, "POST", {}, body, json.loads(body), None, None)
            assert type(refused.value) is kind, name


async def test_a_live_client_id_is_a_duplicate_and_a_dead_one_is_free() -> None:
    async with trading(max_open_orders_per_symbol=2) as (client, _):
        params = {"clientOrderId": "again"}
        first = await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000, params)
        with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000, params)
        await client.cancel_order(first["id"], "BTC/USDT")
        second = await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000, params)
        assert second["id"] != first["id"]
        await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000)
        with pytest.raises(ccxt.ExchangeError, match="MAX_NUM_ORDERS"):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000)


async def test_clock_limits_and_bans_come_back_as_their_classes() -> None:
    async with trading() as (client, bare):
        await bare.fault("clock_skew", ms=60_000)
        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            await client.fetch_balance()
        await bare.fault("clock_skew", ms=-60_000)
        with pytest.raises(ccxt.InvalidNonce, match="ahead of the server"):
            await client.fetch_balance()
        await bare.fault("clear")
        await client.fetch_balance()
        await bare.fault("rate_limit", seconds=30)
        with pytest.raises(ccxt.DDoSProtection, match="429"):
            await client.fetch_ticker("BTC/USDT")
        await bare.fault("clear")
        await bare.fault("ban", seconds=30)
        with pytest.raises(ccxt.DDoSProtection, match="418"):
            await client.fetch_ticker("BTC/USDT")
        await bare.fault("clear")
        await client.fetch_ticker("BTC/USDT")


async def test_a_wrong_secret_is_an_authentication_error() -> None:
    async with trading() as (client, _):
        client.secret = "another"
        with pytest.raises(ccxt.AuthenticationError, match="-1022"):
            await client.fetch_balance()


async def test_a_lost_answer_times_out_and_the_order_is_found() -> None:
    async with trading() as (client, bare):
        await bare.fault("lost_ack", count=1)
        client.timeout = 500
        with pytest.raises(ccxt.RequestTimeout):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000, {"clientOrderId": "lost"})
        client.timeout = 10_000
        found = await client.fetch_order(None, "BTC/USDT", {"clientOrderId": "lost"})
        assert (found["status"], found["filled"]) == ("open", 0.0)
        await bare.fault("timeout_after_accept", count=1)
        with pytest.raises(ccxt.RequestTimeout, match="-1007"):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000, {"clientOrderId": "late"})
        await bare.fault("error_after_accept", count=1)
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30000, {"clientOrderId": "broken"})
        assert {o["clientOrderId"] for o in await client.fetch_open_orders("BTC/USDT")} == {"lost", "late", "broken"}


async def test_the_market_is_watched() -> None:
    async with watching() as (client, _):
        trades = await soon(client.watch_trades("BTC/USDT"))
        assert trades[-1]["symbol"] == "BTC/USDT"
        ticker = await soon(client.watch_ticker("ETH/USDT"))
        assert ticker["last"] > 0
        both = await soon(client.watch_tickers(["BTC/USDT", "ETH/USDT"]))
        assert set(both) <= {"BTC/USDT", "ETH/USDT"}
        everything = await soon(client.watch_tickers())
        assert len(everything) > 5
        quotes = await soon(client.watch_bids_asks(["BTC/USDT"]))
        assert quotes["BTC/USDT"]["bid"] < quotes["BTC/USDT"]["ask"]
        candles = await soon(client.watch_ohlcv("BTC/USDT", "1m"))
        assert len(candles[-1]) == 6
        for _ in range(4):
            book = await soon(client.watch_order_book("BTC/USDT"))
        assert book["bids"][0][0] < book["asks"][0][0]


async def test_orders_and_balances_are_watched() -> None:
    async with watching() as (client, exchange):
        orders = asyncio.create_task(client.watch_orders("ETH/USDT"))
        balance = asyncio.create_task(client.watch_balance())
        await until(lambda: exchange.users.listeners == 1)
        made = await client.create_order("ETH/USDT", "limit", "buy", 0.5, 1500, {"clientOrderId": "watched"})
        (seen,) = await soon(orders)
        assert (seen["id"], seen["clientOrderId"], seen["status"]) == (made["id"], "watched", "open")
        assert (await soon(balance))["USDT"]["used"] == 750.0
        orders = asyncio.create_task(client.watch_orders("ETH/USDT"))
        await asyncio.sleep(0)
        await client.cancel_order(made["id"], "ETH/USDT")
        assert (await soon(orders))[-1]["status"] == "canceled"
        orders = asyncio.create_task(client.watch_orders("ETH/USDT"))
        await asyncio.sleep(0)
        await client.create_order("ETH/USDT", "market", "buy", 0.1)
        while (await soon(orders))[-1]["status"] != "closed":
            orders = asyncio.create_task(client.watch_orders("ETH/USDT"))
