"""Halts on demand: one symbol stands still while the others go on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets

from contracts.settings.simulator import SimulatorSettings
from tests.recorded import recorded
from tests.venues.simulated.exchanges import SMALL_MARKET, Client, connected, until
from venues.simulated.halts import HaltStatus
from venues.simulated.market import GeneratedMarket
from venues.simulated.server import SimulatedExchange

COIN = "ETHUSDT"
STREAMS = ("trade", "aggTrade", "bookTicker", "miniTicker", "ticker", "depth@100ms", "depth5@100ms", "avgPrice")


async def control(client: Client, door: str, body: Any) -> tuple[int, Any]:
    """POST to a door of the simulator's own."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.session.post(f"{client.base}/sim/{door}", data=data) as answer:
        return answer.status, await answer.json()


async def status_of(client: Client, symbol: str) -> str:
    _, info = await client.call("GET", "/api/v3/exchangeInfo", symbols=json.dumps([symbol, "BTCUSDT"]))
    return {entry["symbol"]: entry["status"] for entry in info["symbols"]}[symbol]


async def test_a_halted_symbol_stands_still_and_goes_on_after_the_resume() -> None:
    async with connected(speed=10.0, weight_per_minute=10**6) as (exchange, client):
        assert exchange.market is not None
        market, sent = exchange.market, exchange.hub.sent
        names = [f"{COIN.lower()}@{kind}" for kind in STREAMS]
        url = f"{client.stream}/stream?streams={'/'.join([*names, 'btcusdt@trade', '!miniTicker@arr'])}"
        async with websockets.connect(url) as socket:

            async def read() -> None:
                async for text in socket:
                    frame = json.loads(text)
                    if frame["stream"] == "!miniTicker@arr":
                        arrays.append({row["s"] for row in frame["data"]})

            arrays: list[set[str]] = []
            reading = asyncio.create_task(read())
            await until(lambda: all(sent[name] > 3 for name in names))
            told = {"symbol": COIN, "status": "HALT", "until_s": None}
            assert await control(client, "halt", {"symbol": COIN}) == (200, told)
            assert await status_of(client, COIN) == "HALT"
            told["status"] = "BREAK"
            assert await control(client, "halt", {"symbol": COIN, "status": "BREAK"}) == (200, told)
            ticker, book = [
                (await client.call("GET", f"/api/v3/{path}", symbol=COIN))[1] for path in ("ticker/24hr", "depth")
            ]
            # The second in which the halt came still ends with a ticker of what traded in it.
            second = market.second
            await until(lambda: market.second > second + 1)
            before, others = dict(sent), sent["btcusdt@trade"]
            arrays.clear()
            await until(lambda: market.second > second + 30)
            assert {name: sent[name] for name in names} == {name: before[name] for name in names}
            assert sent["btcusdt@trade"] > others
            assert len(arrays) > 20
            assert not any(COIN in array for array in arrays)
            assert await status_of(client, COIN) == "BREAK"
            assert await status_of(client, "BNBUSDT") == "TRADING"
            _, all_tickers = await client.call("GET", "/api/v3/ticker/24hr")
            assert COIN in {row["symbol"] for row in all_tickers}
            _, later = await client.call("GET", "/api/v3/ticker/24hr", symbol=COIN)
            still = ("lastPrice", "lastId", "bidPrice", "bidQty", "askPrice", "askQty")
            assert {key: later[key] for key in still} == {key: ticker[key] for key in still}
            _, depth = await client.call("GET", "/api/v3/depth", symbol=COIN)
            assert (depth["bids"], depth["asks"]) == (book["bids"], book["asks"])
            assert (await client.call("GET", "/sim/status"))[1]["market"]["halts"] == [told]
            assert await control(client, "resume", {"symbol": COIN}) == (200, {"symbol": COIN, "status": "TRADING"})
            await until(lambda: all(sent[name] > before[name] + 3 for name in names))
            assert await status_of(client, COIN) == "TRADING"
            _, trades = await client.call("GET", "/api/v3/trades", symbol=COIN, limit=500)
            ids = [trade["id"] for trade in trades]
            assert ids == list(range(ids[0], ids[0] + len(ids)))  # no id was used up meanwhile
        await reading


