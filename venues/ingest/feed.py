"""The feed: always one live connection, a successor before it ends, a new one after it broke.

connect ─► live ─► (closed | silent) ─► back-off ─► connect            gap event: away from..until
              └──► (rollover | shutdown notice) ─► successor beside it, held back ─► handed over, no gap
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import structlog

from contracts.settings.services import IngestSettings
from venues.binance.endpoints import Endpoints
from venues.ingest.connection import CONNECT_ERRORS, Connection, open_connection

WATCH_S = 0.25
STABLE_S = 10.0  # a connection that lived this long starts the back-off anew
SUCCESSOR_READY_S = 30.0
OVERLAP_S = 2.0  # both connections run this long, so that the first has delivered where the second begins
NOTICED_OVERLAP_S = 0.4  # after a shutdown notice there may be no more time than this
RETRY_ROLLOVER_S = 60.0

log = structlog.get_logger()


class Backoff:
    """Waits that double up to a bound, each shortened by a random part: many clients must not come back at once."""

    def __init__(self, settings: IngestSettings, seed: int | None = None) -> None:
        self._settings = settings
        self._random = random.Random(seed)  # noqa: S311 - spreads load, hides nothing
        self._failures = 0

    def wait(self) -> float:
        """Seconds to wait before the next attempt."""
        longest = min(self._settings.backoff_first_s * 2.0**self._failures, self._settings.backoff_max_s)
        self._failures = min(self._failures + 1, 60)
        return longest * (1.0 - self._settings.backoff_jitter * self._random.random())

    def reset(self) -> None:
        """The next failure is a first one."""
        self._failures = 0


class Feed:
    """Keep one connection alive and its streams equal to `streams()`.

    received(connection, frame, repeated): each frame; `repeated` where another connection may have brought it already.
    opened(), closed(reason): there is a connection again, or none any more.
    ticker_silence(): seconds since the last ticker array of this connection, 0 before its first one.
    """

    def __init__(
        self,
        settings: IngestSettings,
        endpoints: Endpoints,
        streams: Callable[[], list[str]],
        received: Callable[[Connection, bytes, bool], None],
        opened: Callable[[], None],
        closed: Callable[[str], None],
        ticker_silence: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._streams = streams
        self._received = received
        self._opened = opened
        self._closed = closed
        self._ticker_silence = ticker_silence
        self._backoff = Backoff(settings)
        self._stopped = asyncio.Event()
        self._releasing = False
        self._shutdown_notice = False
        self.current: Connection | None = None
        self.rollovers = 0
        self.failures = 0
        self.last_error = ""

    def stop(self) -> None:
        """End `run` in order."""
        self._stopped.set()

    def changed(self) -> None:
        """`streams()` gives another answer now."""
        if self.current is not None:
            self.current.subscriptions.want(self._streams())

    def shutdown_announced(self) -> None:
        """The venue said it will close this connection soon."""
        self._shutdown_notice = True

    async def run(self) -> None:
        """Run until `stop`."""
        while not self._stopped.is_set():
            connection = await self._connect()
            if connection is None:
                continue
            self.current = connection
            connection.subscriptions.want(self._streams())  # the wish may have changed while it was opening
            self._opened()
            reason = await self._live()
            connection = self.current
            connection.why = connection.why or reason
            await connection.close()
            if connection.age >= STABLE_S:
                self._backoff.reset()
            self.current = None
            self._closed(reason)
            if not self._stopped.is_set():
                await self._pause(reason)

    async def _connect(self) -> Connection | None:
        try:
            return await open_connection(self._endpoints, self._streams(), self._frame)
        except CONNECT_ERRORS as e:
            await self._pause(f"{type(e).__name__}: {e}"[:160])
            return None

    async def _pause(self, reason: str) -> None:
        wait = self._backoff.wait()
        self.failures += 1
        self.last_error = reason
        log.warning("feed_away", reason=reason, retry_s=round(wait, 2), url=self._endpoints.stream_url)
        await self._sleep(wait)

    async def _live(self) -> str:
        """Watch the current connection until it must be replaced by a new one; successors are taken over in here."""
        rollover_at = time.monotonic() + self._settings.rollover_s
        self._shutdown_notice = False
        while True:
            connection = self.current
            if connection is None or self._stopped.is_set():
                return "stopped"
            if connection.ended.is_set():
                return connection.why or "closed"
            if connection.silence > self._settings.silence_s:
                return f"silent for {connection.silence:.0f} s"
            if (quiet := self._ticker_silence()) > self._settings.silence_s:
                return f"tickers silent for {quiet:.0f} s"
            if connection.age >= STABLE_S:
                self._backoff.reset()
            if self._shutdown_notice or time.monotonic() >= rollover_at:
                why = "shutdown announced" if self._shutdown_notice else "rollover"
                done = await self._succeed(connection, why)
                self._shutdown_notice = False
                rollover_at = time.monotonic() + (self._settings.rollover_s if done else RETRY_ROLLOVER_S)
                continue
            await self._sleep(WATCH_S, connection)

    async def _succeed(self, old: Connection, why: str) -> bool:
        """Open a successor, let both run for a moment, hand over. The old one goes on if there is none."""
        try:
            successor = await open_connection(self._endpoints, self._streams(), self._frame, hold=True)
        except CONNECT_ERRORS as e:
            log.warning("rollover_failed", reason=f"{type(e).__name__}: {e}"[:160])
            return False
        deadline = time.monotonic() + SUCCESSOR_READY_S
        overlap = NOTICED_OVERLAP_S if self._shutdown_notice else OVERLAP_S
        while not (successor.frames and successor.subscriptions.settled and successor.age >= overlap):
            if successor.ended.is_set() or (time.monotonic() > deadline and not old.ended.is_set()):
                await successor.close()  # what it held the old one brings as well
                log.warning("rollover_failed", reason=successor.why or "the successor stayed silent")
                return False
            if self._stopped.is_set() or old.ended.is_set():
                break
            await asyncio.sleep(0.05)
        await old.close()
        self.current = successor
        self._release(successor)
        self.rollovers += 1
        successor.subscriptions.want(self._streams())
        log.info("feed_moved", reason=why, streams=len(successor.subscriptions.carried))
        return True

    def _release(self, successor: Connection) -> None:
        self._releasing = True
        successor.release()
        self._releasing = False

    def _frame(self, connection: Connection, frame: bytes) -> None:
        self._received(connection, frame, self._releasing)

    async def _sleep(self, seconds: float, connection: Connection | None = None) -> None:
        """Sleep until stopped, or until the connection ended."""
        waits = [asyncio.ensure_future(self._stopped.wait())]
        if connection is not None:
            waits.append(asyncio.ensure_future(connection.ended.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
