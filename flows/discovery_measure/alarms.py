"""Alarms from raw scores: threshold, cooldown, budget.

Alarms are rows of an (N, 2) int64 array: bar and symbol, in order of time, then symbol.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators.jit import kernel

COOLDOWN: Final = 60
"""Bars between two alarms of one symbol, at least."""


@kernel
def _raise(
    bars: np.ndarray,
    symbols: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    cooldown: int,
    last: np.ndarray,
    out: np.ndarray,
) -> int:
    """Walk candidate cells in order of time; write the index of each alarm into `out`, return how many."""
    for s in range(last.shape[0]):
        last[s] = -1_000_000_000
    count = 0
    for i in range(bars.shape[0]):
        if scores[i] >= threshold and bars[i] - last[symbols[i]] >= cooldown:
            last[symbols[i]] = bars[i]
            out[count] = i
            count += 1
    return count


class Sweep:
    """The cells of a raw score that can become alarms: bars in [begin, end), score not NaN."""

    def __init__(self, score: np.ndarray, begin: int, end: int, cooldown: int = COOLDOWN) -> None:
        bars, symbols = np.nonzero(~np.isnan(score[begin:end]))
        self.bars = bars + begin
        self.symbols = symbols
        self.scores = np.ascontiguousarray(score[self.bars, symbols])
        self.cooldown = cooldown
        self._last = np.empty(score.shape[1], dtype=np.int64)
        self._out = np.empty(self.bars.shape[0], dtype=np.int64)

    def count(self, threshold: float) -> int:
        """Return how many alarms `threshold` raises."""
        return int(_raise(self.bars, self.symbols, self.scores, threshold, self.cooldown, self._last, self._out))

    def alarms(self, threshold: float) -> np.ndarray:
        """Return the alarms at `threshold`, (N, 2) of bar and symbol."""
        picked = self._out[: self.count(threshold)]
        return np.column_stack([self.bars[picked], self.symbols[picked]])

    def threshold_for(self, budget: float) -> float:
        """Return the lowest threshold, by bisection, that raises at most `budget` alarms (infinity when none does)."""
        values = np.unique(self.scores)
        low, high = 0, values.shape[0]
        while low < high:
            middle = (low + high) // 2
            if self.count(values[middle]) <= budget:
                high = middle
            else:
                low = middle + 1
        return float(values[low]) if low < values.shape[0] else float("inf")
