"""Pair sums: what the correlation of every two coins needs, carried along as whole numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from operators.jit import kernel
from operators.slices import F4, F8, I4, I8

UNITS: Final = 1 << 21
"""Steps of a log return of 1.0. A log close of 4 to 8 is stored in steps of 2^-21, a greater one in wider ones."""
UNKNOWN: Final = -(1 << 31)

COUNT, TOTAL, SQUARE, PRODUCT = range(4)
"""Over the returns that both i and j have: how many, of i their sum and their sum of squares, of i and j the sum of products."""

REBUILT_FROM: Final = 0.03
"""Share of the returns from whose change on it is cheaper to add all up again (measured for 300 coins)."""


@kernel
def returns_of(closes: Any, stamps: Any, newest: Any, coins: Any, out: Any) -> None:
    """Fill `out` (rows - 1, N) with the log returns of `coins` up to the close stamped `newest`, in UNITS, a return beyond +-1.0 as
    that; UNKNOWN where a close is missing. A return keeps its row, its time modulo rows - 1, as long as it is in the window.

    `closes` (rows, S) are log closes, each at its stamp modulo rows; a coin that is none of the S has no returns.
    """
    rows, width = closes.shape
    for now in range(newest - rows + 2, newest + 1):
        row = now % rows
        before = (now - 1) % rows
        into = now % (rows - 1)
        known = stamps[row] == now and stamps[before] == now - 1
        for n in range(coins.shape[0]):
            s = coins[n]
            moved = np.float64(closes[row, s]) - np.float64(closes[before, s]) if known and 0 <= s < width else np.nan
            out[into, n] = UNKNOWN if np.isnan(moved) else np.int32(np.rint(min(max(moved, -1.0), 1.0) * UNITS))


@kernel
def shift(into: Any, a: float, with_a: Any, b: float, with_b: Any) -> None:
    """Add a * with_a to `into` and take b * with_b away, each (N,)."""
    for j in range(into.shape[0]):
        into[j] += a * with_a[j] - b * with_b[j]


@kernel
def carry(sums: Any, held: Any, fresh: Any) -> None:
    """Change `sums` (4, N, N) of the returns `held` (R, N) to those of `fresh`, and `held` with it.

    In a row only the pairs of coins whose return changed are touched: N^2 of them at the end of a quarter, N for one late return.
    """
    rows, width = held.shape
    changed = np.empty(width, dtype=np.int64)
    # Of one row: returns and whether they are known, new and old; where unknown both are 0.
    x, known, x_old, known_old = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    for row in range(rows):
        count = 0
        for j in range(width):
            if held[row, j] != fresh[row, j]:
                changed[count] = j
                count += 1
        if count == 0:
            continue
        for j in range(width):
            known[j] = 1.0 if fresh[row, j] != UNKNOWN else 0.0
            known_old[j] = 1.0 if held[row, j] != UNKNOWN else 0.0
            x[j] = float(fresh[row, j]) if fresh[row, j] != UNKNOWN else 0.0
            x_old[j] = float(held[row, j]) if held[row, j] != UNKNOWN else 0.0
        for i in range(width):
            if held[row, i] != fresh[row, i]:
                shift(sums[COUNT, i], known[i], known, known_old[i], known_old)
                shift(sums[TOTAL, i], x[i], known, x_old[i], known_old)
                shift(sums[SQUARE, i], x[i] * x[i], known, x_old[i] * x_old[i], known_old)
                shift(sums[PRODUCT, i], x[i], x, x_old[i], x_old)
            elif known[i] == 1.0:
                for c in range(count):
                    j = changed[c]
                    sums[COUNT, i, j] += known[j] - known_old[j]
                    sums[TOTAL, i, j] += x[i] * (known[j] - known_old[j])
                    sums[SQUARE, i, j] += x[i] * x[i] * (known[j] - known_old[j])
                    sums[PRODUCT, i, j] += x[i] * (x[j] - x_old[j])
        held[row, :] = fresh[row, :]


def add_up(returns: I4, sums: F8) -> None:
    """Fill `sums` (4, N, N) with those of `returns` (R, N)."""
    known = (returns != UNKNOWN).astype(np.float64)
    x = np.where(returns != UNKNOWN, returns, 0).astype(np.float64)
    for kind, one, other in ((COUNT, known, known), (TOTAL, x, known), (SQUARE, x * x, known), (PRODUCT, x, x)):
        np.matmul(one.T, other, out=sums[kind])


@kernel
def correlation(sums: Any, i: int, j: int, least: int) -> float:
    """Return Pearson's correlation of i and j; NaN with fewer than `least` returns in common or without any movement."""
    n = np.int64(sums[COUNT, i, j])
    if n < least:
        return np.nan
    of_i = np.int64(sums[TOTAL, i, j])
    of_j = np.int64(sums[TOTAL, j, i])
    xx = n * np.int64(sums[SQUARE, i, j]) - of_i * of_i
    yy = n * np.int64(sums[SQUARE, j, i]) - of_j * of_j
    if xx <= 0 or yy <= 0:
        return np.nan
    return float((n * np.int64(sums[PRODUCT, i, j]) - of_i * of_j) / np.sqrt(float(xx) * float(yy)))


class PairSums:
    """Keep the sums of every pair of coins over one window of returns.

    Returns are whole numbers of at most 2^21, so that every sum of up to 1023 of them stays below 2^53 and every numerator of a
    correlation below 2^63: both are exact, in whatever order they were added. Sums carried along from row to row therefore
    equal sums added up anew to the last bit, and need not be part of any state. They are those of `held`, the returns they were
    made from; `follow` compares these with the returns that the closes give now, whatever happened to the closes meanwhile.

    300 coins and 720 returns take 3.7 MB.
    """

    def __init__(self, returns: int) -> None:
        """Raises ValueError where a window of so many returns would not be exact."""
        if 2 * (returns * UNITS) ** 2 >= 1 << 63:
            raise ValueError(f"returns: expected at most 1023, was {returns}")
        self._returns = returns
        self.held: I4 = np.empty((returns, 0), dtype=np.int32)
        self.sums: F8 = np.empty((4, 0, 0))

    def follow(self, closes: F4, stamps: I8, newest: int, coins: I8) -> F8:
        """Return the sums (4, N, N) of `coins` over the returns up to the close stamped `newest`; the next call changes them in place.

        `closes` (returns + 1, S); see `returns_of`.
        """
        if self.held.shape[1] != len(coins):
            self.held = np.full((self._returns, len(coins)), UNKNOWN, dtype=np.int32)
            self.sums = np.zeros((4, len(coins), len(coins)))
        fresh = np.empty_like(self.held)
        returns_of(closes, stamps, newest, coins, fresh)
        if np.count_nonzero(fresh != self.held) > REBUILT_FROM * fresh.size:
            add_up(fresh, self.sums)
            self.held = fresh
        else:
            carry(self.sums, self.held, fresh)
        return self.sums
