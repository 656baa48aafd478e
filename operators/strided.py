"""Arrays over symbols whose rows do not fall on one another in the processor's cache.

A kernel that reads many rows of one symbol strides by the row's length. Where that is a power of two (512 symbols are 4,096 bytes) all
rows compete for the same few cache lines, and a bar costs ten times as much. A few columns more spread them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators.slices import F8
from operators.state import capacity

PAD: Final = 8  # one cache line of float64


def columns(symbols: int) -> int:
    """How many columns are kept for so many symbols: depends on their number alone, never on how it was reached."""
    return capacity(symbols) + PAD


def strided(*rows: int, fill: float = np.nan) -> F8:
    """An array (*rows, columns of the least capacity) filled with `fill`."""
    return np.full((*rows, columns(1)), fill)


def widen_strided(array: F8, symbols: int, fill: float = np.nan) -> F8:
    """The array with room for so many symbols, new columns filled with `fill`; the same one if it has room."""
    width, wanted = array.shape[-1], columns(symbols)
    if width >= wanted:
        return array
    wider = np.full((*array.shape[:-1], wanted), fill)
    wider[..., :width] = array
    return wider
