"""Pumps, dumps, crashes and listings: when they come, and what they do to price and volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from contracts.settings.simulator import GeneratedMarketSettings
from venues.simulated.universe import Universe

MARKET = -1  # the row of an episode that moves every coin through the BTC factor


class Kind(StrEnum):
    """What happens."""

    PUMP = "pump"
    DUMP = "dump"
    CRASH = "crash"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Episode:
    """A move of one coin, or of the market.

    The log price gains `move` over `build_s` (slowly at first, then faster), holds for `hold_s`, and gives back
    `give_back` of it over `fade_s`. Volume leads: it is at `volume` times normal when half of the build-up has passed.
    """

    kind: Kind
    row: int
    start_s: float
    build_s: float
    hold_s: float
    fade_s: float
    move: float
    give_back: float
    volume: float

    @property
    def end_s(self) -> float:
        """The second after which it has no further effect."""
        return self.start_s + self.build_s + self.hold_s + self.fade_s

    def level(self, second: float) -> float:
        """Return what has been added to the log price by `second`."""
        t = second - self.start_s
        if t <= 0.0:
            return 0.0
        if t < self.build_s:
            x = t / self.build_s
            # A surge is no ramp: two pauses are felt on the way, and it steepens.
            return float(self.move * (0.35 * x + 0.65 * x**1.8 + 0.025 * math.sin(4.0 * math.pi * x)))
        t -= self.build_s + self.hold_s
        if t <= 0.0:
            return self.move
        x = min(1.0, t / self.fade_s)
        return self.move * (1.0 - self.give_back * (1.0 - (1.0 - x) ** 2))

    def volume_multiple(self, second: float) -> float:
        """Return by how much trading is busier than usual at `second`, 1 or more."""
        t = second - self.start_s
        if t <= 0.0 or second >= self.end_s:
            return 1.0
        if t < self.build_s:
            return 1.0 + (self.volume - 1.0) * min(1.0, 2.0 * t / self.build_s)
        t -= self.build_s + self.hold_s
        if t <= 0.0:
            return self.volume
        return 1.0 + (self.volume - 1.0) * 0.6 * math.exp(-3.0 * t / self.fade_s)


def pump(row: int, start_s: float, percent: float, minutes: float, volume: float = 22.0) -> Episode:
    """Return a pump of `percent` built up over `minutes`, of which half to four fifths is given back."""
    build = 60.0 * minutes
    return Episode(Kind.PUMP, row, start_s, build, 0.25 * build, 1.2 * build, math.log1p(percent / 100), 0.65, volume)


class Schedule:
    """Draw episodes one after another from the settings' rates; the same seed and start give the same ones."""

    def __init__(self, settings: GeneratedMarketSettings, universe: Universe, seed: int, start_s: int) -> None:
        self._settings = settings
        self._universe = universe
        self._start_s = start_s
        self._rng = np.random.default_rng([seed, 2])
        # A coin outside the top that still trades every other second shows a surge within seconds.
        rate = universe.trade_rate[: universe.listed]
        order = np.flatnonzero(rate >= min(0.25, float(np.median(rate))))
        self._movers = order[min(8, len(order) - 1) :]
        self._busy_until: dict[int, float] = {}
        off = math.inf
        first = settings.first_pump_after_s
        self._next: dict[str, float] = {
            "pump": start_s + first if settings.pump_every_s else off,
            "slow": start_s + 0.5 * settings.slow_pump_every_s if settings.slow_pump_every_s else off,
            "dump": start_s + 0.6 * settings.dump_every_s if settings.dump_every_s else off,
            "crash": start_s + 0.5 * settings.crash_every_s if settings.crash_every_s else off,
        }

    def due(self, second: int) -> list[Episode]:
        """Return the episodes that start at `second` or have started since the last call."""
        started: list[Episode] = []
        for name in ("pump", "slow", "dump", "crash"):
            while self._next[name] <= second:
                at = self._next[name]
                started.append(self._draw(name, at))
                every = getattr(self._settings, f"{'slow_pump' if name == 'slow' else name}_every_s")
                self._next[name] = at + every * self._rng.uniform(0.6, 1.4)
        return started

    def _draw(self, name: str, at: float) -> Episode:
        rng, settings = self._rng, self._settings
        if name == "crash":
            move = -rng.uniform(0.025, 0.06)
            return Episode(Kind.CRASH, MARKET, at, rng.uniform(60, 240), 30, rng.uniform(600, 1800), move, 0.6, 6.0)
        row = self._pick(at)
        if name == "dump":
            move = -rng.uniform(0.04, 0.12)
            episode = Episode(Kind.DUMP, row, at, rng.uniform(60, 360), 60, rng.uniform(300, 1200), move, 0.4, 14.0)
        elif name == "slow":
            percent = rng.uniform(1.5, 2.5) * settings.pump_percent_max
            episode = pump(row, at, percent, rng.uniform(10, 40), rng.uniform(12, 30))
        else:
            percent = rng.uniform(settings.pump_percent_min, settings.pump_percent_max)
            minutes = rng.uniform(settings.pump_minutes_min, settings.pump_minutes_max)
            if at == self._start_s + settings.first_pump_after_s:
                # The first one comes quickly, so that whoever has just started the exchange sees one.
                minutes, percent = settings.pump_minutes_min, max(percent, 0.75 * settings.pump_percent_max)
            episode = pump(row, at, percent, minutes, rng.uniform(18, 40))
        self._busy_until[row] = episode.end_s
        return episode

    def _pick(self, at: float) -> int:
        for _ in range(32):
            row = int(self._rng.choice(self._movers))
            if self._busy_until.get(row, 0.0) < at:
                break
        return row
