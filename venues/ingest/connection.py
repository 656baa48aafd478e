"""One websocket to the venue, from its handshake to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from venues.binance.endpoints import STREAMS_IN_URL, Endpoints
from venues.ingest.subscriptions import Subscriptions

OPEN_WITHIN_S = 15.0
CLOSE_WITHIN_S = 2.0
LARGEST_FRAME = 8 * 1024 * 1024
HELD_FRAMES = 200_000

CONNECT_ERRORS = (OSError, TimeoutError, websockets.WebSocketException)


class Connection:
    """Frames of one socket, handed to `received(connection, frame)` as they come, or held back until `release`.

    Made by `open_connection`. `ended` is set with `why` when the socket is gone.
    """

    def __init__(
        self,
        socket: ClientConnection,
        streams: Iterable[str],
        received: Callable[[Connection, bytes], None],
        *,
        hold: bool,
    ) -> None:
        self._socket = socket
        self._received = received
        self._held: deque[bytes] | None = deque() if hold else None
        self.opened = time.monotonic()
        self.last_frame = self.opened
        self.frames = 0
        self.why = ""
        self.ended = asyncio.Event()
        self.subscriptions = Subscriptions(streams, socket.send)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._subscribe())]

    @property
    def age(self) -> float:
        """Seconds since the handshake."""
        return time.monotonic() - self.opened

    @property
    def silence(self) -> float:
        """Seconds since the last frame, or since the handshake."""
        return time.monotonic() - self.last_frame

    def release(self) -> None:
        """Hand over what was held back, and hold nothing more."""
        held, self._held = self._held, None
        for frame in held or ():
            self._received(self, frame)

    @property
    def holding(self) -> bool:
        """Whether frames are held back."""
        return self._held is not None

    async def close(self) -> None:
        """Close in order; frames that arrive until the venue's own close are still read."""
        with contextlib.suppress(TimeoutError, *CONNECT_ERRORS):
            await asyncio.wait_for(self._socket.close(), CLOSE_WITHIN_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), CLOSE_WITHIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.recv(decode=False)
                self.last_frame = time.monotonic()
                self.frames += 1
                if self._held is None or b'"stream"' not in frame[:200]:
                    self._received(self, frame)  # answers to requests are never held back
                else:
                    self._held.append(frame)
                    if len(self._held) >= HELD_FRAMES:
                        self.release()
        except ConnectionClosed as e:
            self.why = self.why or f"closed: {e.rcvd or e.sent or 'without a close frame'}"[:160]
        except OSError as e:
            self.why = self.why or f"{type(e).__name__}: {e}"[:160]
        finally:
            self.ended.set()

    async def _subscribe(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):  # the reader says why it ended
            await self.subscriptions.keep()


async def open_connection(
    endpoints: Endpoints,
    streams: list[str],
    received: Callable[[Connection, bytes], None],
    *,
    hold: bool = False,
) -> Connection:
    """Connect with the first streams in the address; the rest is subscribed at once. Raises one of `CONNECT_ERRORS`."""
    first = streams[:STREAMS_IN_URL]
    socket = await connect(
        endpoints.combined(first),
        open_timeout=OPEN_WITHIN_S,
        close_timeout=CLOSE_WITHIN_S,
        ping_interval=None,  # the venue pings us every 20 s; ours would count against its limit of 5 messages a second
        max_size=LARGEST_FRAME,
        max_queue=4096,
        compression=None,
        proxy=None if endpoints.on_loopback else True,
    )
    connection = Connection(socket, first, received, hold=hold)
    connection.subscriptions.want(streams)
    return connection
