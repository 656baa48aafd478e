"""Outlook: what the next minutes may bring, read from the coin's own last hours (no model needed).

For every minute of the window that has the whole horizon behind it: the greatest gain and the greatest loss reached
within the horizon from its close. Of the minutes whose trailing move pointed the way it points now (continuation; all
of them where these are too few) the edge is a quantile of the gains and the risk a quantile of the losses. Both are
scaled by how much more the coin moves now than over the window: the mean absolute one-minute return of the recent bars
over that of all, within bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from contracts.settings.decisions import OutlookSettings
from operators.jit import kernel
from operators.slices import B1, F8, I8
from operators.state import State, capacity, grow
from operators.strided import strided, widen_strided

HIGH: Final = 0
LOW: Final = 1
CLOSE: Final = 2

SCALE: Final = 0
EDGE: Final = 1
RISK: Final = 2
SWING: Final = 3
SAMPLES: Final = 4
CLOSE_1M: Final = 5
CLOSE_5M: Final = 6
PARTS: Final = 7


@dataclass
class OutlookState(State):
    """count (S,) bars since the last hole; bars (3, window, S) rings of high, low, close; asked (S,) bar count when
    `known` was made.

    known (PARTS, S): scale, edge and risk (fractions), swing (the recent mean absolute one-minute return), samples, and the
    closes of the bar before the newest and of the one five before it. made_with: the numbers of the settings.
    """

    count: I8
    bars: F8
    asked: I8
    known: F8
    made_with: F8 = field(default_factory=lambda: np.zeros(0))


class Outlook:
    """Quantiles of gains and losses within the horizon."""

    def __init__(self, settings: OutlookSettings) -> None:
        self.settings = settings
        self.whole = np.array([settings.horizon, settings.trailing, settings.samples, settings.recent], dtype=np.int64)
        self.parts = np.array([settings.edge_quantile, settings.risk_quantile, settings.scale_max])
        self._made_with = np.array([settings.window, *self.whole, *self.parts])

    def start(self) -> OutlookState:
        """No bars."""
        s = capacity(1)
        return OutlookState(
            count=np.zeros(s, np.int64),
            bars=strided(3, self.settings.window),
            asked=np.full(s, -1, np.int64),
            known=np.full((PARTS, s), np.nan),
            made_with=self._made_with,
        )

    def adopt(self, state: OutlookState) -> bool:
        """Go on with the bars of a state that was made with other settings, as many as both hold. Returns whether it was."""
        if state.made_with is self._made_with:
            return False
        window = self.settings.window
        if not len(state.made_with) and state.bars.shape[1] == window:
            state.made_with = self._made_with
        if np.array_equal(state.made_with, self._made_with):
            state.made_with = self._made_with
            return False
        before = state.bars.shape[1]
        bars = np.full((3, window, state.bars.shape[2]), np.nan)
        held = np.minimum(state.count, min(before, window))
        for s in np.flatnonzero(held).tolist():
            rows = np.arange(state.count[s] - held[s], state.count[s]) % before
            bars[:, : held[s], s] = state.bars[:, rows, s]
        state.bars, state.count, state.made_with = bars, held, self._made_with
        state.asked = np.full_like(state.asked, -1)
        return True

    def widen(self, state: OutlookState, symbols: int) -> None:
        """Make room for so many symbols."""
        state.count = grow(state.count, symbols, 0)
        state.bars = widen_strided(state.bars, symbols)
        state.asked = grow(state.asked, symbols, -1)
        state.known = grow(state.known, symbols, np.nan)

    def replay(self, state: OutlookState, symbol: int, high: F8, low: F8, close: F8) -> None:
        """Start a symbol over from bars, oldest first, without holes wider than the indicators bridge."""
        _replay(state.count, state.bars, state.asked, symbol, high, low, close)

    def reach(self, state: OutlookState, symbol: int, gain: float, loss: float) -> tuple[float, float]:
        """Shares of the window's starts whose horizon gained (lost) at least so much, scaled.

        (nan, nan) without any.
        """
        return _reach(state.count, state.bars, symbol, self.settings.horizon, state.known[SCALE, symbol], gain, loss)


@kernel
def remember(count: I8, bars: F8, seen: I8, s: int, high: float, low: float, close: float) -> None:
    """Take a one-minute bar; `seen` (S,) is the indicators' count after it: 1 means that the symbol started over."""
    if seen[s] == 1:
        count[s] = 0
    at = count[s] % bars.shape[1]
    bars[HIGH, at, s] = high
    bars[LOW, at, s] = low
    bars[CLOSE, at, s] = close
    count[s] += 1


@kernel
def remember_all(count: I8, bars: F8, seen: I8, took: B1, high: F8, low: F8, close: F8) -> None:
    """Take a bar of every symbol where `took` (S,)."""
    for s in range(took.shape[0]):
        if took[s]:
            remember(count, bars, seen, s, high[s], low[s], close[s])


