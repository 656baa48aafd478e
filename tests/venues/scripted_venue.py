"""A venue whose every word a test chooses: Binance's combined stream and four REST answers on one loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

MINUTE_MS = 60_000


def ticker(symbol: str, close: float = 1.0, *, ms: int | None = None, **over: Any) -> dict[str, Any]:
    stamp = int(time.time() * 1000) if ms is None else ms
    row = {
        "e": "24hrMiniTicker",
        "E": stamp,
        "s": symbol,
        "c": str(close),
        "o": "1",
        "h": "2",
        "l": "0.5",
        "v": "9",
        "q": "10",
    }
    return {**row, **over}


def trade(symbol: str, trade_id: int, price: float = 1.0, *, ms: int | None = None) -> dict[str, Any]:
    stamp = int(time.time() * 1000) if ms is None else ms
    return {
        "e": "trade",
        "E": stamp,
        "s": symbol,
        "t": trade_id,
        "p": str(price),
        "q": "2",
        "T": stamp,
        "m": False,
        "M": True,
    }


def listing(symbol: str, quote: str = "USDT", status: str = "TRADING") -> dict[str, Any]:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00000000"},
    ]
    base = symbol.removesuffix(quote)
    return {"symbol": symbol, "status": status, "baseAsset": base, "quoteAsset": quote, "filters": filters}


class ScriptedVenue:
    """Sockets that connected are in `sockets`, in order, with the streams each carries in `carried`."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.carried: list[list[str]] = []
        self.requests: list[tuple[float, dict[str, Any]]] = []
        self.symbols = [listing("BTCUSDT"), listing("ETHUSDT"), listing("ETHBTC", "BTC")]
        self.refuse_sockets = False
        self.admits = asyncio.Event()  # a socket that asks to be opened waits for it
        self.admits.set()
        self.answers: list[web.Response] = []  # given instead of the next REST answers
        self.asked: list[str] = []
        self.history_from_ms = 1_600_000_000_000
        self.port = 0

    @property
    def live(self) -> list[int]:
        return [i for i, socket in enumerate(self.sockets) if not socket.closed]

    async def say(self, stream: str, data: Any, socket: int = -1) -> None:
        """One combined frame; data of type bytes goes out as the whole frame."""
        body = data if isinstance(data, bytes) else json.dumps({"stream": stream, "data": data}).encode()
        await self.sockets[socket].send_str(body.decode("utf-8", errors="surrogateescape"))

    async def tickers(self, *rows: Any, socket: int = -1) -> None:
        await self.say("!miniTicker@arr", list(rows), socket)

    async def drop(self, socket: int = -1) -> None:
        """Break the connection without a close frame."""
        transport = self.sockets[socket]._req.transport
        transport.abort()

    async def until(self, condition: Any, seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("the condition did not come true in time")
            await asyncio.sleep(0.01)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_sockets:
            return web.Response(status=503, text="busy")
        await self.admits.wait()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        streams = [s for s in request.query.get("streams", "").split("/") if s]
        self.carried.append(streams)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            self.requests.append((time.monotonic(), asked))
            if asked["method"] == "SUBSCRIBE":
                streams.extend(asked["params"])
            elif asked["method"] == "UNSUBSCRIBE":
                streams[:] = [s for s in streams if s not in asked["params"]]
            await socket.send_str(json.dumps({"result": None, "id": asked["id"]}))
        return socket

    async def _rest(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.answers:
            return self.answers.pop(0)
        now = int(time.time() * 1000)
        body: Any = {}
        if request.path.endswith("exchangeInfo"):
            wanted = json.loads(request.query.get("symbols", "null"))
            known = {row["symbol"]: row for row in self.symbols}
            if wanted is not None and not set(wanted) <= set(known):
                return web.Response(status=400, text='{"code":-1121,"msg":"Invalid symbol."}')
            body = {"serverTime": now, "symbols": self.symbols if wanted is None else [known[s] for s in wanted]}
        elif request.path.endswith("24hr"):
            keys = ("lastPrice", "openPrice", "highPrice", "lowPrice", "volume")
            body = [
                {"symbol": s["symbol"], **dict.fromkeys(keys, "1.5"), "quoteVolume": str(i + 1), "closeTime": now}
                for i, s in enumerate(self.symbols)
            ]
        elif request.path.endswith("klines"):
            body = self._klines(request, now)
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    def _klines(self, request: web.Request, now: int) -> list[list[Any]]:
        steps = {"1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "1h": 60 * MINUTE_MS, "1d": 86_400_000}
        step = steps[request.query["interval"]]
        start = max(int(request.query["startTime"]), self.history_from_ms)
        opens = range(-(-start // step) * step, now, step)[: int(request.query["limit"])]
        return [[t, "1", "2", "0.5", "1.5", "10", t + step - 1, "15", 7, "5", "7.5", "0"] for t in opens]


@contextlib.asynccontextmanager
async def scripted_venue() -> AsyncIterator[ScriptedVenue]:
    venue = ScriptedVenue()
    app = web.Application()
    app.router.add_get("/stream", venue._stream)
    app.router.add_get("/api/v3/{question:.*}", venue._rest)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    venue.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield venue
    finally:
        for socket in venue.sockets:
            await socket.close()
        await runner.cleanup()
