"""Who listens to what, and the queue of each connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

from aiohttp import web

from venues.simulated.faults import FaultBoard

QUEUE_LIMIT = 50_000  # messages; a client that lags further behind is cut off


class Connection:
    """One websocket with its subscriptions. `combined` wraps each event as {"stream", "data"}."""

    def __init__(
        self, socket: web.WebSocketResponse, combined: bool, transport: asyncio.Transport | None = None
    ) -> None:
        self.socket = socket
        self.combined = combined
        self.streams: dict[str, None] = {}
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.closing = False
        self._transport = transport

    def put(self, text: str) -> None:
        """Queue `text`; a full queue ends the connection."""
        if self.closing:
            return
        if self.queue.qsize() >= QUEUE_LIMIT:
            self.end()
            return
        self.queue.put_nowait(text)

    def end(self) -> None:
        """Close after what is queued has been sent."""
        self.closing = True
        self.queue.put_nowait(None)

    def cut(self) -> None:
        """Tear the connection down without a closing handshake."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()
        self.queue.put_nowait(None)

    async def write(self, code: int = 1000) -> None:
        """Send what is queued until `end`, then close with `code`."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            while (text := await self.queue.get()) is not None:
                await self.socket.send_str(text)
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.socket.close(code=code)


class Hub:
    """Deliver events to the connections that subscribed to their stream, and count them."""

    def __init__(self, faults: FaultBoard) -> None:
        self.connections: set[Connection] = set()
        self.sent: Counter[str] = Counter()
        self.changed: Callable[[], None] = lambda: None  # called after each change of subscriptions
        self._listeners: dict[str, dict[Connection, None]] = {}
        self._faults = faults

    def names(self) -> list[str]:
        """Streams that somebody listens to."""
        return list(self._listeners)

    def listens(self, name: str) -> bool:
        """Whether anybody listens to `name`."""
        return name in self._listeners

    def join(self, connection: Connection, names: list[str]) -> None:
        """Subscribe `connection` to `names`; those it has already are left as they are."""
        self.connections.add(connection)
        for name in names:
            connection.streams[name] = None
            self._listeners.setdefault(name, {})[connection] = None
        self.changed()

    def leave(self, connection: Connection, names: list[str]) -> None:
        """Unsubscribe `connection` from `names`; unknown ones are ignored."""
        for name in names:
            connection.streams.pop(name, None)
            listeners = self._listeners.get(name)
            if listeners is not None:
                listeners.pop(connection, None)
                if not listeners:
                    del self._listeners[name]
        self.changed()

    def drop(self, connection: Connection) -> None:
        """Forget `connection`."""
        self.leave(connection, list(connection.streams))
        self.connections.discard(connection)

    def send(self, name: str, data: str, wrapped: str | None = None) -> None:
        """Send one event; `data` is its JSON, `wrapped` the combined form where that is known byte for byte."""
        listeners = self._listeners.get(name)
        if listeners is None or self._faults.frozen:
            return
        if self._faults.dirty:
            dirty = self._faults.soil(data)
            if dirty is not None:
                data, wrapped = dirty, None
        for connection in list(listeners):
            if connection.combined:
                if wrapped is None:
                    wrapped = f'{{"stream":"{name}","data":{data}}}'
                connection.put(wrapped)
            else:
                connection.put(data)
            self.sent[name] += 1

    async def room(self, limit: int = 5_000) -> None:
        """Wait until no connection has more than `limit` messages queued."""
        while any(  # noqa: ASYNC110 - queues have no event for "shorter than"
            connection.queue.qsize() > limit and not connection.closing for connection in self.connections
        ):
            await asyncio.sleep(0.002)
