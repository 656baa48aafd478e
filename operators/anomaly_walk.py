"""The kernel of `anomaly`: measures per second, samples per minute, distances from the median."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel
from operators.robust import MAD_TO_SIGMA, sort_columns

MEASURES = ("volume_1s", "volume_1m", "volume_5m", "change_1m", "change_5m", "trade_rate", "spread", "imbalance")
VOLUME_1S, VOLUME_1M, VOLUME_5M, CHANGE_1M, CHANGE_5M, TRADE_RATE, SPREAD, IMBALANCE = range(8)
COUNT = 8
WINDOW = 300  # seconds kept
SAMPLES = 60  # minutes kept
LANES = 64  # symbols whose samples are sorted at once: these fit the processor's first cache
SECOND = 1_000_000_000

# clock (int64): the last second walked, the second the windows begin at
LAST_SECOND, BEGIN = range(2)
# sums (float64)
SUM_1M, SUM_5M, SUM_TRADES = range(3)
# rules (float64)
THRESHOLD, LEAST_SAMPLES, COOLDOWN, GAP, LEAST_NOTIONAL, LEAST_1M, LEAST_5M = range(7)


@kernel
def _forget(clock: Any, second: Any, closes: Any, volumes: Any, trades: Any, sums: Any) -> None:
    """Begin all windows anew at this second."""
    clock[BEGIN] = second
    for s in range(closes.shape[1]):
        for i in range(WINDOW):
            closes[i, s] = np.nan
            volumes[i, s] = 0.0
        for i in range(60):
            trades[i, s] = 0.0
        for k in range(3):
            sums[k, s] = 0.0


@kernel
def refresh(
    samples: Any, least: Any, threshold: Any, floors: Any, middle: Any, scale: Any, lower: Any, upper: Any, width: int
) -> None:  # fmt: skip
    """Set `middle` and `scale` (COUNT, S) from the samples (COUNT, SAMPLES, S); NaN where there are fewer than `least`.

    `lower` and `upper` are the measure itself (not its logarithm) at `threshold`, a hair inside, so that a second within them needs no
    closer look; infinite where unknown.
    """
    own = np.empty((SAMPLES, LANES), dtype=np.float32)
    counts = np.empty(LANES, dtype=np.int64)
    for k in range(COUNT):
        for first in range(0, width, LANES):
            lanes = min(LANES, width - first)
            most = _load(samples, k, first, lanes, own, counts)
            if most >= least:
                sort_columns(own, SAMPLES, lanes)
            for lane in range(lanes):
                s = first + lane
                n = counts[lane]
                if n < least:
                    middle[k, s] = np.nan
                    scale[k, s] = np.nan
                    lower[k, s] = -np.inf
                    upper[k, s] = np.inf
                    continue
                middle[k, s], deviation = _middle(own, n, lane)
                scale[k, s] = max(floors[k], MAD_TO_SIGMA * deviation)
                reach = threshold * scale[k, s] * (1.0 - 1e-9)
                lower[k, s] = middle[k, s] - reach
                upper[k, s] = middle[k, s] + reach
                if k <= VOLUME_5M or k == TRADE_RATE:
                    lower[k, s] = -np.inf
                    upper[k, s] = np.expm1(upper[k, s])


@kernel
def _load(samples: Any, k: int, first: int, lanes: int, own: Any, counts: Any) -> int:
    """Copy measure k of symbols [first, first + lanes) to `own`, infinite where unknown; returns the most known of one symbol."""
    for lane in range(lanes):
        counts[lane] = 0
    for i in range(SAMPLES):
        for lane in range(lanes):
            value = samples[k, i, first + lane]
            known = value == value
            counts[lane] += known
            own[i, lane] = value if known else np.float32(np.inf)
    most = 0
    for lane in range(lanes):
        most = max(most, counts[lane])
    return most


@kernel
def _middle(ordered: Any, n: int, lane: int) -> tuple[float, float]:
    """Median of the first n of an ascending column, and the median distance from it: distances ascend from the middle outwards."""
    half = n >> 1
    center = np.float64(ordered[half, lane])
    if n & 1 == 0:
        center = 0.5 * (np.float64(ordered[half - 1, lane]) + center)
    below = half - 1
    above = half
    before = 0.0
    last = 0.0
    for _ in range(half + 1):
        before = last
        left = center - np.float64(ordered[below, lane]) if below >= 0 else np.inf
        right = np.float64(ordered[above, lane]) - center if above < n else np.inf
        taken = left <= right
        last = left if taken else right
        below -= taken
        above += not taken
    return center, last if n & 1 else 0.5 * (before + last)


@kernel
def _look(
    f: int, s: int, second: Any, now: Any, traded: float, middle: Any, scale: Any, since: Any, quiet_until: Any, rules: Any,
    where: Any, what: Any, used: int,
) -> int:  # fmt: skip
    """Judge the eight measures of one coin in one second; returns how many anomalies there are now."""
    for k in range(COUNT):
        distance = (now[k] - middle[k, s]) / scale[k, s]
        if k <= VOLUME_5M or k == TRADE_RATE:
            beyond = distance >= rules[THRESHOLD] and traded >= rules[LEAST_NOTIONAL]
        elif k == CHANGE_1M:
            beyond = abs(distance) >= rules[THRESHOLD] and abs(now[k]) >= rules[LEAST_1M]
        elif k == CHANGE_5M:
            beyond = abs(distance) >= rules[THRESHOLD] and abs(now[k]) >= rules[LEAST_5M]
        elif k == SPREAD:
            beyond = distance >= rules[THRESHOLD]
        else:
            beyond = abs(distance) >= rules[THRESHOLD]
        if not beyond:
            since[k, s] = 0
            continue
        if since[k, s] == 0:
            since[k, s] = second
        if second >= quiet_until[k, s]:
            quiet_until[k, s] = second + np.int64(rules[COOLDOWN])
            where[used, 0] = f
            where[used, 1] = s
            where[used, 2] = k
            where[used, 3] = since[k, s]
            what[used, 0] = now[k]
            what[used, 1] = distance
            used += 1
    return used


@kernel
def walk(
    first: int, until: int, width: int, ts_open: Any, restart: Any, close: Any, quote_volume: Any, trade_count: Any,
    updates: Any, bid: Any, ask: Any, bid_size: Any, ask_size: Any, clock: Any, closes: Any, volumes: Any, trades: Any,
    sums: Any, resumed: Any, priced: Any, samples: Any, stamps: Any, middle: Any, scale: Any, lower: Any, upper: Any, since: Any,
    going: Any, quiet_until: Any, rules: Any, floors: Any, log_close: Any, surge: Any, change_1m: Any, change_5m: Any, where: Any,
    what: Any, used: int,
) -> int:  # fmt: skip
    """Walk frames [first, until): fill the (F, S) outputs, append what was found, return how many in all.

    where (N, 4): frame, symbol, measure, since; what (N, 2): value, distance. `going` (S,) marks coins with a measure beyond.
    """
    now = np.empty(COUNT, dtype=np.float64)
    for f in range(first, until):
        second = ts_open[f] // SECOND
        if restart[f] or clock[LAST_SECOND] != second - 1:
            _forget(clock, second, closes, volumes, trades, sums)
        clock[LAST_SECOND] = second
        slot = second % WINDOW
        minute_slot = second % 60
        ago_1m = (second - 60) % WINDOW
        full_minute = second % 60 == 59
        row = (second // 60) % SAMPLES
        if full_minute and stamps[row] != second // 60:
            stamps[row] = second // 60
            for k in range(COUNT):
                for s in range(samples.shape[2]):
                    samples[k, row, s] = np.nan
        for s in range(width):
            price = close[f, s]
            volume = quote_volume[f, s]
            log_price = np.log(price) if price > 0.0 else np.nan
            log_close[f, s] = log_price
            fresh = updates[f, s] > 0.0
            if fresh:
                if priced[s] == 0 or second - priced[s] > rules[GAP]:
                    resumed[s] = second
                priced[s] = second
            begin = max(clock[BEGIN], resumed[s])
            seen = second - begin if priced[s] > 0 else 0  # seconds the windows reach back
            minute_change = log_price - closes[ago_1m, s] if seen >= 60 else np.nan
            five_change = log_price - closes[slot, s] if seen >= 300 else np.nan
            minute_volume = max(0.0, sums[SUM_1M, s] + volume - volumes[ago_1m, s])
            five_volume = max(0.0, sums[SUM_5M, s] + volume - volumes[slot, s])
            minute_trades = max(0.0, sums[SUM_TRADES, s] + trade_count[f, s] - trades[minute_slot, s])
            sums[SUM_1M, s] = minute_volume
            sums[SUM_5M, s] = five_volume
            sums[SUM_TRADES, s] = minute_trades
            closes[slot, s] = log_price
            volumes[slot, s] = volume
            trades[minute_slot, s] = trade_count[f, s]
            change_1m[f, s] = minute_change
            change_5m[f, s] = five_change
            if seen >= 300:
                surge[f, s] = np.log(1.0 + five_volume) - middle[VOLUME_5M, s]
            else:  # the first minutes
                surge[f, s] = np.log(1.0 + minute_volume) - middle[VOLUME_1M, s] if seen >= 60 else np.nan
            spread = np.nan
            imbalance = np.nan
            if bid[f, s] > 0.0 and ask[f, s] >= bid[f, s]:
                spread = 2e4 * (ask[f, s] - bid[f, s]) / (ask[f, s] + bid[f, s])
                size = bid_size[f, s] + ask_size[f, s]
                if size > 0.0:
                    imbalance = (bid_size[f, s] - ask_size[f, s]) / size
            near = fresh and (
                going[s] != 0
                or (
                    minute_volume >= rules[LEAST_NOTIONAL]
                    and (
                        volume >= upper[VOLUME_1S, s]
                        or minute_volume >= upper[VOLUME_1M, s]
                        or five_volume >= upper[VOLUME_5M, s]
                        or minute_trades >= upper[TRADE_RATE, s]
                    )
                )
                or minute_change >= upper[CHANGE_1M, s]
                or minute_change <= lower[CHANGE_1M, s]
                or five_change >= upper[CHANGE_5M, s]
                or five_change <= lower[CHANGE_5M, s]
                or spread >= upper[SPREAD, s]
                or imbalance >= upper[IMBALANCE, s]
                or imbalance <= lower[IMBALANCE, s]
            )
            if not near and not full_minute:
                continue
            now[VOLUME_1S] = np.log(1.0 + volume) if seen > 0 else np.nan
            now[VOLUME_1M] = np.log(1.0 + minute_volume) if seen >= 60 else np.nan
            now[VOLUME_5M] = np.log(1.0 + five_volume) if seen >= 300 else np.nan
            now[CHANGE_1M] = minute_change
            now[CHANGE_5M] = five_change
            now[TRADE_RATE] = np.log(1.0 + minute_trades) if seen >= 60 and minute_trades > 0.0 else np.nan
            now[SPREAD] = spread
            now[IMBALANCE] = imbalance
            if near:
                used = _look(
                    f, s, second, now, minute_volume, middle, scale, since, quiet_until, rules, where, what, used
                )
                going[s] = 0
                for k in range(COUNT):
                    if since[k, s] != 0:
                        going[s] = 1
            if full_minute:
                for k in range(COUNT):
                    if np.isnan(samples[k, row, s]):
                        samples[k, row, s] = now[k]
        if full_minute:
            refresh(samples, rules[LEAST_SAMPLES], rules[THRESHOLD], floors, middle, scale, lower, upper, width)
    return used
