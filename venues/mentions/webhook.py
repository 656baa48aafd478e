"""A webhook on loopback that takes pushed mentions: `POST /mentions`, one object or a list, with a bearer token.

{"id": "1", "text": "$PEPE breakout", "author": "x", "followers": 12000, "time": 1700000000, "kind": "post",
"symbols": ["PEPE"], "sentiment": 0.4, "source": "square"}          id and text are required
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from contracts.errors import SettingsError
from venues.mentions.door import Item, names_of, time_ns

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 1024 * 1024


class Pushed(msgspec.Struct, kw_only=True):
    """The body of a push."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(max_length=20_000)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=80)] = "webhook"
    author: Annotated[str, msgspec.Meta(max_length=100)] = ""
    followers: Annotated[int, msgspec.Meta(ge=0)] = 0
    time: int | float | str | None = None
    kind: Literal["post", "transfer"] = "post"
    symbols: list[str] = []
    sentiment: Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)] | None = None


_pushed = msgspec.json.Decoder(Pushed | list[Pushed]).decode


class Webhook:
    """Listen on loopback; every push needs the token. Raises SettingsError where the port is taken."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self._token = token.encode()
        self._take: Callable[[Item], bool] = lambda item: False  # noqa: ARG005 - nothing is taken before `run`
        self.pushes = 0
        self.refused = 0

    async def run(self, take: Callable[[Item], bool]) -> None:
        """Serve until cancelled."""
        self._take = take
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_post("/mentions", self._push)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, LOOPBACK, self.port).start()
            except OSError as e:
                raise SettingsError(
                    f"mentions.webhook_port: cannot listen on {LOOPBACK}:{self.port} ({e.strerror}); choose another port"
                ) from e
            self.port = int(runner.addresses[0][1])
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _push(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self._token):
            self.refused += 1
            return _answer(401, {"error": "expected Authorization: Bearer <token>"})
        try:
            pushed = _pushed(await request.read())
        except (ValueError, RecursionError) as e:
            self.refused += 1
            return _answer(400, {"error": str(e)[:200]})
        self.pushes += 1
        items = pushed if isinstance(pushed, list) else [pushed]
        return _answer(200, {"items": len(items), "told": sum(self._take(_item(item)) for item in items)})


def _item(pushed: Pushed) -> Item:
    return Item(
        source=pushed.source,
        identity=pushed.id,
        text=pushed.text,
        author=pushed.author,
        followers=pushed.followers,
        time_ns=time_ns(pushed.time) or 0,
        kind=pushed.kind,
        symbols=names_of(pushed.symbols),
        sentiment=pushed.sentiment,
    )


def _answer(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
