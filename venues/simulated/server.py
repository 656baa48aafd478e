"""The simulated exchange as a server: everything put together on one port.

Generator -> Tape -> Publisher -> Hub -> market streams        REST <- PublicApi, Trading -> MatchingEngine
Recording -> RecordingPlayer  -> Hub                           WebSocket API <- Trading, UserStreams
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web

from contracts.errors import SettingsError
from contracts.settings.simulator import SimulatorSettings
from venues.simulated.account import Account
from venues.simulated.announcements import article_list
from venues.simulated.clock import ExchangeClock
from venues.simulated.control import Control
from venues.simulated.errors import Refusal
from venues.simulated.faults import FaultBoard
from venues.simulated.generator import STEP_MS
from venues.simulated.hub import Hub
from venues.simulated.limits import Limits
from venues.simulated.market import GeneratedMarket
from venues.simulated.matching import MatchingEngine
from venues.simulated.mentions import Chatter
from venues.simulated.orders import OrderPayloads
from venues.simulated.parameters import Parameters
from venues.simulated.public_api import PublicApi, day_ticker_weight, depth_weight, quote_weight
from venues.simulated.publisher import Publisher
from venues.simulated.recording import RecordingPlayer, derive_exchange_info, load_recording
from venues.simulated.rest import Call, RestApi
from venues.simulated.rules import Rules
from venues.simulated.signing import Credentials, Gate
from venues.simulated.sockets import MarketSockets
from venues.simulated.trading import Trading
from venues.simulated.userstream import UserStreams
from venues.simulated.wsapi import WebSocketApi

log = structlog.get_logger("venues.simulated")


class SimulatedExchange:
    """A running exchange. `await start()` returns the port, `await stop()` ends it; both once.

    credentials default to the environment variables that the settings name. With a recording there is no market to
    trade in: streams, time, exchangeInfo and depth are served, everything else is answered with 404.
    """

    def __init__(self, settings: SimulatorSettings, credentials: Credentials | None = None) -> None:
        self.settings = settings
        self.faults = FaultBoard(settings.faults, settings.seed)
        self.clock = ExchangeClock(
            settings.start_ms, 1.0 if settings.recording else settings.speed, self.faults.skew_ms
        )
        self.limits = Limits(settings, self.faults)
        self.hub = Hub(self.faults)
        self.users = UserStreams(self.faults)
        self.gate = Gate(credentials or Credentials.from_environment(settings))
        self.market: GeneratedMarket | None = None
        self.engine: MatchingEngine | None = None
        self.chatter: Chatter | None = None
        self.player: RecordingPlayer | None = None
        self.websocket_api: WebSocketApi | None = None
        self.port = 0
        self._publisher: Publisher | None = None
        self._rest = RestApi(self.gate, self.limits, self.faults, self.clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Build the market, listen, and begin; returns the port. Raises SettingsError when the port is taken."""
        app = web.Application()
        if self.settings.recording:
            self._add_recording(app, Path(self.settings.recording))
        else:
            self._add_market(app)
        self._add_sockets(app)
        app.router.add_get("/sim/mentions", self._posts)
        app.router.add_get("/sim/transfers", self._transfers)
        Control(self).add_routes(app)
        app.router.add_route("*", "/{path:.*}", self._rest.not_found)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.settings.host, self.settings.port, backlog=256).start()
        except OSError as error:
            await self._runner.cleanup()
            raise SettingsError(
                f"simulator.port: cannot listen on {self.settings.host}:{self.settings.port} ({error.strerror}); "
                "stop what listens there, or choose another port (0 takes any free one)"
            ) from error
        self.port = int(self._runner.addresses[0][1])
        self._tasks.append(asyncio.create_task(self._run(), name="source"))
        if self.settings.faults.drop_sockets_every_s:
            self._tasks.append(asyncio.create_task(self._drop_again_and_again()))
        return self.port

    async def stop(self) -> None:
        """End all connections and the market."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.drop_sockets()
        if self._runner is not None:
            await self._runner.cleanup()

    def drop_sockets(self) -> None:
        """Cut every websocket without a closing handshake."""
        connections = list(self.hub.connections)
        if self.websocket_api is not None:
            connections += [session.connection for session in self.websocket_api.sessions]
        for connection in connections:
            connection.cut()

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The tasks that make the market."""
        return [task for task in self._tasks if task.get_name() == "source"]

    async def _drop_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self.settings.faults.drop_sockets_every_s)
            self.drop_sockets()

    def drop_later(self, seconds: float) -> None:
        """Cut every websocket after `seconds`."""

        async def drop() -> None:
            await asyncio.sleep(seconds)
            self.drop_sockets()

        self._tasks.append(asyncio.create_task(drop()))

    def announce_shutdown(self) -> None:
        """Send `serverShutdown` to every connection."""
        now = self.clock.now_ms()
        event = msgspec.json.encode({"e": "serverShutdown", "E": now}).decode()
        for connection in list(self.hub.connections):
            connection.put(f'{{"stream":"!serverShutdown","data":{event}}}' if connection.combined else event)
        for session in list(self.websocket_api.sessions if self.websocket_api else ()):
            session.connection.put(f'{{"event":{event}}}')

    async def _run(self) -> None:
        if self.player is not None:
            await self.player.run()
            return
        market, publisher = self.market, self._publisher
        assert market is not None and publisher is not None  # noqa: PT018 - one of the two sources is always there
        behind = 0
        while True:
            wait = self.clock.seconds_until(market.now_ms + STEP_MS)
            if wait > 0.0:
                self.users.flush()
                await asyncio.sleep(wait)
                behind = 0
            elif (behind := behind + 1) % 5 == 0:
                await asyncio.sleep(0)
            publisher.step()

    def _add_sockets(self, app: web.Application) -> None:
        sockets = MarketSockets(self.hub, self.settings)
        for prefix in ("", "/public", "/market"):
            app.router.add_get(f"{prefix}/stream", sockets.combined)
            for base in ("/ws", "/stream/ws"):
                app.router.add_get(f"{prefix}{base}", sockets.raw)
                app.router.add_get(f"{prefix}{base}/{{tail:.*}}", sockets.raw)

    def _add_market(self, app: web.Application) -> None:
        settings, clock = self.settings, self.clock
        market = GeneratedMarket(settings.market, settings.symbols, settings.seed, clock.start_ms // 1000)
        rules, account = Rules(market, settings), Account(settings.balances)
        publisher = Publisher(market, self.hub)
        orders = OrderPayloads(publisher.payloads)
        engine = MatchingEngine(market, account, orders, settings, self.users.publish)
        engine.publish = publisher.send_trade
        self.engine = engine
        publisher.on_step = engine.on_step
        self.market, self._publisher = market, publisher
        self.chatter = Chatter(market, settings.seed)
        public = PublicApi(market, rules, publisher.payloads, clock)
        trading = Trading(market, rules, account, engine, orders, settings)
        calls = {
            ("GET", "ping"): Call(public.ping),
            ("GET", "time"): Call(public.time),
            ("GET", "exchangeInfo"): Call(public.exchange_info, 20),
            ("GET", "klines"): Call(public.klines, 2),
            ("GET", "uiKlines"): Call(public.klines, 2),
            ("GET", "ticker/24hr"): Call(public.day_tickers, day_ticker_weight),
            ("GET", "ticker/price"): Call(public.prices, quote_weight),
            ("GET", "ticker/bookTicker"): Call(public.book_tickers, quote_weight),
            ("GET", "avgPrice"): Call(public.average_price, 2),
            ("GET", "depth"): Call(public.depth, depth_weight),
            ("GET", "trades"): Call(public.trades, 25),
            ("GET", "aggTrades"): Call(public.aggregate_trades, 4),
            ("GET", "historicalTrades"): Call(public.trades, 25),
            ("POST", "order"): Call(trading.place, 1, signed=True, order=True, counted=True),
            ("POST", "order/test"): Call(lambda p: trading.place(p, test=True), 1, signed=True),
            ("GET", "order"): Call(trading.query, 4, signed=True),
            ("DELETE", "order"): Call(trading.cancel, 1, signed=True, order=True),
            ("GET", "openOrders"): Call(trading.open_orders, lambda p: 6 if p.get("symbol") else 80, signed=True),
            ("DELETE", "openOrders"): Call(trading.cancel_all, 1, signed=True, order=True),
            ("GET", "allOrders"): Call(trading.all_orders, 20, signed=True),
            ("GET", "myTrades"): Call(trading.own_trades, lambda p: 5 if p.get("orderId") else 20, signed=True),
            ("GET", "account"): Call(trading.account, 20, signed=True),
        }
        for (method, path), call in calls.items():
            app.router.add_route(method, f"/api/v3/{path}", self._rest.handler(call))
        app.router.add_route("*", "/api/v3/userDataStream", self._rest.gone)
        app.router.add_get("/bapi/composite/v1/public/cms/article/list/query", self._articles)
        names = {
            "ping": ("GET", "ping"), "time": ("GET", "time"), "exchangeInfo": ("GET", "exchangeInfo"),
            "depth": ("GET", "depth"), "klines": ("GET", "klines"), "ticker.24hr": ("GET", "ticker/24hr"),
            "ticker.price": ("GET", "ticker/price"), "ticker.book": ("GET", "ticker/bookTicker"),
            "trades.recent": ("GET", "trades"), "avgPrice": ("GET", "avgPrice"), "order.place": ("POST", "order"),
            "order.test": ("POST", "order/test"), "order.status": ("GET", "order"), "order.cancel": ("DELETE", "order"),
            "openOrders.status": ("GET", "openOrders"), "openOrders.cancelAll": ("DELETE", "openOrders"),
            "allOrders": ("GET", "allOrders"), "myTrades": ("GET", "myTrades"), "account.status": ("GET", "account"),
        }  # fmt: skip
        by_name = {name: calls[key] for name, key in names.items()}
        api = WebSocketApi(by_name, self.users, self.gate, self.limits, self.faults, clock, settings)
        self.websocket_api = api
        app.router.add_get("/ws-api/v3", api.serve)

    def _add_recording(self, app: web.Application, path: Path) -> None:
        settings = self.settings
        recording = load_recording(path)
        self.player = RecordingPlayer(
            recording, self.hub, settings.speed, settings.recording_waits, settings.recording_wait_ms
        )

        def info(_: Parameters) -> Any:
            if recording.exchange_info is not None:
                return recording.exchange_info.encode()
            return derive_exchange_info(recording, self.clock.now_ms())

        def depth(parameters: Parameters) -> bytes:
            snapshot = recording.depth.get(parameters.symbol())
            if snapshot is None:
                raise Refusal(-1121, "Invalid symbol.")
            return snapshot.encode()

        for base in ("/api/v3", "/fapi/v1"):
            for name, handle in (
                ("ping", lambda _: {}),
                ("time", lambda _: {"serverTime": self.clock.now_ms()}),
                ("exchangeInfo", info),
                ("depth", depth),
                ("klines", lambda _: []),
                ("ticker/24hr", lambda _: []),
            ):
                app.router.add_get(f"{base}/{name}", self._rest.handler(Call(handle)))

    async def _articles(self, request: web.Request) -> web.Response:
        assert self.market is not None
        numbers = []
        for name, default in (("catalogId", 48), ("pageNo", 1), ("pageSize", 20)):
            text = request.query.get(name, "")
            numbers.append(int(text) if text.isdigit() and 0 < int(text) <= 1000 else default)
        value = article_list(self.market, *numbers)
        return web.Response(body=msgspec.json.encode(value), content_type="application/json")

    async def _posts(self, request: web.Request) -> web.Response:
        value = self.chatter.posts() if self.chatter is not None else {"data": {"posts": []}}
        return web.Response(body=msgspec.json.encode(value), content_type="application/json")

    async def _transfers(self, request: web.Request) -> web.Response:
        value = self.chatter.transfers() if self.chatter is not None else {"transfers": []}
        return web.Response(body=msgspec.json.encode(value), content_type="application/json")


async def _serve(settings: SimulatorSettings, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    exchange = SimulatedExchange(settings)
    port = await exchange.start()
    made_of = settings.recording or f"generated, seed {settings.seed}, {settings.symbols} symbols"
    log.info("exchange_ready", host=settings.host, port=port, source=made_of, speed=settings.speed)
    ready()
    waiting = asyncio.create_task(stop.wait())
    try:
        source = exchange.running[0]
        # A recording ends; the server stays for whoever still reads its counters.
        source.add_done_callback(lambda task: stop.set() if task.cancelled() or task.exception() else None)
        await waiting
        if source.done():
            source.result()
    finally:
        waiting.cancel()
        await exchange.stop()


def serve(settings: SimulatorSettings, ready: Callable[[], None] = lambda: None) -> None:
    """Run the exchange until SIGTERM or SIGINT; logs one line and calls `ready` when it listens.

    Raises SettingsError when the port is taken and RecordingError for a file that cannot be sent.
    """
    asyncio.run(_serve(settings, ready))
