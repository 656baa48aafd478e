"""Binance's public REST: four questions, a weight budget, and patience where the venue asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
import structlog

from contracts.errors import VenueError, VenueRefusal
from venues.binance.endpoints import Endpoints
from venues.retry_after import told_wait_s

WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
WEIGHTS = {"/api/v3/time": 1, "/api/v3/exchangeInfo": 20, "/api/v3/klines": 2, "/api/v3/ticker/24hr": 80}
TIMEOUT_S = 20.0
ATTEMPTS = 8
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 600.0
LONGEST_BAN_S = 3 * 86_400.0  # what the venue bans for at most
URGENT_SHARE = 0.2  # of the budget, on top of it: a halt must be seen while history uses all of it

log = structlog.get_logger()


class WeightBudget:
    """So much request weight per minute of the venue's clock, which counts in whole minutes.

    What the venue says was used counts too: others spend from the same address.
    """

    def __init__(
        self,
        per_minute: int,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.per_minute = per_minute
        self.used = 0
        self._minute = -1
        self._now = now
        self._sleep = sleep

    async def take(self, weight: int, *, urgent: bool = False) -> None:
        """Wait until this weight may be spent, and spend it. More than a whole minute's budget goes alone in its
        minute; what is urgent may go a little beyond it.
        """
        bound = self.per_minute * (1.0 + URGENT_SHARE) if urgent else self.per_minute
        while True:
            now = self._now()
            if int(now // 60) != self._minute:
                self._minute, self.used = int(now // 60), 0
            if self.used == 0 or self.used + weight <= bound:
                self.used += weight
                return
            await self._sleep(60.0 - now % 60.0 + 0.05)

    def observed(self, used: int) -> None:
        """Note what the venue has counted in this minute."""
        self.used = max(self.used, used)


class BinanceRest:
    """Ask, wait as told on 429 and 418, try again on a fault of the net or the venue, give up after eight attempts.

    Use as an async context manager. Methods return the body as it came; all raise VenueError with the place and the
    answer, VenueRefusal where the venue does not take the question.
    """

    def __init__(self, endpoints: Endpoints, weight_per_minute: int) -> None:
        self._base = endpoints.rest_url
        self._trust_env = not endpoints.on_loopback
        self.budget = WeightBudget(weight_per_minute)
        self.requests = 0
        self.throttled = 0
        self._blocked_until = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=self._trust_env)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def exchange_info(self, symbols: Sequence[str] = ()) -> bytes:
        """Trading rules of all symbols, or of these: that is urgent and asked once, since whoever asks soon asks again."""
        if not symbols:
            return await self._get("/api/v3/exchangeInfo", {})
        asked = {"symbols": msgspec.json.encode(symbols).decode()}
        return await self._get("/api/v3/exchangeInfo", asked, attempts=1, urgent=True)

    async def day_tickers(self) -> bytes:
        """24 h figures of all symbols."""
        return await self._get("/api/v3/ticker/24hr", {})

    async def server_time(self) -> bytes:
        """The venue's clock."""
        return await self._get("/api/v3/time", {})

    async def klines(self, symbol: str, start_ms: int, limit: int, interval: str = "1m") -> bytes:
        """At most `limit` (1000) bars that open at or after `start_ms`, the forming one included."""
        asked = {"symbol": symbol, "interval": interval, "startTime": str(start_ms), "limit": str(limit)}
        return await self._get("/api/v3/klines", asked)

    async def _patience(self) -> None:
        left = self._blocked_until - time.monotonic()
        if left > 0.0:
            await asyncio.sleep(left)

    async def _get(
        self, path: str, query: Mapping[str, str], *, attempts: int = ATTEMPTS, urgent: bool = False
    ) -> bytes:
        if self._session is None:
            raise VenueError(f"{path}: the client is not open; use `async with`")
        last = ""
        for attempt in range(attempts):
            await self._patience()
            await self.budget.take(WEIGHTS[path], urgent=urgent)
            self.requests += 1
            wait = min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S)
            try:
                async with self._session.get(self._base + path, params=query) as answer:
                    body = await answer.read()
                    status, headers = answer.status, answer.headers
            except (aiohttp.ClientError, TimeoutError, OSError) as e:
                last = f"{type(e).__name__}: {e}"
                await asyncio.sleep(wait)
                continue
            used = headers.get(WEIGHT_HEADER, "")
            if used.isdecimal():
                self.budget.observed(int(used))
            if status == 200:
                return body
            last = f"HTTP {status}: {body[:160].decode(errors='replace')}"
            if status in {429, 418}:
                self.throttled += 1
                otherwise = wait if status == 429 else max(wait, 120.0)
                told = told_wait_s(headers, LONGEST_BAN_S)
                wait = max(told, otherwise / 8) if told else otherwise
                # One refusal holds everybody back: going on asking turns a 429 into a ban.
                self._blocked_until = max(self._blocked_until, time.monotonic() + wait)
                log.warning("rest_throttled", path=path, status=status, wait_s=wait)
            elif 400 <= status < 500:
                raise VenueRefusal(f"{self._base}{path}: {last}", _code(body))
            else:
                await asyncio.sleep(wait)
        raise VenueError(f"{self._base}{path}: {last or 'no answer'}")


class _Refused(msgspec.Struct):
    code: int = 0


def _code(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_Refused).code
    except (ValueError, RecursionError):
        return 0


