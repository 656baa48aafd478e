"""The kernel of `heat`: six scores, total and order of every coin, second by second."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel
from operators.robust import kth, median
from operators.slices import SECOND

VOLUME, MOMENTUM, VOLATILITY, LIQUIDITY, SOCIAL, NOVELTY = range(6)
SCORES = 6
LN_2 = 0.6931471805599453
# rules (float64)
(
    VOLUME_HALF, MOMENTUM_HALF, VOLATILITY_HALF, LIQUIDITY_FULL, SPREAD_ZERO, LEAST_VOLUME, AGE_HALF_S, MENTION_HALF,
    MENTION_FADE_S, ANNOUNCED_S, RANGE_LEAST, NEAR_MOST, START, BAND,
) = range(14)  # fmt: skip


@kernel
def saturate(x: float, half: float) -> float:
    """Return 100 * (1 - 2 ** (-x / half)) for x > 0, else 0 (and 0 for NaN): 0..100, 50 at `half`."""
    if not x > 0.0:
        return 0.0
    return float(100.0 * (1.0 - np.exp(-LN_2 / half * x)))


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
        # A market of a hundred pumps a day moves its alarm threshold far; a score that people read moves with it within bounds.
        at = min(max(threshold[f], rules[START] - rules[BAND]), rules[START] + rules[BAND])
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
            if raw[f, s] > at - 6.0:
                scores[f, MOMENTUM, s] = saturate(np.exp(min(raw[f, s] - at, 6.0)), rules[MOMENTUM_HALF])
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
                faded = mentions[s] * np.exp(-LN_2 * max(0.0, float(second - mentioned_at[s])) / rules[MENTION_FADE_S])
                social = saturate(faded, rules[MENTION_HALF])
            scores[f, SOCIAL, s] = social
            novelty = 0.0
            if listed_at[s] > 0:
                novelty = 100.0 * np.exp(-LN_2 * max(0.0, float(second - listed_at[s])) / rules[AGE_HALF_S])
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
        shown = min(ranked, top.shape[1])
        if shown > 0:
            kth(keys, ranked, shown - 1)  # the hottest come to the front
        ordered = np.sort(keys[:shown])
        for k in range(top.shape[1]):
            top[f, k] = ordered[k] % 4_294_967_296 if k < shown else -1


COLUMNS = ("heat", "score", "price", "change_1m", "change_5m", "change_24h", "quote_volume_24h", "spread_bps")
"""What `gather` fills after the six scores."""


@kernel
def _rounded(x: float, scale: float) -> float:
    return float(np.floor(x * scale + 0.5) / scale)


@kernel
def gather(
    f: int, ids: Any, scores: Any, total: Any, raw: Any, close: Any, change_1m: Any, change_5m: Any, open_24h: Any, volume_24h: Any,
    bid: Any, ask: Any, out: Any,
) -> None:  # fmt: skip
    """Fill `out` (6 + COLUMNS, K) for the coins `ids` of frame f, rounded; unknown changes and an unknown spread are NaN, an unknown
    volume reads 0.
    """
    for k in range(ids.shape[0]):
        s = ids[k]
        for n in range(SCORES):
            out[n, k] = _rounded(float(scores[f, n, s]), 10.0)
        out[6, k] = _rounded(total[f, s], 10.0)
        out[7, k] = _rounded(max(raw[f, s], -99.0), 1e4)
        out[8, k] = close[f, s]
        out[9, k] = _rounded(np.expm1(change_1m[f, s]), 1e6) if np.isfinite(change_1m[f, s]) else np.nan
        out[10, k] = _rounded(np.expm1(change_5m[f, s]), 1e6) if np.isfinite(change_5m[f, s]) else np.nan
        day = close[f, s] / open_24h[f, s] - 1.0
        out[11, k] = _rounded(day, 1e6) if np.isfinite(day) else np.nan
        out[12, k] = _rounded(volume_24h[f, s], 100.0) if np.isfinite(volume_24h[f, s]) else 0.0
        sound = bid[f, s] > 0.0 and ask[f, s] >= bid[f, s]
        spread = 2e4 * (ask[f, s] - bid[f, s]) / (ask[f, s] + bid[f, s]) if sound else np.nan
        out[13, k] = _rounded(spread, 1e3)


@kernel
def gather_all(
    top: Any, shown: Any, scores: Any, total: Any, raw: Any, close: Any, change_1m: Any, change_5m: Any, open_24h: Any,
    volume_24h: Any, bid: Any, ask: Any, out: Any,
) -> None:  # fmt: skip
    """`gather` for the first shown[f] coins of every frame's ranking `top` (F, K) into `out` (F, 6 + COLUMNS, K)."""
    for f in range(top.shape[0]):
        gather(
            f, top[f, : shown[f]], scores, total, raw, close, change_1m, change_5m, open_24h, volume_24h, bid, ask, out[f]
        )  # fmt: skip
