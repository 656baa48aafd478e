"""Market streams over websockets: subscriptions, pings, limits, lifetime."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from contracts.settings.simulator import SimulatorSettings
from venues.simulated.hub import Connection, Hub
from venues.simulated.streams import parse_stream

_TOO_MANY = "Too many requests"


class Keeper:
    """Keep one websocket by the exchange's rules: pings with a payload, pongs in time, inbound limit, lifetime."""

    def __init__(self, socket: web.WebSocketResponse, settings: SimulatorSettings, limited: bool = True) -> None:
        self._socket = socket
        self._limited = limited
        self._settings = settings
        self._inbound: deque[float] = deque(maxlen=settings.inbound_per_second + 1)
        self._pings: dict[bytes, float] = {}

    def within_limit(self) -> bool:
        """Count an inbound message; False when there were too many within a second."""
        now = time.monotonic()
        self._inbound.append(now)
        return (
            not self._limited
            or len(self._inbound) <= self._settings.inbound_per_second
            or now - self._inbound[0] >= 1.0
        )

    def pong(self, payload: bytes) -> None:
        """Take a pong; only a copy of a ping's payload counts."""
        if payload in self._pings:
            self._pings.clear()

    async def run(self) -> None:
        """Send pings until a pong stays out or the lifetime is over; then return."""
        settings = self._settings
        ends = time.monotonic() + settings.connection_lifetime_s
        next_ping = time.monotonic() + settings.ping_every_s
        while not self._socket.closed:
            oldest = min(self._pings.values(), default=None)
            deadline = ends if oldest is None else min(ends, oldest + settings.pong_timeout_s)
            await asyncio.sleep(max(0.0, min(next_ping, deadline) - time.monotonic()))
            now = time.monotonic()
            oldest = min(self._pings.values(), default=None)
            if now >= ends or (oldest is not None and now >= oldest + settings.pong_timeout_s):
                return
            if now >= next_ping:
                payload = str(time.time_ns() // 1_000_000).encode()
                self._pings[payload] = now
                next_ping += settings.ping_every_s
                with contextlib.suppress(ConnectionError):
                    await self._socket.ping(payload)


async def receive(socket: web.WebSocketResponse, keeper: Keeper) -> str | None:
    """Return the next text of the client, None when the connection is over; answers pings and checks the limit."""
    while True:
        message = await socket.receive()
        if (
            message.type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)
            and not keeper.within_limit()
        ):
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=_TOO_MANY.encode())
            return None
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            keeper.pong(bytes(message.data))
        elif message.type is WSMsgType.TEXT:
            return str(message.data)
        elif message.type is WSMsgType.BINARY:
            return bytes(message.data).decode(errors="replace")
        else:
            return None


class MarketSockets:
    """Serve `/ws/<streams>` (raw) and `/stream?streams=<streams>` (combined)."""

    def __init__(self, hub: Hub, settings: SimulatorSettings) -> None:
        self._hub = hub
        self._settings = settings
        self._opened: deque[float] = deque(maxlen=settings.connections_per_5_minutes)

    def _too_often(self) -> bool:
        now, full = time.monotonic(), len(self._opened) == self._settings.connections_per_5_minutes
        if full and now - self._opened[0] < 300.0:
            return True
        self._opened.append(now)
        return False

    async def raw(self, request: web.Request) -> web.StreamResponse:
        """Serve a raw connection; path parts that are no stream's name, such as ccxt's `/0`, are ignored."""
        tail = request.match_info.get("tail", "")
        return await self._serve(request, [name for name in tail.split("/") if name], combined=False)

    async def combined(self, request: web.Request) -> web.StreamResponse:
        """Serve a combined connection."""
        names = request.query.get("streams", "").split("/")
        return await self._serve(request, [name for name in names if name], combined=True)

    async def _serve(self, request: web.Request, names: list[str], combined: bool) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 16)
        if not socket.can_prepare(request):
            return web.Response(status=400, text="expected a websocket handshake")
        if self._too_often():
            return web.Response(status=429, text="too many connections within five minutes")
        await socket.prepare(request)
        keeper = Keeper(socket, self._settings)
        connection = Connection(socket, combined, request.transport)
        self._hub.join(
            connection, [name for name in names if parse_stream(name)][: self._settings.streams_per_connection]
        )
        writer = asyncio.create_task(connection.write())
        keeping = asyncio.create_task(keeper.run())
        keeping.add_done_callback(lambda _: connection.end())
        try:
            while (text := await receive(socket, keeper)) is not None:
                connection.put(self._control(connection, text))
        finally:
            self._hub.drop(connection)
            keeping.cancel()
            connection.end()
            await writer
        return socket

    def _control(self, connection: Connection, text: str) -> str:
        try:
            request = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return _error(3, "Invalid JSON: expected value at line 1 column 1", None)
        if not isinstance(request, dict):
            return _error(2, "Invalid request: request must be an object", None)
        identity = request.get("id")
        method, params = request.get("method"), request.get("params", [])
        known = isinstance(identity, int) or (isinstance(identity, str) and len(identity) <= 36) or identity is None
        if not known or isinstance(identity, bool):
            return _error(2, "Invalid request: request ID must be an unsigned integer", None)
        if method is None:
            return _error(2, "Invalid request: missing field `method`", identity)
        if method == "LIST_SUBSCRIPTIONS":
            return _result(list(connection.streams), identity)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not isinstance(params, list) or not params or not all(isinstance(name, str) for name in params):
                return _error(2, "Invalid request: invalid params", identity)
            if any(parse_stream(name) is None for name in params):
                return _error(2, "Invalid request: invalid stream", identity)
            if method == "UNSUBSCRIBE":
                self._hub.leave(connection, params)
            elif len({*connection.streams, *params}) > self._settings.streams_per_connection:
                return _error(2, "Invalid request: too many streams", identity)
            else:
                self._hub.join(connection, params)
            return _result(None, identity)
        if method == "SET_PROPERTY" and isinstance(params, list) and len(params) == 2 and params[0] == "combined":
            if not isinstance(params[1], bool):
                return _error(2, "Invalid request: invalid value of property", identity)
            connection.combined = params[1]
            return _result(None, identity)
        if method == "GET_PROPERTY" and params == ["combined"]:
            return _result(connection.combined, identity)
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return _error(0, "Unknown property", identity)
        return _error(2, f"Invalid request: unknown variant `{method}`", identity)


def _result(result: Any, identity: Any) -> str:
    return msgspec.json.encode({"result": result, "id": identity}).decode()


def _error(code: int, text: str, identity: Any) -> str:
    return msgspec.json.encode({"error": {"code": code, "msg": text}, "id": identity}).decode()
