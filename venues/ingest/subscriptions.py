"""Which streams a connection carries, kept equal to what is wanted within the venue's limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog

from venues.binance.endpoints import MAX_STREAMS, MESSAGES_PER_SECOND, STREAMS_PER_MESSAGE
from venues.binance.frames import Control

ANSWER_WITHIN_S = 10.0
RETRY_REFUSED_S = 60.0

log = structlog.get_logger()


class _Request(msgspec.Struct):
    method: str
    streams: list[str]
    sent: float


class Subscriptions:
    """Subscribe to what is wanted and not carried, unsubscribe from what is carried and not wanted.

    `carried` are the streams the connection's address named. At most four requests a second leave, of a hundred
    streams each; an answer that does not come within 10 s is asked for again, a refused stream is left alone for a
    minute.
    """

    def __init__(self, carried: Iterable[str], send: Callable[[str], Awaitable[None]]) -> None:
        self.carried = set(carried)
        self.refused: dict[str, float] = {}
        self._wanted = set(self.carried)
        self._send = send
        self._pending: dict[int, _Request] = {}
        self._next_id = 1
        self._changed = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether everything wanted that was not refused is carried, and nothing else."""
        return not self._pending and self.carried == self._wanted - self.refused.keys()

    def want(self, streams: Iterable[str]) -> None:
        """These streams and no others. More than the venue's 1024 per connection are cut off at the end."""
        wanted = list(dict.fromkeys(streams))[:MAX_STREAMS]
        if set(wanted) != self._wanted:
            self._wanted = set(wanted)
            self._changed.set()

    def answered(self, answer: Control) -> None:
        """The venue answered one of our requests."""
        request = self._pending.pop(answer.id, None) if isinstance(answer.id, int) else None
        if request is None:
            return
        if answer.error:
            log.warning("streams_refused", method=request.method, streams=request.streams[:5], error=answer.error)
            until = time.monotonic() + RETRY_REFUSED_S
            self.refused.update(dict.fromkeys(request.streams, until))
        elif request.method == "SUBSCRIBE":
            self.carried.update(request.streams)
        else:
            self.carried.difference_update(request.streams)
        self._changed.set()

    async def keep(self) -> None:
        """Send requests until cancelled."""
        while True:
            request = self._request()
            if request is None:
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), timeout=1.0)
                except TimeoutError:
                    self._expire()
                continue
            number, self._next_id = self._next_id, self._next_id + 1
            self._pending[number] = request
            body = {"method": request.method, "params": request.streams, "id": number}
            await self._send(msgspec.json.encode(body).decode())
            await asyncio.sleep(1.0 / MESSAGES_PER_SECOND)

    def _request(self) -> _Request | None:
        asked = {stream for request in self._pending.values() for stream in request.streams}
        surplus = sorted(self.carried - self._wanted - asked)
        if surplus:  # first, so that the limit of streams per connection is never passed in between
            return _Request("UNSUBSCRIBE", surplus[:STREAMS_PER_MESSAGE], time.monotonic())
        missing = sorted(self._wanted - self.carried - asked - self.refused.keys())
        if missing:
            return _Request("SUBSCRIBE", missing[:STREAMS_PER_MESSAGE], time.monotonic())
        return None

    def _expire(self) -> None:
        now = time.monotonic()
        for number in [n for n, request in self._pending.items() if now - request.sent > ANSWER_WITHIN_S]:
            request = self._pending.pop(number)
            log.warning("streams_unanswered", method=request.method, streams=request.streams[:5])
        for stream in [s for s, until in self.refused.items() if now > until]:
            del self.refused[stream]
