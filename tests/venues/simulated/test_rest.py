"""REST: public answers, signatures, time windows, limits."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import SettingsError
from contracts.settings.simulator import GeneratedMarketSettings
from tests.venues.simulated.exchanges import KEY, Client, connected, running, sign, simulator
from venues.simulated.server import SimulatedExchange
from venues.simulated.signing import Credentials, payload_of


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_public_calls_answer_in_the_venues_form() -> None:
    async with connected() as (_, client):
        assert await client.call("GET", "/api/v3/ping") == (200, {})
        assert abs((await client.call("GET", "/api/v3/time"))[1]["serverTime"] - now_ms()) < 5_000
        _, info = await client.call("GET", "/api/v3/exchangeInfo")
        assert len(info["symbols"]) == 40
        filters = {entry["filterType"] for entry in info["symbols"][0]["filters"]}
        assert filters == {
            "PRICE_FILTER",
            "LOT_SIZE",
            "MARKET_LOT_SIZE",
            "NOTIONAL",
            "PERCENT_PRICE_BY_SIDE",
            "MAX_NUM_ORDERS",
        }
        _, one = await client.call("GET", "/api/v3/exchangeInfo", symbols='["ETHUSDT"]')
        assert [entry["symbol"] for entry in one["symbols"]] == ["ETHUSDT"]
        _, tickers = await client.call("GET", "/api/v3/ticker/24hr")
        assert len(tickers) == 40
        _, mini = await client.call("GET", "/api/v3/ticker/24hr", symbol="BTCUSDT", type="MINI")
        assert "bidPrice" not in mini
        _, price = await client.call("GET", "/api/v3/ticker/price", symbol="BTCUSDT")
        _, quote = await client.call("GET", "/api/v3/ticker/bookTicker", symbol="BTCUSDT")
        assert float(quote["bidPrice"]) < float(quote["askPrice"])
        assert abs(float(price["price"]) / float(quote["bidPrice"]) - 1) < 0.01
        assert (await client.call("GET", "/api/v3/avgPrice", symbol="BTCUSDT"))[1]["mins"] == 5
        _, trades = await client.call("GET", "/api/v3/trades", symbol="BTCUSDT", limit=3)
        _, aggregates = await client.call("GET", "/api/v3/aggTrades", symbol="BTCUSDT", fromId=trades[0]["id"], limit=3)
        assert [t["id"] for t in trades] == [a["a"] for a in aggregates]


@pytest.mark.parametrize(
    ("interval", "limit"), [("1s", 90), ("1m", 150), ("5m", 20), ("15m", 10), ("1h", 40), ("4h", 8), ("1d", 2)]
)
async def test_klines_of_every_interval(interval: str, limit: int) -> None:
    async with connected() as (_, client):
        status, rows = await client.call("GET", "/api/v3/klines", symbol="ETHUSDT", interval=interval, limit=limit)
        assert status == 200
        assert len(rows) == limit
        for row, following in itertools.pairwise(rows):
            assert len(row) == 12
            assert row[6] + 1 == following[0]
            assert float(row[3]) <= min(float(row[1]), float(row[4]))
            assert float(row[2]) >= max(float(row[1]), float(row[4]))


@pytest.mark.parametrize("interval", ["1m", "5m", "1d"])
async def test_klines_asked_from_before_the_first_one_begin_with_it(interval: str) -> None:
    async with connected() as (_, client):
        asked = {"symbol": "ETHUSDT", "interval": interval}
        _, newest = await client.call("GET", "/api/v3/klines", **asked, limit=1)
        _, rows = await client.call("GET", "/api/v3/klines", **asked, limit=1000, startTime=1)
        status, few = await client.call("GET", "/api/v3/klines", **asked, limit=2, startTime=1)
        assert status == 200
        assert few == rows[:2]
        assert len(rows) == 1000 or rows[-1][0] >= newest[0][0]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"symbol": "NOPE", "interval": "1m"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "ten"}, -1100),
        ("depth", {}, -1102),
        ("ticker/24hr", {"symbols": "[broken"}, -1100),
        ("depth", {"symbol": "btc usdt"}, -1100),
    ],
)
async def test_bad_parameters_have_the_venues_codes(path: str, params: dict[str, str], code: int) -> None:
    async with connected() as (_, client):
        status, answer = await client.call("GET", f"/api/v3/{path}", **params)
        assert (status, answer["code"]) == (400, code)


async def test_signatures_cover_the_bytes_received() -> None:
    async with connected() as (_, client):
        assert (await client.signed("GET", "/api/v3/account"))[0] == 200
        query = f"symbol=BTCUSDT&timestamp={now_ms()}"
        headers = {"X-MBX-APIKEY": KEY}

        async def get(url: str, **more: Any) -> Any:
            async with client.session.get(client.base + url, headers=headers, **more) as answer:
                return await answer.json()

        tampered = query.replace("BTC", "ETH")
        assert (await get(f"/api/v3/openOrders?{tampered}&signature={sign(query)}"))["code"] == -1022
        # What was signed is what was sent: percent-encoded stays percent-encoded.
        encoded = f"symbol=BTC%55SDT&timestamp={now_ms()}"
        import yarl

        raw = yarl.URL(f"{client.base}/api/v3/openOrders?{encoded}&signature={sign(encoded)}", encoded=True)
        async with client.session.get(raw, headers=headers) as answer:
            assert await answer.json() == []
        assert (await get(f"/api/v3/openOrders?{query}"))["code"] == -1102
        assert (await get(f"/api/v3/openOrders?symbol=BTCUSDT&signature={sign('symbol=BTCUSDT')}"))["code"] == -1102


async def test_query_and_body_are_signed_one_after_the_other() -> None:
    assert payload_of("a=1&signature=x", "b=2") == b"a=1b=2"
    assert payload_of("", "b=2&signature=x") == b"b=2"
    async with connected() as (_, client):
        query = "symbol=BTCUSDT&side=BUY"
        body = f"type=MARKET&quoteOrderQty=100&timestamp={now_ms()}"
        url = f"{client.base}/api/v3/order/test?{query}"
        data = f"{body}&signature={sign(query + body)}"
        headers = {"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"}
        async with client.session.post(url, data=data, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("shift_ms", "window", "said"),
    [
        (0, None, None),
        (900, None, None),
        (2_500, None, "1000ms ahead"),
        (-4_000, None, None),
        (-6_500, None, "outside of the recvWindow"),
        (-6_500, 10_000, None),
        (-1_000, 100, "outside of the recvWindow"),
        (0, 60_001, "recvWindow must be less than"),
    ],
)
async def test_the_window_rule(shift_ms: int, window: int | None, said: str | None) -> None:
    async with connected() as (exchange, client):
        params: dict[str, Any] = {"timestamp": exchange.clock.now_ms() + shift_ms}
        if window is not None:
            params["recvWindow"] = window
        status, answer = await client.signed("GET", "/api/v3/account", **params)
        assert (status == 200) == (said is None)
        if said is not None:
            assert said in answer["msg"]


async def test_keys_are_told_apart() -> None:
    async with connected() as (_, client):
        url = f"{client.base}/api/v3/account?timestamp={now_ms()}&signature=00"
        async with client.session.get(url) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, -2014)
        async with client.session.get(url, headers={"X-MBX-APIKEY": "another"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, -2015)


async def test_without_keys_in_the_environment_signed_calls_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = simulator()
    monkeypatch.delenv(settings.api_key_env, raising=False)
    assert Credentials.from_environment(settings) is None
    monkeypatch.setenv(settings.api_key_env, "k")
    monkeypatch.setenv(settings.api_secret_env, "s")
    assert Credentials.from_environment(settings) == Credentials("k", "s")
    monkeypatch.setenv(settings.ed25519_public_key_env, "not a key")
    with pytest.raises(SettingsError, match="PEM"):
        Credentials.from_environment(settings)


async def test_weights_add_up_and_orders_that_succeed_cost_nothing() -> None:
    async with connected() as (exchange, client):
        await client.call("GET", "/api/v3/ping")
        used = int(client.headers["X-MBX-USED-WEIGHT-1M"])
        await client.call("GET", "/api/v3/klines", symbol="BTCUSDT", interval="1m")
        assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == used + 2
        await client.call("GET", "/api/v3/ticker/24hr")
        assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == used + 82
        await client.call("GET", "/api/v3/depth", symbol="BTCUSDT", limit=1000)
        assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == used + 132
        await client.signed("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty=50)
        assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == used + 132
        assert client.headers["X-MBX-ORDER-COUNT-10S"] == client.headers["X-MBX-ORDER-COUNT-1D"] == "1"
        await client.signed("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty=1)
        assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == used + 133
        assert exchange.limits.used == used + 133


async def test_above_the_limit_429_then_418() -> None:
    async with connected(weight_per_minute=100, requests_over_limit_to_ban=3) as (_, client):
        statuses = [(await client.call("GET", "/api/v3/exchangeInfo"))[0] for _ in range(10)]
        assert statuses == [200] * 5 + [429] * 3 + [418] * 2
        assert int(client.headers["Retry-After"]) >= 1
        _, answer = await client.call("GET", "/api/v3/time")
        assert answer["code"] == -1003
        assert "IP banned until" in answer["msg"]


async def test_too_many_orders_are_refused() -> None:
    async with connected(orders_per_10s=2) as (_, client):
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": 20}
        assert [(await client.signed("POST", "/api/v3/order", **order))[0] for _ in range(3)] == [200, 200, 429]
        _status, answer = await client.signed("POST", "/api/v3/order", **order)
        assert answer["code"] == -1015
        assert client.headers["Retry-After"] == "10"


async def test_listen_keys_are_gone_and_unknown_paths_are_no_json() -> None:
    async with connected() as (_, client):
        for method in ("POST", "PUT", "DELETE"):
            status, text = await client.call(method, "/api/v3/userDataStream")
            assert (status, text[:6]) == (410, "<html>")
        assert (await client.call("GET", "/sapi/v1/nothing"))[0] == 404


async def test_listings_are_announced_before_they_trade() -> None:
    market = GeneratedMarketSettings(
        history_minutes=60,
        history_days=0,
        listings=1,
        first_listing_after_s=10,
        announce_before_s=8,
    )
    path = "/bapi/composite/v1/public/cms/article/list/query"
    async with connected(market=market, speed=10.0) as (exchange, client):
        assert exchange.market is not None
        (listing,) = exchange.market.listings
        name = exchange.market.universe.names[listing.row]
        base = name.removesuffix("USDT")
        order: list[str] = []
        while "TRADING" not in order:
            _, page = await client.call("GET", path, type=1, catalogId=48, pageNo=1, pageSize=20)
            (catalog,) = page["data"]["catalogs"]
            assert (catalog["catalogId"], page["code"]) == (48, "000000")
            newest = catalog["articles"][0]
            if f"({base})" in newest["title"] and "announced" not in order:
                assert newest["releaseDate"] == 1000 * listing.announced_s
                order.append("announced")
            _, info = await client.call("GET", "/api/v3/exchangeInfo")
            for entry in info["symbols"]:
                if entry["symbol"] == name and entry["status"] not in order:
                    order.append(entry["status"])
            exchange.limits.refund(1000)
        assert order == ["announced", "BREAK", "TRADING"]


async def test_a_port_in_use_is_said_in_one_line() -> None:
    async with running() as exchange:
        second = SimulatedExchange(simulator(port=exchange.port))
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{exchange.port}"):
            await second.start()


async def test_pumps_on_demand_move_the_market() -> None:
    async with connected(speed=20.0, weight_per_minute=10**6) as (exchange, client):
        _, before = await client.call("GET", "/api/v3/ticker/price", symbol="AAVEUSDT")
        url = f"{client.base}/sim/pump"
        async with client.session.post(url, json={"symbol": "AAVEUSDT", "percent": 30, "minutes": 0.5}) as answer:
            assert answer.status == 200
            ends = (await answer.json())["end_s"]
        async with client.session.post(url, json={"symbol": "NOPE", "percent": 30, "minutes": 0.5}) as answer:
            assert answer.status == 400
        highest = 0.0
        assert exchange.market is not None
        while exchange.market.second < ends:
            _, price = await client.call("GET", "/api/v3/ticker/price", symbol="AAVEUSDT")
            highest = max(highest, float(price["price"]))
        assert highest / float(before["price"]) > 1.2


def pem_of(key: Ed25519PrivateKey) -> Credentials:
    return Credentials(KEY, "", key.public_key())


async def test_ed25519_keys_log_on_and_subscribe() -> None:
    import base64
    import json

    key = Ed25519PrivateKey.generate()
    exchange = SimulatedExchange(simulator(), pem_of(key))
    await exchange.start()
    try:
        import aiohttp

        async with aiohttp.ClientSession() as session:
            client = Client(exchange, session)
            async with session.ws_connect(f"{client.stream}/ws-api/v3") as socket:

                async def ask(method: str, **params: Any) -> Any:
                    await socket.send_str(json.dumps({"id": method, "method": method, "params": params}))
                    return await socket.receive_json(timeout=5)

                assert (await ask("userDataStream.subscribe"))["error"]["code"] == -2015
                stamp = now_ms()
                signature = base64.b64encode(key.sign(f"apiKey={KEY}&timestamp={stamp}".encode())).decode()
                answer = await ask("session.logon", apiKey=KEY, timestamp=stamp, signature=signature)
                assert answer["result"]["apiKey"] == KEY
                assert (await ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
                assert (await ask("userDataStream.subscribe"))["error"]["code"] == -2035
                assert (await ask("account.status", timestamp=now_ms()))["status"] == 200
                terminated = await ask("userDataStream.unsubscribe")
                assert terminated["event"]["e"] == "eventStreamTerminated"
                assert (await socket.receive_json(timeout=5))["status"] == 200
                assert (await ask("nope"))["status"] == 404
                wrong = await ask("session.logon", apiKey=KEY, timestamp=now_ms(), signature="AAAA")
                assert wrong["error"]["code"] == -1022
    finally:
        await exchange.stop()
