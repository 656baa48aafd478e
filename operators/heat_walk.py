"""The kernel of `heat`: six scores, total and order of every coin, second by second."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel
from operators.robust import median
from operators.slices import SECOND

VOLUME, MOMENTUM, VOLATILITY, LIQUIDITY, SOCIAL, NOVELTY = range(6)
SCORES = 6
# rules (float64)
(
    VOLUME_HALF, MOMENTUM_HALF, VOLATILITY_HALF, LIQUIDITY_FULL, SPREAD_ZERO, LEAST_VOLUME, AGE_HALF_S, MENTION_HALF,
    MENTION_FADE_S, ANNOUNCED_S, RANGE_LEAST, NEAR_MOST,
) = range(12)  # fmt: skip


@kernel
def saturate(x: float, half: float) -> float:
    """Return 100 * (1 - 2 ** (-x / half)) for x > 0, else 0 (and 0 for NaN): 0..100, 50 at `half`."""
    if not x > 0.0:
        return 0.0
    return float(100.0 * (1.0 - 2.0 ** (-x / half)))


@kernel
def walk(
    first: int, until: int, width: int, ts_open: Any, surge: Any, raw: Any, near: Any, span: Any, threshold: Any,
    volume_24h: Any, bid: Any, ask: Any, excluded: Any, passed: Any, listed_at: Any, announced_at: Any, mentions: Any,
    mentioned_at: Any, weights: Any, rules: Any, scores: Any, total: Any, top: Any, universe: Any,
) -> None:  # fmt: skip
    """Score frames [first, until). scores (F, 6, S); total (F, S); top (F, K) ids, passed coins first, hottest first,
    -1
    padded; universe (F,) how many coins were looked at.
    """
    own = np.empty(width, dtype=np.float64)
    keys = np.empty(width, dtype=np.int64)
    share = 0.0
    for k in range(SCORES):
        share += weights[k]
    for f in range(first, until):
        second = ts_open[f] // SECOND
        n = 0
        for s in range(width):
            if not np.isnan(surge[f, s]) and excluded[s] == 0:
                own[n] = surge[f, s]
                n += 1
        market_surge = median(own, n) if n > 0 else 0.0
        n = 0
        for s in range(width):
            if not np.isnan(span[f, s]) and excluded[s] == 0:
                own[n] = span[f, s]
                n += 1
        market_span = max(median(own, n), rules[RANGE_LEAST]) if n > 0 else rules[RANGE_LEAST]
        ranked = 0
        for s in range(width):
            if excluded[s] != 0 or np.isnan(span[f, s]):
                for k in range(SCORES):
                    scores[f, k, s] = 0.0
                total[f, s] = 0.0
                continue
            scores[f, VOLUME, s] = saturate(surge[f, s] - market_surge, rules[VOLUME_HALF])
            scores[f, MOMENTUM, s] = 0.0
            if raw[f, s] > threshold[f] - 6.0:
                scores[f, MOMENTUM, s] = saturate(np.exp(min(raw[f, s] - threshold[f], 6.0)), rules[MOMENTUM_HALF])
            nearness = max(0.0, 1.0 + near[f, s] / rules[NEAR_MOST])
            scores[f, VOLATILITY, s] = saturate(nearness * span[f, s] / market_span, rules[VOLATILITY_HALF])
            liquidity = 0.0
            if volume_24h[f, s] > 0.0:
                decades = np.log10(volume_24h[f, s] / rules[LEAST_VOLUME])
                liquidity = 100.0 * min(1.0, max(0.0, decades / rules[LIQUIDITY_FULL]))
            if bid[f, s] > 0.0 and ask[f, s] >= bid[f, s]:
                spread = 2e4 * (ask[f, s] - bid[f, s]) / (ask[f, s] + bid[f, s])
                liquidity *= max(0.0, 1.0 - spread / rules[SPREAD_ZERO])
            scores[f, LIQUIDITY, s] = liquidity
            social = 0.0
            if mentions[s] > 0.0:
                faded = mentions[s] * 2.0 ** (-max(0.0, float(second - mentioned_at[s])) / rules[MENTION_FADE_S])
                social = saturate(faded, rules[MENTION_HALF])
            scores[f, SOCIAL, s] = social
            novelty = 0.0
            if listed_at[s] > 0:
                novelty = 100.0 * 2.0 ** (-max(0.0, float(second - listed_at[s])) / rules[AGE_HALF_S])
            if announced_at[s] > 0:
                novelty = max(
                    novelty, 100.0 * max(0.0, 1.0 - max(0.0, float(second - announced_at[s])) / rules[ANNOUNCED_S])
                )
            scores[f, NOVELTY, s] = novelty
            heat = 0.0
            for k in range(SCORES):
                heat += weights[k] * scores[f, k, s]
            heat /= share
            total[f, s] = heat
            # Passed coins before the others, hotter before cooler, earlier symbols before later: one integer sorts all
            # three.
            order = np.int64(1_000_000.0 * (200.0 - heat))
            if not passed[f, s]:
                order += 400_000_000
            keys[ranked] = order * 4_294_967_296 + s
            ranked += 1
        universe[f] = ranked
        ordered = np.sort(keys[:ranked])
        for k in range(top.shape[1]):
            top[f, k] = ordered[k] % 4_294_967_296 if k < ranked else -1