async def test_orders_in_a_halted_symbol_are_refused_and_open_ones_stay() -> None:
    async with connected(speed=20.0, weight_per_minute=10**6) as (exchange, client):
        assert exchange.market is not None
        market = exchange.market

        async def signed(method: str, path: str = "order", **params: Any) -> tuple[int, Any]:
            return await client.signed(method, f"/api/v3/{path}", **params, timestamp=exchange.clock.now_ms())

        _, quote = await client.call("GET", "/api/v3/ticker/bookTicker", symbol=COIN)
        assert (await signed("POST", symbol=COIN, side="BUY", type="MARKET", quoteOrderQty=2000))[0] == 200
        rest = {"symbol": COIN, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
        _, near = await signed("POST", **rest, price=quote["askPrice"])
        _, far = await signed("POST", **rest, price=str(round(float(quote["askPrice"]) * 2, 2)))
        await control(client, "halt", {"symbol": COIN})
        _, found = await signed("GET", symbol=COIN, orderId=near["orderId"])
        order = {"symbol": COIN, "side": "BUY", "type": "MARKET", "quoteOrderQty": 100}
        for path in ("order", "order/test"):
            assert await signed("POST", path, **order) == (400, {"code": -2010, "msg": "Market is closed."})
        assert (await signed("POST", **{**order, "symbol": "BTCUSDT"}))[0] == 200
        until_s = market.second + 60
        await until(lambda: market.second > until_s)
        _, later = await signed("GET", symbol=COIN, orderId=near["orderId"])
        assert (later["status"], later["executedQty"]) == (found["status"], found["executedQty"])
        assert (await signed("DELETE", symbol=COIN, orderId=far["orderId"]))[0] == 200
        await control(client, "resume", {"symbol": COIN})
        assert (await signed("POST", **order))[0] == 200


async def test_a_halt_ends_by_itself_where_it_was_given_an_end() -> None:
    async with connected(speed=20.0, weight_per_minute=10**6) as (exchange, client):
        assert exchange.market is not None
        market = exchange.market
        _, halted = await control(client, "halt", {"symbol": COIN, "seconds": 20})
        assert 18 <= halted["until_s"] - market.second <= 20
        assert await status_of(client, COIN) == "HALT"
        await until(lambda: market.second >= halted["until_s"])
        assert await status_of(client, COIN) == "TRADING"


async def test_who_subscribes_within_a_halt_hears_of_the_book_after_it() -> None:
    async with connected(speed=20.0) as (exchange, client):
        assert exchange.market is not None
        market = exchange.market
        await control(client, "halt", {"symbol": COIN})
        async with websockets.connect(f"{client.stream}/ws/{COIN.lower()}@bookTicker") as socket:
            await until(lambda: exchange.hub.listens(f"{COIN.lower()}@bookTicker"))
            until_s = market.second + 10
            await until(lambda: market.second > until_s)
            assert not exchange.hub.sent
            await control(client, "resume", {"symbol": COIN})
            assert json.loads(await asyncio.wait_for(socket.recv(), 5))["s"] == COIN


def test_other_symbols_trade_as_if_nothing_were_halted() -> None:
    def trades(halts: bool) -> list[Any]:
        market = GeneratedMarket(SMALL_MARKET, 20, 3, 1_786_000_020)
        row = market.universe.row[COIN]
        seen = []
        for step in range(600):
            if halts and step in (100, 400):
                market.halt(row, HaltStatus.HALT) if step == 100 else market.resume(row)
            market.close_step()
            market.advance()
            seen += [(*trade, *market.quote(trade.row)) for trade in market.trades() if trade.row != row]
        return seen

    assert trades(halts=True) == trades(halts=False)


@pytest.mark.parametrize(
    ("door", "body", "said"),
    [
        ("halt", {"symbol": "NOPEUSDT"}, "POST /sim/halt: `symbol`: expected one that trades here, was 'NOPEUSDT'"),
        ("halt", {"symbol": COIN, "status": "CLOSED"}, "Invalid enum value 'CLOSED' - at `$.status`"),
        ("halt", {"symbol": COIN, "seconds": -1}, "Expected `float` >= 0.0 - at `$.seconds`"),
        ("halt", {"symbol": COIN, "second": 1}, "unknown field `second`"),
        ("halt", {}, "missing required field `symbol`"),
        ("halt", b"symbol=ETHUSDT", "POST /sim/halt: JSON is malformed"),
        ("halt", b'{"symbol":"\xff"}', "POST /sim/halt: "),
        ("resume", {"symbol": COIN}, "POST /sim/resume: `symbol`: expected one that is halted, was 'ETHUSDT'"),
        ("resume", {"symbol": "NOPEUSDT"}, "GET /sim/status lists them"),
        ("resume", b"", "POST /sim/resume: Input data was truncated; send"),
    ],
)
async def test_a_bad_request_is_refused_with_its_place_and_a_way_out(door: str, body: Any, said: str) -> None:
    async with connected() as (exchange, client):
        status, answer = await control(client, door, body)
        assert status == 400
        assert said in answer["error"]
        assert "; " in answer["error"]
        assert exchange.market is not None
        assert exchange.market.halts == {}


async def test_a_recording_cannot_be_halted() -> None:
    import aiohttp

    path = recorded("hftbacktest_raw_binance/spot_btcusdt_20240808.wsraw.gz")
    exchange = SimulatedExchange(SimulatorSettings(port=0, recording=str(path)))
    await exchange.start()
    try:
        async with aiohttp.ClientSession() as session:
            status, answer = await control(Client(exchange, session), "halt", {"symbol": "BTCUSDT"})
            assert (status, "start `ember simulate` without one" in answer["error"]) == (400, True)
    finally:
        await exchange.stop()
