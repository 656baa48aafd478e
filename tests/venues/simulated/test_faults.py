"""Faults on demand: each is what a client would see on a bad day."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
import websockets

from contracts.settings.simulator import FaultSettings
from tests.venues.simulated.exchanges import KEY, Client, connected, sign, until

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "30000",
}


async def subscribe_user_data(client: Client, exchange: Any, socket: aiohttp.ClientWebSocketResponse) -> None:
    stamp = exchange.clock.now_ms()
    params = {"apiKey": KEY, "timestamp": stamp, "signature": sign(f"apiKey={KEY}&timestamp={stamp}")}
    request = {"id": "1", "method": "userDataStream.subscribe.signature", "params": params}
    await socket.send_str(json.dumps(request))
    assert (await socket.receive_json(timeout=5))["result"] == {"subscriptionId": 0}


async def endless(socket: websockets.ClientConnection, seconds: float) -> None:
    """Read until the connection ends; a timeout when it does not."""
    async with asyncio.timeout(seconds):
        while True:
            await socket.recv()


async def test_dropped_sockets_end_without_a_goodbye() -> None:
    async with connected() as (exchange, client):
        async with websockets.connect(f"{client.stream}/ws/btcusdt@trade") as socket:
            await until(lambda: len(exchange.hub.connections) == 1)
            await client.fault("drop_sockets")
            with pytest.raises(websockets.ConnectionClosedError):
                await endless(socket, 5)
        await until(lambda: not exchange.hub.connections)
        async with websockets.connect(f"{client.stream}/ws/!miniTicker@arr") as socket:
            assert json.loads(await asyncio.wait_for(socket.recv(), 5))


async def test_a_shutdown_is_announced_before_the_sockets_drop() -> None:
    async with (
        connected() as (exchange, client),
        websockets.connect(f"{client.stream}/stream?streams=nopeusdt@trade") as combined,
        websockets.connect(f"{client.stream}/ws/nopeusdt@trade") as raw,
        websockets.connect(f"{client.stream}/ws-api/v3") as api,
    ):
        await until(lambda: len(exchange.hub.connections) == 2)
        await client.fault("shutdown_notice", seconds=0.2)
        assert json.loads(await combined.recv())["stream"] == "!serverShutdown"
        assert json.loads(await raw.recv())["e"] == "serverShutdown"
        assert json.loads(await api.recv())["event"]["e"] == "serverShutdown"
        for socket in (combined, raw, api):
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)


async def test_a_frozen_feed_is_silent_while_the_socket_lives() -> None:
    async with (
        connected(speed=5.0) as (exchange, client),
        websockets.connect(f"{client.stream}/ws/!miniTicker@arr") as socket,
    ):
        await socket.recv()
        await client.fault("freeze_feed", seconds=30)
        with pytest.raises(TimeoutError):
            await endless(socket, 0.7)
        await asyncio.wait_for(await socket.ping(), 5)
        before = exchange.hub.sent.total()
        await client.fault("clear")
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert exchange.hub.sent.total() > before


async def test_dirty_frames_come_in_every_kind_and_then_stop() -> None:
    async with connected(speed=10.0) as (exchange, client):
        async with websockets.connect(f"{client.stream}/ws/!miniTicker@arr") as socket:
            await socket.recv()
            await client.fault("dirty_frames", count=5)
            seen: set[str] = set()
            async with asyncio.timeout(10):
                while len(seen) < 5:
                    text = str(await socket.recv())
                    try:
                        value = json.loads(text)
                    except ValueError:
                        seen.add("truncated")
                        continue
                    if not isinstance(value, list):
                        seen.add("not a list")
                    elif not isinstance(value[0], dict):
                        seen.add("not an object")
                    elif value[0]["E"] == -1:
                        seen.add("bad time")
                    elif value[0]["c"] == "not-a-number":
                        seen.add("bad number")
            clean = json.loads(await asyncio.wait_for(socket.recv(), 5))
            assert all(isinstance(item, dict) and item["E"] > 0 for item in clean)
        assert exchange.faults.used["dirty_frames"] == 5


@pytest.mark.parametrize(("fault", "status"), [("rate_limit", 429), ("ban", 418)])
async def test_storms_and_bans_say_how_long(fault: str, status: int) -> None:
    async with connected() as (_, client):
        await client.fault(fault, seconds=30)
        got, answer = await client.call("GET", "/api/v3/time")
        assert (got, answer["code"]) == (status, -1003)
        assert 1 <= int(client.headers["Retry-After"]) <= 30
        await client.fault("clear")
        assert (await client.call("GET", "/api/v3/time"))[0] == 200


async def test_slow_answers_are_slow_for_their_time() -> None:
    async with connected() as (_, client):
        await client.fault("slow_answers", ms=2_000, seconds=60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.call("GET", "/api/v3/time")
        await client.fault("clear")
        assert (await client.call("GET", "/api/v3/time"))[0] == 200


async def test_an_order_whose_answer_is_lost_is_found_by_its_client_id() -> None:
    async with connected() as (_, client):
        await client.fault("lost_ack", count=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.signed("POST", "/api/v3/order", **ORDER, newClientOrderId="lost-1")
        status, found = await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="lost-1")
        assert (status, found["status"]) == (200, "NEW")
        assert (await client.signed("POST", "/api/v3/order", **ORDER, newClientOrderId="lost-2"))[0] == 200


@pytest.mark.parametrize(("fault", "status"), [("error_after_accept", 503), ("timeout_after_accept", 408)])
async def test_an_error_after_acceptance_leaves_the_order_standing(fault: str, status: int) -> None:
    async with connected() as (_, client):
        await client.fault(fault, count=1)
        assert (await client.signed("POST", "/api/v3/order", **ORDER, newClientOrderId="e-1"))[0] == status
        assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="e-1"))[0] == 200


async def test_reports_are_doubled_and_swapped() -> None:
    async with connected() as (exchange, client), client.session.ws_connect(f"{client.stream}/ws-api/v3") as socket:
        await subscribe_user_data(client, exchange, socket)

        async def kinds(count: int) -> list[str]:
            return [(await socket.receive_json(timeout=5))["event"]["e"] for _ in range(count)]

        await client.signed("POST", "/api/v3/order", **ORDER)
        assert await kinds(2) == ["executionReport", "outboundAccountPosition"]
        await client.fault("duplicate_reports", count=1)
        await client.signed("POST", "/api/v3/order", **ORDER)
        assert await kinds(3) == ["executionReport", "executionReport", "outboundAccountPosition"]
        await client.fault("reorder_reports", count=1)
        await client.signed("POST", "/api/v3/order", **ORDER)
        assert await kinds(2) == ["outboundAccountPosition", "executionReport"]


async def test_a_deposit_is_reported_as_a_balance_update() -> None:
    async with connected() as (exchange, client), client.session.ws_connect(f"{client.stream}/ws-api/v3") as socket:
        await subscribe_user_data(client, exchange, socket)
        url = f"{client.base}/sim/deposit"
        async with client.session.post(url, json={"asset": "USDT", "quantity": "250.5"}) as answer:
            assert answer.status == 200
        update, position = [(await socket.receive_json(timeout=5))["event"] for _ in range(2)]
        assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "250.50000000")
        assert position["B"] == [{"a": "USDT", "f": "100250.50000000", "l": "0.00000000"}]
        async with client.session.post(url, json={"asset": "USDT", "quantity": "-1"}) as answer:
            assert answer.status == 400


async def test_sockets_drop_again_and_again() -> None:
    async with connected(faults=FaultSettings(drop_sockets_every_s=1)) as (_, client):
        for _ in range(2):
            async with websockets.connect(f"{client.stream}/ws/nopeusdt@trade") as socket:
                with pytest.raises(websockets.ConnectionClosedError):
                    await endless(socket, 5)


async def test_a_skewed_clock_is_told_and_enforced() -> None:
    async with connected() as (exchange, client):
        await client.fault("clock_skew", ms=90_000)
        _, answer = await client.call("GET", "/api/v3/time")
        assert abs(answer["serverTime"] - exchange.clock.true_ms() - 90_000) < 2_000
        status, answer = await client.signed("GET", "/api/v3/account")
        assert (status, answer["code"]) == (400, -1021)
        await client.fault("clear")
        assert (await client.signed("GET", "/api/v3/account"))[0] == 200


async def test_faults_of_the_settings_hold_from_the_start() -> None:
    faults = FaultSettings(lost_ack_share=1.0, clock_skew_ms=-20_000)
    async with connected(faults=faults) as (exchange, client):
        assert exchange.clock.now_ms() - exchange.clock.true_ms() == pytest.approx(-20_000, abs=5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await client.signed("POST", "/api/v3/order", **ORDER, timestamp=exchange.clock.now_ms())


async def test_an_unknown_fault_is_refused_with_its_place() -> None:
    async with connected() as (_, client):
        for body in ({"fault": "nope"}, {"fault": "ban", "colour": 1}, {"fault": "ban", "seconds": -1}):
            async with client.session.post(f"{client.base}/sim/faults", json=body) as answer:
                assert answer.status == 400
                assert "$" in (await answer.json())["error"] or "colour" in (await answer.json())["error"]
