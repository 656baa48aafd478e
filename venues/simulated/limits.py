"""Request weights and order counts, and what happens above them: 429, then 418."""

from __future__ import annotations

import time
from collections import deque

from contracts.settings.simulator import SimulatorSettings
from venues.simulated.errors import BANNED, TOO_MANY_ORDERS, TOO_MUCH_WEIGHT, Refusal
from venues.simulated.faults import Fault, FaultBoard


class Limits:
    """Counters of one address. Windows go by real time: minutes for weight, ten seconds and a day for orders."""

    def __init__(self, settings: SimulatorSettings, faults: FaultBoard) -> None:
        self._settings = settings
        self._faults = faults
        self._minute = 0
        self.used = 0
        self._refused = 0
        self._banned_until = 0.0
        self._orders: deque[float] = deque()
        self._day = 0
        self._orders_of_day = 0

    def charge(self, weight: int, now_ms: int) -> None:
        """Add `weight`; raises 429 above the minute's limit and 418 for whoever does not stop."""
        self._roll()
        banned = max(self._banned_until - time.time(), float(self._faults.seconds_left(Fault.BAN)))
        if banned > 0.0:
            raise self._ban(banned, now_ms)
        self.used += weight
        storm = self._faults.seconds_left(Fault.RATE_LIMIT)
        if self.used > self._settings.weight_per_minute or storm:
            self._refused += 1
            if self._refused > self._settings.requests_over_limit_to_ban:
                self._banned_until = time.time() + self._settings.ban_s
                raise self._ban(float(self._settings.ban_s), now_ms)
            after = storm or 60 - int(time.time()) % 60
            code, text = TOO_MUCH_WEIGHT
            text = text.format(limit=self._settings.weight_per_minute)
            raise Refusal(code, text, 429, {"Retry-After": str(after)})

    def refund(self, weight: int) -> None:
        """Take `weight` back: a successful order costs nothing."""
        self.used = max(0, self.used - weight)

    def weight_headers(self) -> dict[str, str]:
        """Return the header that every answer carries."""
        self._roll()
        return {"X-MBX-USED-WEIGHT": str(self.used), "X-MBX-USED-WEIGHT-1M": str(self.used)}

    def check_orders(self) -> None:
        """Refuse one more order above a limit."""
        self._roll()
        if len(self._orders) >= self._settings.orders_per_10s:
            raise self._too_many(self._settings.orders_per_10s, "10 SECOND", 10)
        if self._orders_of_day >= self._settings.orders_per_day:
            raise self._too_many(self._settings.orders_per_day, "1 DAY", 60)

    def count_order(self) -> dict[str, str]:
        """Count an accepted order; returns the headers of its answer."""
        self._orders.append(time.time())
        self._orders_of_day += 1
        return {"X-MBX-ORDER-COUNT-10S": str(len(self._orders)), "X-MBX-ORDER-COUNT-1D": str(self._orders_of_day)}

    def clear(self) -> None:
        """Lift bans and forget refusals."""
        self._banned_until, self._refused = 0.0, 0

    def _ban(self, seconds: float, now_ms: int) -> Refusal:
        code, text = BANNED
        text = text.format(until=now_ms + int(1000 * seconds))
        return Refusal(code, text, 418, {"Retry-After": str(max(1, int(seconds + 0.999)))})

    @staticmethod
    def _too_many(limit: int, interval: str, after_s: int) -> Refusal:
        code, text = TOO_MANY_ORDERS
        return Refusal(code, text.format(limit=limit, interval=interval), 429, {"Retry-After": str(after_s)})

    def _roll(self) -> None:
        now = time.time()
        minute, day = int(now // 60), int(now // 86_400)
        if minute != self._minute:
            self._minute, self.used, self._refused = minute, 0, 0
        if day != self._day:
            self._day, self._orders_of_day = day, 0
        while self._orders and now - self._orders[0] > 10.0:
            self._orders.popleft()
