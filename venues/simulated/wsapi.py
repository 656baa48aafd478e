"""The WebSocket API: sessions, user data, and orders over one connection at `/ws-api/v3`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from contracts.settings.simulator import SimulatorSettings
from venues.simulated.clock import ExchangeClock
from venues.simulated.errors import BAD_KEY, Refusal
from venues.simulated.faults import Fault, FaultBoard
from venues.simulated.hub import Connection
from venues.simulated.limits import Limits
from venues.simulated.parameters import Parameters
from venues.simulated.rest import Call
from venues.simulated.signing import Gate, sorted_payload
from venues.simulated.sockets import Keeper, receive
from venues.simulated.userstream import UserStreams

_NO_REQUEST = (-1135, "Invalid JSON Request")
_ALREADY = (-2035, "User Data Stream subscription already active.")
_NOT_ACTIVE = (-2036, "User Data Stream subscription not active.")


class Session:
    """What one connection has: its queue, its logon, its subscription."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.api_key: str | None = None
        self.since_ms = 0
        self.subscription: int | None = None


class WebSocketApi:
    """Serve requests `{"id", "method", "params"}`.

    Signed ones carry apiKey, timestamp and signature, or follow a logon.
    """

    def __init__(
        self, calls: dict[str, Call], users: UserStreams, gate: Gate, limits: Limits, faults: FaultBoard,
        clock: ExchangeClock, settings: SimulatorSettings,
    ) -> None:  # fmt: skip
        self._calls = calls
        self._users = users
        self._gate = gate
        self._limits = limits
        self._faults = faults
        self._clock = clock
        self._settings = settings
        self._own: dict[str, Callable[[Session, dict[str, Any]], Any]] = {
            "session.logon": self._logon,
            "session.status": lambda session, _: self._status(session),
            "session.logout": self._logout,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signature,
            "userDataStream.unsubscribe": self._unsubscribe,
        }
        self.sessions: set[Session] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 18)
        if not socket.can_prepare(request):
            return web.Response(status=400, text="expected a websocket handshake")
        await socket.prepare(request)
        keeper = Keeper(socket, self._settings, limited=False)
        session = Session(Connection(socket, combined=False, transport=request.transport))
        self.sessions.add(session)
        writer = asyncio.create_task(session.connection.write())
        keeping = asyncio.create_task(keeper.run())
        keeping.add_done_callback(lambda _: session.connection.end())
        try:
            while (text := await receive(socket, keeper)) is not None:
                answer = self._answer(session, text)
                if answer is not None:
                    session.connection.put(answer)
        finally:
            self.sessions.discard(session)
            self._end_subscription(session)
            keeping.cancel()
            session.connection.end()
            await writer
        return socket

    def _answer(self, session: Session, text: str) -> str | None:
        identity: Any = None
        try:
            request = msgspec.json.decode(text)
            identity = request.get("id") if isinstance(request, dict) else None
            result, order = self._dispatch(session, request)
        except msgspec.DecodeError:
            return _refusal(None, Refusal(*_NO_REQUEST))
        except Refusal as error:
            return _refusal(identity, error)
        if order and self._faults.take(Fault.LOST_ACK, self._faults.settings.lost_ack_share):
            return None
        limits = [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": self._settings.weight_per_minute,
                "count": self._limits.used,
            }
        ]
        return msgspec.json.encode({"id": identity, "status": 200, "result": result, "rateLimits": limits}).decode()

    def _dispatch(self, session: Session, request: Any) -> tuple[Any, bool]:
        """Return the result of a request, and whether it was an order."""
        method = request.get("method") if isinstance(request, dict) else None
        params = request.get("params", {}) if isinstance(request, dict) else None
        if not isinstance(method, str) or not isinstance(params, dict):
            raise Refusal(*_NO_REQUEST)
        own, call = self._own.get(method), self._calls.get(method)
        self._limits.charge(2 if own else 1, self._clock.now_ms())
        if own is not None:
            return own(session, params), False
        if call is None:
            raise Refusal(-1020, "This operation is not supported.", 404)
        if call.signed:
            self._authorise(session, params)
        if call.counted:
            self._limits.check_orders()
        result = call.handle(Parameters.from_json(params))
        if call.counted:
            self._limits.count_order()
        return result, call.order

    def _authorise(self, session: Session, params: dict[str, Any]) -> None:
        parameters = Parameters.from_json(params)
        if "apiKey" not in params and session.api_key is not None:
            self._gate.check_time(parameters, self._clock.now_ms())
            return
        self._gate.check_key(parameters.get("apiKey"))
        self._gate.check_time(parameters, self._clock.now_ms())
        self._gate.check_signature(parameters.get("signature"), sorted_payload(parameters.texts()))

    def _logon(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        if not self._gate.needs_ed25519:
            raise Refusal(-4056, "HMAC_SHA256 API key is not supported.")
        session.api_key = None
        self._authorise(session, params)
        session.api_key, session.since_ms = str(params["apiKey"]), self._clock.now_ms()
        return self._status(session)

    def _status(self, session: Session) -> dict[str, Any]:
        return {
            "apiKey": session.api_key,
            "authorizedSince": session.since_ms if session.api_key else None,
            "connectedSince": session.since_ms,
            "returnRateLimits": True,
            "serverTime": self._clock.now_ms(),
            "userDataStream": session.subscription is not None,
        }

    def _logout(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        session.api_key = None
        return self._status(session)

    def _subscribe(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        if session.api_key is None:
            raise Refusal(*BAD_KEY, status=401)
        return self._start(session)

    def _subscribe_signature(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        self._authorise(session, params)
        return self._start(session)

    def _start(self, session: Session) -> dict[str, Any]:
        if session.subscription is not None:
            raise Refusal(*_ALREADY)

        def deliver(event: dict[str, Any]) -> None:
            message = {"subscriptionId": session.subscription, "event": event}
            session.connection.put(msgspec.json.encode(message).decode())

        session.subscription = self._users.subscribe(deliver)
        return {"subscriptionId": session.subscription}

    def _unsubscribe(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("subscriptionId", session.subscription)
        if session.subscription is None or wanted != session.subscription:
            raise Refusal(*_NOT_ACTIVE)
        event = {"e": "eventStreamTerminated", "E": self._clock.now_ms()}
        message = {"subscriptionId": session.subscription, "event": event}
        session.connection.put(msgspec.json.encode(message).decode())
        self._end_subscription(session)
        return {}

    def _end_subscription(self, session: Session) -> None:
        if session.subscription is not None:
            self._users.unsubscribe(session.subscription)
            session.subscription = None


def _refusal(identity: Any, error: Refusal) -> str:
    value = {"id": identity, "status": error.status, "error": {"code": error.code, "msg": error.text}}
    return msgspec.json.encode(value).decode()
