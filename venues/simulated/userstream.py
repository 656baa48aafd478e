"""User events on their way to the sessions that subscribed to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from venues.simulated.faults import Fault, FaultBoard


class UserStreams:
    """Fan events of the account out to subscribers; faults repeat them or swap neighbours."""

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults
        self._subscribers: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._next_id = 0
        self._held: dict[str, Any] | None = None
        self.sent = 0

    @property
    def listeners(self) -> int:
        """How many subscriptions there are."""
        return len(self._subscribers)

    def subscribe(self, deliver: Callable[[dict[str, Any]], None]) -> int:
        """Deliver every event from now on; returns the subscription's id."""
        identity = self._next_id
        self._next_id += 1
        self._subscribers[identity] = deliver
        return identity

    def unsubscribe(self, identity: int) -> None:
        """Stop a subscription; an unknown one is ignored."""
        self._subscribers.pop(identity, None)

    def publish(self, event: dict[str, Any]) -> None:
        """Send one event to all subscribers."""
        if self._held is not None:
            held, self._held = self._held, None
            self._send(event)
            self._send(held)
            return
        if self._faults.take(Fault.REORDER_REPORTS, self._faults.settings.reordered_report_share):
            self._held = event  # it goes out behind the next one
            return
        self._send(event)
        if self._faults.take(Fault.DUPLICATE_REPORTS, self._faults.settings.duplicate_report_share):
            self._send(event)

    def flush(self) -> None:
        """Send an event that was held back and got no successor."""
        if self._held is not None:
            held, self._held = self._held, None
            self._send(held)

    def _send(self, event: dict[str, Any]) -> None:
        for deliver in list(self._subscribers.values()):
            deliver(event)
            self.sent += 1
