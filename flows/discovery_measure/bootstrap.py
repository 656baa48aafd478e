"""90 % intervals of a mean over episodes, drawn by clusters.

Episodes of one coin on one day are not independent, so whole (symbol, day) clusters are drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np

DRAWS: Final = 2000
SEED: Final = 7


def interval(
    values: np.ndarray, clusters: Sequence[Hashable], *, draws: int = DRAWS, seed: int = SEED
) -> tuple[float, float]:
    """Return the 5 % and 95 % quantile of the mean of `values` (N,) under resampled clusters. The seed is fixed."""
    names = {name: row for row, name in enumerate(dict.fromkeys(clusters))}
    label = np.array([names[cluster] for cluster in clusters])
    sums = np.bincount(label, weights=values, minlength=len(names))
    counts = np.bincount(label, minlength=len(names)).astype(np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(names), size=(draws, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.05, 0.95))
    return float(low), float(high)