@kernel
def _replay(count: I8, bars: F8, asked: I8, s: int, high: F8, low: F8, close: F8) -> None:
    count[s] = 0
    asked[s] = -1
    for i in range(close.shape[0]):
        at = count[s] % bars.shape[1]
        bars[HIGH, at, s] = high[i]
        bars[LOW, at, s] = low[i]
        bars[CLOSE, at, s] = close[i]
        count[s] += 1


@kernel
def close_before(count: I8, bars: F8, s: int, ago: int) -> float:
    """Close of the bar so many before the newest; NaN if there is none."""
    held = min(count[s], bars.shape[1])
    if ago >= held:
        return math.nan
    value: float = bars[CLOSE, (count[s] - 1 - ago) % bars.shape[1], s]
    return value


@kernel
def quantile(ordered: F8, n: int, q: float) -> float:
    """Linear interpolation between order statistics of the first n ascending entries (Hyndman and Fan's type 7)."""
    at = q * (n - 1)
    below = int(at)
    above = min(below + 1, n - 1)
    value: float = ordered[below] + (at - below) * (ordered[above] - ordered[below])
    return value


@kernel
def _swing(close: F8, n: int) -> float:
    """Mean absolute return of the newest n bars."""
    total = 0.0
    for i in range(close.shape[0] - n, close.shape[0]):
        total += abs(close[i] / close[i - 1] - 1.0)
    return total / n


@kernel
def look(count: I8, bars: F8, asked: I8, known: F8, s: int, whole: I8, parts: F8) -> bool:
    """Make `known` of symbol `s`, once per bar; NaN where the window holds too little. Returns whether it was made anew."""
    if asked[s] == count[s]:
        return False
    asked[s] = count[s]
    known[CLOSE_1M, s] = close_before(count, bars, s, 1)
    known[CLOSE_5M, s] = close_before(count, bars, s, 5)
    window = bars.shape[1]
    horizon, trailing, samples, recent = whole[0], whole[1], whole[2], whole[3]
    held = min(count[s], window)
    for part in range(CLOSE_1M):
        known[part, s] = math.nan
    starts = held - horizon
    if starts < samples or held <= recent + 1:
        return True
    oldest = count[s] - held
    high, low, close = np.empty(held), np.empty(held), np.empty(held)
    for i in range(held):
        at = (oldest + i) % window
        high[i] = bars[HIGH, at, s]
        low[i] = bars[LOW, at, s]
        close[i] = bars[CLOSE, at, s]
    swing = _swing(close, recent)
    usual = _swing(close, held - 1)
    scale = swing / usual if usual > 0.0 else 1.0
    scale = min(max(scale, 1.0 / parts[2]), parts[2])
    direction = -1.0 if held > trailing and close[held - 1] < close[held - 1 - trailing] else 1.0
    top, bottom = close[:starts].copy(), close[:starts].copy()
    for ahead in range(1, 1 + horizon):  # the inner loop runs over starts, so that the compiler takes several at once
        for i in range(starts):
            up, down = high[i + ahead], low[i + ahead]
            top[i] = max(top[i], up)
            bottom[i] = min(bottom[i], down)
    gains = np.empty(starts)
    losses = np.empty(starts)
    n = 0
    for attempt in range(2):
        n = 0
        for i in range(starts):
            if attempt == 0 and (i < trailing or direction * (close[i] - close[i - trailing]) <= 0.0):
                continue
            gains[n] = top[i] / close[i] - 1.0
            losses[n] = 1.0 - bottom[i] / close[i]
            n += 1
        if n >= samples:
            break
    known[SCALE, s] = scale
    known[EDGE, s] = scale * quantile(np.sort(gains[:n]), n, parts[0])
    known[RISK, s] = scale * quantile(np.sort(losses[:n]), n, parts[1])
    known[SWING, s] = swing
    known[SAMPLES, s] = n
    return True


@kernel
def _reach(count: I8, bars: F8, s: int, horizon: int, scale: float, gain: float, loss: float) -> tuple[float, float]:
    window = bars.shape[1]
    held = min(count[s], window)
    last = count[s] - 1
    n, won, lost = 0, 0, 0
    for i in range(last - held + 1, last - horizon + 1):
        close = bars[CLOSE, i % window, s]
        top, bottom = close, close
        for j in range(i + 1, i + 1 + horizon):
            top = max(top, bars[HIGH, j % window, s])
            bottom = min(bottom, bars[LOW, j % window, s])
        n += 1
        won += 1 if scale * (top / close - 1.0) >= gain else 0
        lost += 1 if scale * (1.0 - bottom / close) >= loss else 0
    if n == 0:
        return math.nan, math.nan
    return won / n, lost / n
