"""Order statistics in kernels: median and median absolute deviation of a few dozen values."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel

MAD_TO_SIGMA = 1.4826  # of a normal distribution (Rousseeuw & Croux 1993)


@kernel
def kth(values: Any, count: int, k: int) -> float:
    """Return the k-th smallest (from 0) of `values[:count]`, reordering them (Hoare's selection). No NaN allowed."""
    low = 0
    high = count - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                kept = values[i]
                values[i] = values[j]
                values[j] = kept
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return float(values[k])


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
        if values[i] > lower:
            lower = values[i]
    return float(0.5 * (lower + upper))
