"""Simulated exchanges for tests: small, quick to build, on a free port."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp

from contracts.settings.simulator import GeneratedMarketSettings, SimulatorSettings
from venues.simulated.server import SimulatedExchange
from venues.simulated.signing import Credentials

KEY, SECRET = "key-of-the-test", "secret-of-the-test"
SMALL_MARKET = GeneratedMarketSettings(history_minutes=180, history_days=2, listings=4)


def simulator(**changes: Any) -> SimulatorSettings:
    """Settings of a small exchange on a free port."""
    defaults: dict[str, Any] = {"port": 0, "symbols": 40, "market": SMALL_MARKET}
    return SimulatorSettings(**{**defaults, **changes})


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator[SimulatedExchange]:
    """A running exchange that knows KEY and SECRET."""
    exchange = SimulatedExchange(simulator(**changes), Credentials(KEY, SECRET))
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


def sign(payload: str) -> str:
    """HMAC-SHA256 of `payload` with SECRET."""
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Client:
    """Bare REST and websocket calls to one exchange."""

    def __init__(self, exchange: SimulatedExchange, session: aiohttp.ClientSession) -> None:
        self.base = f"http://127.0.0.1:{exchange.port}"
        self.stream = f"ws://127.0.0.1:{exchange.port}"
        self.session = session
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """An unsigned call."""
        return await self._send(method, f"{self.base}{path}?{urlencode(params)}")

    async def signed(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """A signed call."""
        query = urlencode({**params, "timestamp": params.get("timestamp", time.time_ns() // 1_000_000)})
        return await self._send(method, f"{self.base}{path}?{query}&signature={sign(query)}")

    async def fault(self, fault: str, **more: Any) -> None:
        """Switch a fault on."""
        async with self.session.post(f"{self.base}/sim/faults", json={"fault": fault, **more}) as answer:
            assert answer.status == 200, await answer.text()

    async def _send(self, method: str, url: str) -> tuple[int, Any]:
        async with self.session.request(method, url, headers={"X-MBX-APIKEY": KEY}) as answer:
            self.headers = dict(answer.headers)
            text = await answer.text()
            return answer.status, json.loads(text) if text[:1] in "[{" else text


@asynccontextmanager
async def connected(**changes: Any) -> AsyncIterator[tuple[SimulatedExchange, Client]]:
    """A running exchange and a client of it."""
    async with running(**changes) as exchange, aiohttp.ClientSession() as session:
        yield exchange, Client(exchange, session)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
