"""The one clock of ingest: wall time that never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable


class ReceiveClock:
    """Unix nanoseconds for `ts_recv`, never decreasing from one call to the next.

    If the system's clock is set back, this one goes on at half speed until it is caught up with: timers still run,
    and order holds.
    """

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = wall()
        self._last_monotonic = monotonic()

    def now(self) -> int:
        """The receive time of what is at hand now."""
        ticked = self._monotonic()
        wall = self._wall()
        if wall < self._last:
            wall = self._last + (ticked - self._last_monotonic) // 2
        self._last, self._last_monotonic = wall, ticked
        return wall
