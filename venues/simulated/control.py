"""`/sim/...`: status, faults, pumps, halts and deposits, for this machine's demos and tests alone."""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from venues.simulated.faults import Fault, FaultRequest
from venues.simulated.halts import HaltStatus

if TYPE_CHECKING:
    from venues.simulated.server import SimulatedExchange

DROP_AFTER_NOTICE_S = 1.0


class PumpRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /sim/pump`; a negative percent is a dump."""

    symbol: str
    percent: Annotated[float, Meta(ge=-90.0, le=500.0)]
    minutes: Annotated[float, Meta(gt=0.0, le=600.0)]


class HaltRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /sim/halt`. A halt lasts `seconds` of exchange time, with 0 until `POST /sim/resume`."""

    symbol: str
    status: HaltStatus = HaltStatus.HALT
    seconds: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.0


class ResumeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /sim/resume`."""

    symbol: str


class DepositRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /sim/deposit`."""

    asset: Annotated[str, Meta(pattern="^[A-Z0-9]{1,20}$")]
    quantity: Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,8})?$")]


class Control:
    """The doors that a real exchange has not."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to `app`."""
        app.router.add_get("/sim/status", self._status)
        app.router.add_post("/sim/faults", self._faults)
        app.router.add_post("/sim/pump", self._pump)
        app.router.add_post("/sim/halt", self._halt)
        app.router.add_post("/sim/resume", self._resume)
        app.router.add_post("/sim/deposit", self._deposit)

    async def _status(self, request: web.Request) -> web.Response:
        return self._guarded(request, self.status())

    def status(self) -> dict[str, Any]:
        """Return counters and what is going on in the market."""
        exchange = self._exchange
        value: dict[str, Any] = {
            "port": exchange.port,
            "time_ms": exchange.clock.true_ms(),
            "connections": len(exchange.hub.connections),
            "streams": len(exchange.hub.names()),
            "frames_sent": sum(exchange.hub.sent.values()),
            "frames_sent_by_stream": dict(exchange.hub.sent),
            "user_events_sent": exchange.users.sent,
            "weight_used": exchange.limits.used,
            "faults_used": exchange.faults.used,
        }
        if exchange.player is not None:
            player = exchange.player
            value["recording"] = {
                "frames": len(player.recording.frames),
                "position": player.position,
                "passed_over": player.passed_over,
                "done": player.done.is_set(),
                "frames_by_stream": dict(player.recording.counts),
            }
        if exchange.market is not None:
            market = exchange.market
            names = market.universe.names
            value["market"] = {
                "second": market.second,
                "episodes": [
                    {
                        "kind": episode.kind,
                        "symbol": names[episode.row] if episode.row >= 0 else "*",
                        "start_s": episode.start_s,
                        "end_s": episode.end_s,
                        "percent": round(100.0 * (2.718281828459045**episode.move - 1.0), 2),
                    }
                    for episode in market.generator.episodes
                ],
                "listings": [
                    {"symbol": names[x.row], "announced_s": x.announced_s, "trades_s": x.trades_s}
                    for x in market.listings
                ],
                "halts": [
                    {"symbol": names[row], "status": halt.status, "until_s": halt.until_s}
                    for row, halt in market.halts.items()
                ],
            }
        return value

    async def _faults(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=FaultRequest)
        except msgspec.DecodeError as error:
            return self._refused(str(error))
        if not _local(request):
            return self._guarded(request, {})
        exchange = self._exchange
        exchange.faults.set(wanted)
        if wanted.fault is Fault.DROP_SOCKETS:
            exchange.drop_sockets()
        elif wanted.fault is Fault.SHUTDOWN_NOTICE:
            exchange.announce_shutdown()
            exchange.drop_later(wanted.seconds or DROP_AFTER_NOTICE_S)
        elif wanted.fault is Fault.CLEAR:
            exchange.limits.clear()
        exchange.clock.skew_ms = exchange.faults.skew_ms
        return self._guarded(request, {"fault": wanted.fault})

    async def _pump(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=PumpRequest)
        except msgspec.DecodeError as error:
            return self._refused(str(error))
        market = self._exchange.market
        row = market.universe.row.get(wanted.symbol, -1) if market is not None else -1
        if market is None or row < 0 or market.tape.born_s[row] > market.second:
            return self._refused(f"expected a symbol that trades here, was {wanted.symbol}")
        if not _local(request):
            return self._guarded(request, {})
        episode = market.pump(row, wanted.percent, wanted.minutes)
        return self._guarded(request, {"symbol": wanted.symbol, "start_s": episode.start_s, "end_s": episode.end_s})

    async def _halt(self, request: web.Request) -> web.Response:
        if not _local(request):
            return self._guarded(request, {})
        place = "POST /sim/halt"
        try:
            wanted = msgspec.json.decode(await request.read(), type=HaltRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._refused(f'{place}: {error}; send {{"symbol":"BTCUSDT","status":"HALT","seconds":60}}')
        market = self._exchange.market
        if market is None:
            return self._refused(f"{place}: a recording has no market to halt; start `ember simulate` without one")
        row = market.universe.row.get(wanted.symbol, -1)
        if row < 0 or market.tape.born_s[row] > market.second:
            text = f"{place}: `symbol`: expected one that trades here, was {wanted.symbol!r}"
            return self._refused(f"{text}; GET /api/v3/ticker/price lists them")
        halt = market.halt(row, wanted.status, market.second + wanted.seconds if wanted.seconds else None)
        return self._guarded(request, {"symbol": wanted.symbol, "status": halt.status, "until_s": halt.until_s})

    async def _resume(self, request: web.Request) -> web.Response:
        if not _local(request):
            return self._guarded(request, {})
        place = "POST /sim/resume"
        try:
            wanted = msgspec.json.decode(await request.read(), type=ResumeRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._refused(f'{place}: {error}; send {{"symbol":"BTCUSDT"}}')
        market = self._exchange.market
        row = market.universe.row.get(wanted.symbol, -1) if market is not None else -1
        if market is None or row not in market.halts:
            text = f"{place}: `symbol`: expected one that is halted, was {wanted.symbol!r}"
            return self._refused(f"{text}; GET /sim/status lists them under market.halts")
        market.resume(row)
        return self._guarded(request, {"symbol": wanted.symbol, "status": "TRADING"})

    async def _deposit(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=DepositRequest)
        except msgspec.DecodeError as error:
            return self._refused(str(error))
        if self._exchange.engine is None or not _local(request):
            return self._guarded(request, {})
        self._exchange.engine.deposit(wanted.asset, Decimal(wanted.quantity))
        return self._guarded(request, {"asset": wanted.asset, "quantity": wanted.quantity})

    @staticmethod
    def _guarded(request: web.Request, value: Any) -> web.Response:
        if not _local(request):
            return web.json_response({"error": "expected a client on this machine"}, status=403)
        return web.Response(body=msgspec.json.encode(value), content_type="application/json")

    @staticmethod
    def _refused(text: str) -> web.Response:
        return web.json_response({"error": text}, status=400)


def _local(request: web.Request) -> bool:
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
