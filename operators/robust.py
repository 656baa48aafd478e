"""Order statistics in kernels: medians of a few dozen to a few thousand values."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel

MAD_TO_SIGMA = 1.4826  # of a normal distribution (Rousseeuw & Croux 1993)


@kernel
def kth(values: Any, count: int, k: int) -> float:
    """Return the k-th smallest (from 0) of `values[:count]`, reordering them: none before it is greater. No NaN allowed.

    Lomuto's selection without branches in its loops: which side a value falls on cannot be foreseen, and a processor that guesses wrong
    loses more than the swaps cost.
    """
    low = 0
    high = count - 1
    while high - low > 8:
        a, b, c = values[low], values[(low + high) >> 1], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        smaller = low
        for j in range(low, high + 1):
            value = values[j]
            values[j] = values[smaller]
            values[smaller] = value
            smaller += value < pivot
        if k < smaller:
            high = smaller - 1
            continue
        equal = smaller
        for j in range(smaller, high + 1):
            value = values[j]
            values[j] = values[equal]
            values[equal] = value
            equal += not (pivot < value)
        if k < equal:
            return float(values[k])
        low = equal
    for i in range(low + 1, high + 1):
        value = values[i]
        j = i - 1
        while j >= low and value < values[j]:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value
    return float(values[k])


@kernel
def sort_columns(values: Any, rows: int, lanes: int) -> None:
    """Sort each of the first `lanes` columns of values (rows, lanes), smallest first. No NaN allowed.

    Batcher's merge exchange (Knuth, The Art of Computer Programming, 5.2.2, algorithm M): which rows are compared does not depend on the
    values, so that many columns are sorted at once.
    """
    p = 1
    while p < rows:
        k = p
        while k >= 1:
            for j in range(k % p, rows - k, 2 * k):
                for i in range(j, j + min(k, rows - j - k)):
                    if i // (2 * p) != (i + k) // (2 * p):
                        continue
                    for lane in range(lanes):
                        a, b = values[i, lane], values[i + k, lane]
                        values[i, lane] = min(b, a)
                        values[i + k, lane] = max(a, b)
            k //= 2
        p *= 2


@kernel
def median(values: Any, count: int) -> float:
    """Return the median of `values[:count]`, reordering them; NaN of none. The mean of the middle two if even."""
    if count == 0:
        return np.nan
    upper = kth(values, count, count >> 1)
    if count & 1:
        return upper
    lower = values[0]
    for i in range(1, count >> 1):
        lower = max(lower, values[i])
    return float(0.5 * (lower + upper))
