"""The depth of the book behind the best quotes: a function of price and time, so that it needs no memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from venues.simulated.universe import Floats, Ints, Universe

LEVELS = 400  # per side
_NEAR = 24  # ticks behind the best in which every level may be quoted
_REFRESH_STEPS = 40  # a level's quantity changes about every four seconds


def _hash(*parts: Ints | int) -> Floats:
    """Return uniform numbers in (0, 1) that depend on the parts alone (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        x: NDArray[np.uint64] = np.asarray(np.uint64(0x9E3779B97F4A7C15))
        for part in parts:
            x = (np.asarray(part).astype(np.uint64) + x) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
            x = np.asarray(x ^ (x >> np.uint64(29)))
    return np.asarray(((x >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


class Ladder:
    """Price levels of every symbol.

    Level `p` of a side holds a quantity drawn anew about every four seconds, larger further from the best. Behind the
    best come single ticks, about half of them empty, then levels one basis point apart, `LEVELS` in all.
    """

    def __init__(self, universe: Universe, seed: int) -> None:
        self._seed = seed
        tick = 10.0 ** -universe.price_decimals.astype(np.float64)
        lot = 10.0 ** -universe.lot_decimals.astype(np.float64)
        price = np.maximum(universe.start_price / tick, 1.0)
        self._grid = np.maximum(1, np.rint(price * 1e-4)).astype(np.int64)
        # A level holds about four trades' worth.
        self._base = 4.0 * universe.trade_notional / (universe.start_price * lot)

    def quantities(self, row: int | Ints, price: Ints, best: Ints | int, side: int, step: int) -> Ints:
        """Return the lots at `price` (ticks) given the side's best price; `step` counts 100 ms since the epoch."""
        phase = (_hash(self._seed, row, price) * _REFRESH_STEPS).astype(np.int64)
        epoch = (step + phase) // _REFRESH_STEPS
        uniform = _hash(self._seed + 1 + side, row, price, epoch)
        # Whole tenths of a percent: a level changes when it changes its tenth, not with every move of the best.
        distance = np.abs(price - best) * 1000 // np.maximum(price, 1)
        lots: Floats = self._base[row] * -np.log(uniform) * (1.0 + np.minimum(distance, 20.0))
        return np.asarray(np.maximum(np.rint(lots), 1.0), dtype=np.int64)

    def side(self, row: int, best: int, side: int, step: int, levels: int = LEVELS) -> tuple[Ints, Ints]:
        """Return prices and lots of one side (0 bids, 1 asks), best first; empty where the symbol is not quoted."""
        if best <= 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        sign = 1 if side else -1
        near = best + sign * np.arange(_NEAR)
        near = near[(_hash(self._seed + 7, row, near) < 0.55) | (near == best)]
        grid = int(self._grid[row])
        beyond = best + sign * _NEAR
        first = beyond // grid * grid + grid if side else (beyond - 1) // grid * grid
        far = first + sign * grid * np.arange(levels)
        prices = np.concatenate([near, far])[:levels]
        prices = prices[prices > 0]
        return prices, self.quantities(row, prices, best, side, step)
