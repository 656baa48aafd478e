"""Market streams over real sockets: control messages, limits, and events that agree with REST."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from tests.venues.simulated.exchanges import Client, connected, running
from venues.simulated.streams import StreamName, parse_stream


@asynccontextmanager
async def listening(client: Client, path: str) -> AsyncIterator[ClientConnection]:
    async with websockets.connect(client.stream + path, ping_interval=None, max_size=None) as socket:
        yield socket


async def ask(socket: ClientConnection, **request: Any) -> Any:
    """Send a control message and return its answer, passing over events."""
    await socket.send(json.dumps(request))
    async with asyncio.timeout(5):
        while True:
            answer = json.loads(await socket.recv())
            if isinstance(answer, dict) and ("result" in answer or "error" in answer):
                return answer


async def events(socket: ClientConnection, count: int) -> list[Any]:
    async with asyncio.timeout(10):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def test_subscriptions_are_made_listed_and_ended() -> None:
    async with connected(inbound_per_second=50) as (_, client), listening(client, "/ws/btcusdt@aggTrade") as socket:
        assert await ask(socket, method="SUBSCRIBE", params=["ethusdt@trade", "!miniTicker@arr"], id=1) == {
            "result": None,
            "id": 1,
        }
        listed = await ask(socket, method="LIST_SUBSCRIPTIONS", id="two")
        assert listed == {"result": ["btcusdt@aggTrade", "ethusdt@trade", "!miniTicker@arr"], "id": "two"}
        assert (await ask(socket, method="UNSUBSCRIBE", params=["btcusdt@aggTrade"], id=None))["result"] is None
        assert (await ask(socket, method="LIST_SUBSCRIPTIONS", id=4))["result"] == ["ethusdt@trade", "!miniTicker@arr"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "SUBSCRIBE", "params": ["btcusdt@nonsense"], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}, 2),
        ({"method": "NOPE", "params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1.5}, 2),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": "x" * 37}, 2),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0),
    ],
)
async def test_a_bad_request_is_answered_and_the_socket_stays(request_: dict[str, Any], code: int) -> None:
    async with connected() as (_, client), listening(client, "/ws") as socket:
        assert (await ask(socket, **request_))["error"]["code"] == code
        assert (await ask(socket, method="LIST_SUBSCRIPTIONS", id=9))["result"] == []


async def test_text_that_is_no_json_is_answered() -> None:
    async with connected() as (_, client), listening(client, "/ws") as socket:
        await socket.send("{nope")
        assert json.loads(await socket.recv())["error"]["code"] == 3


async def test_unknown_symbols_are_taken_in_silence() -> None:
    async with connected() as (_, client), listening(client, "/ws") as socket:
        assert (await ask(socket, method="SUBSCRIBE", params=["nopeusdt@trade"], id=1))["result"] is None


async def test_combined_wraps_and_the_property_switches_it() -> None:
    async with (
        connected(speed=5.0) as (_, client),
        listening(client, "/stream?streams=btcusdt@bookTicker/nosuch") as socket,
    ):
        (event,) = await events(socket, 1)
        assert event["stream"] == "btcusdt@bookTicker"
        assert set(event["data"]) == {"u", "s", "b", "B", "a", "A"}
        assert (await ask(socket, method="GET_PROPERTY", params=["combined"], id=1))["result"] is True
        await ask(socket, method="SET_PROPERTY", params=["combined", False], id=2)
        (event,) = await events(socket, 1)
        assert event["s"] == "BTCUSDT"


async def test_mini_tickers_hold_changed_symbols_once_a_second() -> None:
    async with connected(speed=10.0) as (exchange, client), listening(client, "/ws/!miniTicker@arr") as socket:
        arrays = await events(socket, 6)
        times = [array[0]["E"] for array in arrays]
        assert [b - a for a, b in itertools.pairwise(times)] == [1000] * 5
        assert exchange.market is not None
        assert all(0 < len(array) <= 40 for array in arrays)
        assert len({len(array) for array in arrays}) > 1
        ticker = arrays[-1][0]
        assert set(ticker) == {"e", "E", "s", "c", "o", "h", "l", "v", "q"}
        assert Decimal(ticker["l"]) <= Decimal(ticker["c"]) <= Decimal(ticker["h"])


async def test_trades_and_tickers_agree() -> None:
    streams = "btcusdt@trade/btcusdt@aggTrade/btcusdt@miniTicker/btcusdt@kline_1s"
    async with connected(speed=10.0) as (_, client), listening(client, f"/stream?streams={streams}") as socket:
        trades: list[Any] = []
        aggregates: list[Any] = []
        tickers: list[Any] = []
        candles: list[Any] = []
        kinds = {"trade": trades, "aggTrade": aggregates, "24hrMiniTicker": tickers, "kline": candles}
        async with asyncio.timeout(15):
            while len(candles) < 12:
                data = json.loads(await socket.recv())["data"]
                kinds[data["e"]].append(data)
        assert [t["t"] for t in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))
        assert [(t["t"], t["p"], t["q"], t["T"]) for t in trades] == [
            (a["a"], a["p"], a["q"], a["T"]) for a in aggregates
        ]
        for ticker in tickers[1:]:
            before = [t for t in trades if ticker["E"] > t["T"]]
            assert Decimal(before[-1]["p"]) == Decimal(ticker["c"])
        for candle in candles[1:]:
            k = candle["k"]
            assert k["x"] is True
            inside = [t for t in trades if k["t"] <= t["T"] <= k["T"]]
            assert sum(Decimal(t["q"]) for t in inside) == Decimal(k["v"])
            assert len(inside) == k["n"]
            if inside:
                assert (Decimal(inside[0]["p"]), Decimal(inside[-1]["p"])) == (Decimal(k["o"]), Decimal(k["c"]))
                assert (inside[0]["t"], inside[-1]["t"]) == (k["f"], k["L"])
        gained = Decimal(tickers[-1]["v"]) - Decimal(tickers[1]["v"])
        between = [t for t in trades if tickers[1]["E"] <= t["T"] < tickers[-1]["E"]]
        assert gained == sum(Decimal(t["q"]) for t in between)


async def test_a_minute_candle_closes_once() -> None:
    async with connected(speed=40.0) as (_, client), listening(client, "/ws/btcusdt@kline_1m") as socket:
        closed: list[Any] = []
        async with asyncio.timeout(15):
            while len(closed) < 3:
                k = json.loads(await socket.recv())["k"]
                if k["x"]:
                    closed.append(k)
        assert [b["t"] - a["t"] for a, b in itertools.pairwise(closed)] == [60_000] * 2
        assert closed[0]["T"] == closed[0]["t"] + 59_999
        status, rows = await client.call("GET", "/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=5)
        assert status == 200
        by_time = {row[0]: row for row in rows}
        for k in closed:
            row = by_time[k["t"]]
            assert [k["o"], k["h"], k["l"], k["c"], k["v"]] == row[1:6]


async def test_depth_diffs_lead_from_one_snapshot_to_the_next() -> None:
    async with connected(speed=3.0) as (_, client), listening(client, "/ws/ethusdt@depth@100ms") as socket:
        (first,) = await events(socket, 1)
        _, book = await client.call("GET", "/api/v3/depth", symbol="ETHUSDT", limit=5000)
        bids, asks = dict(book["bids"]), dict(book["asks"])
        last = book["lastUpdateId"]
        applied, previous = 0, first["u"]
        async with asyncio.timeout(10):
            while applied < 15:
                event = json.loads(await socket.recv())
                assert event["U"] == previous + 1
                previous = event["u"]
                if event["u"] <= last:
                    continue
                assert applied or event["U"] <= last + 1 <= event["u"]
                for side, levels in ((bids, event["b"]), (asks, event["a"])):
                    for price, quantity in levels:
                        if Decimal(quantity) == 0:
                            side.pop(price, None)
                        else:
                            side[price] = quantity
                applied += 1
            _, now = await client.call("GET", "/api/v3/depth", symbol="ETHUSDT", limit=5000)
            while previous < now["lastUpdateId"]:
                event = json.loads(await socket.recv())
                previous = event["u"]
                for side, levels in ((bids, event["b"]), (asks, event["a"])):
                    for price, quantity in levels:
                        if Decimal(quantity) == 0:
                            side.pop(price, None)
                        else:
                            side[price] = quantity
        assert bids == dict(now["bids"])
        assert asks == dict(now["asks"])
        assert max(map(Decimal, bids)) < min(map(Decimal, asks))


async def test_partial_books_and_quotes_have_their_levels() -> None:
    path = "/stream?streams=btcusdt@depth5@100ms/btcusdt@depth20/btcusdt@ticker/btcusdt@avgPrice"
    async with connected(speed=5.0) as (_, client), listening(client, path) as socket:
        seen: dict[str, Any] = {}
        async with asyncio.timeout(10):
            while len(seen) < 4:
                event = json.loads(await socket.recv())
                seen[event["stream"]] = event["data"]
        assert len(seen["btcusdt@depth5@100ms"]["bids"]) == 5
        assert len(seen["btcusdt@depth20"]["asks"]) == 20
        assert len(seen["btcusdt@ticker"]) == 23
        assert seen["btcusdt@avgPrice"]["i"] == "5m"


async def test_the_server_pings_and_a_silent_client_is_closed() -> None:
    async with connected(ping_every_s=0.3, pong_timeout_s=0.5) as (exchange, client):
        async with client.session.ws_connect(f"{client.stream}/ws", autoping=False) as deaf:
            first = await asyncio.wait_for(deaf.receive(), 5)
            assert first.type.name == "PING"
            assert first.data
            async with asyncio.timeout(5):
                while (await deaf.receive()).type.name == "PING":
                    await deaf.pong(b"not the payload")
        async with listening(client, "/ws") as good:
            await asyncio.sleep(1.0)
            assert (await ask(good, method="LIST_SUBSCRIPTIONS", id=1))["id"] == 1
        assert exchange.hub.connections == set() or len(exchange.hub.connections) <= 1


async def test_more_than_five_messages_a_second_end_the_connection() -> None:
    async with connected() as (_, client), listening(client, "/ws") as socket:
        for i in range(7):
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": i}))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await events(socket, 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_more_streams_than_the_limit_are_refused() -> None:
    async with connected(streams_per_connection=3) as (_, client), listening(client, "/ws") as socket:
        names = [f"c{i}usdt@trade" for i in range(4)]
        assert (await ask(socket, method="SUBSCRIBE", params=names, id=1))["error"]["code"] == 2
        assert (await ask(socket, method="SUBSCRIBE", params=names[:3], id=2))["result"] is None


async def test_too_many_connections_are_refused() -> None:
    async with connected(connections_per_5_minutes=2) as (_, client):
        for _ in range(2):
            async with listening(client, "/ws"):
                pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"{client.stream}/ws")
        assert refused.value.response.status_code == 429


async def test_a_connection_has_a_lifetime() -> None:
    async with connected(connection_lifetime_s=0.3) as (_, client), listening(client, "/ws/!miniTicker@arr") as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await events(socket, 1000)


async def test_numbers_and_several_names_in_the_path_are_understood() -> None:
    async with connected(speed=5.0) as (_, client):
        async with listening(client, "/stream/ws/0") as socket:
            assert (await ask(socket, method="LIST_SUBSCRIPTIONS", id=1))["result"] == []
        async with listening(client, "/ws/btcusdt@trade/ethusdt@trade") as socket:
            listed = await ask(socket, method="LIST_SUBSCRIPTIONS", id=1)
            assert listed["result"] == ["btcusdt@trade", "ethusdt@trade"]


async def test_two_listeners_get_the_same_events() -> None:
    async with running(speed=10.0) as exchange:
        base = f"ws://127.0.0.1:{exchange.port}/ws/!miniTicker@arr"
        async with websockets.connect(base) as one, websockets.connect(base) as two:
            first, second = await events(one, 4), await events(two, 4)
        shared = [array for array in first if array in second]
        assert len(shared) >= 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("btcusdt@trade", StreamName("BTCUSDT", "trade", "")),
        ("btcusdt@depth", StreamName("BTCUSDT", "depth", "1000")),
        ("btcusdt@depth20@100ms", StreamName("BTCUSDT", "depth20", "100")),
        ("btcusdt@kline_1M", StreamName("BTCUSDT", "kline", "1M")),
        ("!miniTicker@arr", StreamName("", "!miniTicker@arr", "")),
        ("!ticker@arr", None),
        ("BTCUSDT@trade", None),
        ("btcusdt@kline_7m", None),
        ("btcusdt", None),
        ("0", None),
    ],
)
def test_stream_names(name: str, expected: StreamName | None) -> None:
    assert parse_stream(name) == expected
