"""The exchange's clock."""

from __future__ import annotations

import time


class ExchangeClock:
    """Runs at `speed` from `start_ms`, monotonic, `skew_ms` ahead of what the market goes by.

    The skew is what a client sees in `/api/v3/time` and in the checks of its timestamps; quotes and trades keep
    true time, as a venue's clock that is off does not move its market.
    """

    def __init__(self, start_ms: int | None, speed: float, skew_ms: int = 0) -> None:
        self._start_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms
        self._start = time.monotonic()
        self.speed = speed
        self.skew_ms = skew_ms

    @property
    def start_ms(self) -> int:
        """Exchange time at the start, without skew."""
        return self._start_ms

    def true_ms(self) -> int:
        """Exchange time without skew."""
        return self._start_ms + int((time.monotonic() - self._start) * 1000.0 * self.speed)

    def now_ms(self) -> int:
        """Exchange time as the exchange tells it."""
        return self.true_ms() + self.skew_ms

    def seconds_until(self, time_ms: int) -> float:
        """Return the real seconds until the exchange's true time is `time_ms`; negative when it has passed."""
        return (time_ms - self._start_ms) / 1000.0 / self.speed - (time.monotonic() - self._start)
