"""REST: routes, weights, signatures, faults, and answers in the exchange's form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from venues.simulated.clock import ExchangeClock
from venues.simulated.errors import Refusal
from venues.simulated.faults import Fault, FaultBoard
from venues.simulated.limits import Limits
from venues.simulated.parameters import Parameters
from venues.simulated.signing import Gate, payload_of

LOST_ANSWER_S = 60.0  # after this long a connection whose answer was lost is closed
_GONE = "<html><head><title>410 Gone</title></head><body><center><h1>410 Gone</h1></center></body></html>"
_NOT_FOUND = (
    "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center></body></html>"
)
_UNAVAILABLE = (
    "<html><head><title>503 Service Temporarily Unavailable</title></head>"
    "<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>"
)
_TIMEOUT = {
    "code": -1007,
    "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
}

Weight = int | Callable[[Parameters], int]


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call: its weight, whether it is signed, whether it is an order that costs nothing when accepted."""

    handle: Callable[[Parameters], Any]
    weight: Weight = 1
    signed: bool = False
    order: bool = False
    counted: bool = False  # counts against the order limits


class RestApi:
    """Serve calls under one guard."""

    def __init__(self, gate: Gate, limits: Limits, faults: FaultBoard, clock: ExchangeClock) -> None:
        self._gate = gate
        self._limits = limits
        self._faults = faults
        self._clock = clock

    def handler(self, call: Call) -> Callable[[web.Request], Any]:
        """Return the aiohttp handler of `call`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(call, request)

        return handle

    async def gone(self, request: web.Request) -> web.Response:
        """Answer for the retired listen keys."""
        return web.Response(status=410, text=_GONE, content_type="text/html")

    async def not_found(self, request: web.Request) -> web.Response:
        """Answer for paths that do not exist."""
        return web.Response(status=404, text=_NOT_FOUND, content_type="text/html")

    async def _serve(self, call: Call, request: web.Request) -> web.StreamResponse:
        query = request.raw_path.partition("?")[2]
        body = (await request.read()).decode(errors="replace")
        headers: dict[str, str] = {}
        try:
            parameters = Parameters.parse(query, body)
            weight = call.weight if isinstance(call.weight, int) else call.weight(parameters)
            self._limits.charge(weight, self._clock.now_ms())
            if call.signed:
                self._gate.check_key(request.headers.get("X-MBX-APIKEY"))
                self._gate.check_time(parameters, self._clock.now_ms())
                self._gate.check_signature(parameters.get("signature"), payload_of(query, body))
            if call.counted:
                self._limits.check_orders()
            answer = call.handle(parameters)
            if call.order:
                self._limits.refund(weight)
            if call.counted:
                headers |= self._limits.count_order()
        except Refusal as error:
            await self._delay()
            value = {"code": error.code, "msg": error.text}
            return self._json(value, {**headers, **error.headers}, error.status)
        await self._delay()
        if call.order:
            share = self._faults.settings.lost_ack_share
            if self._faults.take(Fault.LOST_ACK, share):
                return await self._lose(request)
            if self._faults.take(Fault.ERROR_AFTER_ACCEPT):
                return web.Response(status=503, text=_UNAVAILABLE, content_type="text/html")
            if self._faults.take(Fault.TIMEOUT_AFTER_ACCEPT):
                return self._json(_TIMEOUT, headers, 408)
        return self._json(answer, headers)

    async def _delay(self) -> None:
        delay = self._faults.answer_delay_s
        if delay > 0.0:
            await asyncio.sleep(delay)

    @staticmethod
    async def _lose(request: web.Request) -> web.Response:
        waited = 0.0
        while request.transport is not None and not request.transport.is_closing() and waited < LOST_ANSWER_S:
            await asyncio.sleep(0.05)
            waited += 0.05
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _json(self, value: Any, headers: dict[str, str], status: int = 200) -> web.Response:
        body = value if isinstance(value, bytes) else msgspec.json.encode(value)
        return web.Response(
            body=body,
            status=status,
            content_type="application/json",
            headers={**self._limits.weight_headers(), **headers},
        )
