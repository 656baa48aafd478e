"""The kernel of `anomaly`: measures per second, samples per minute, distances from the median."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel
from operators.robust import MAD_TO_SIGMA, median

MEASURES = ("volume_1s", "volume_1m", "volume_5m", "change_1m", "change_5m", "trade_rate", "spread", "imbalance")
VOLUME_1S, VOLUME_1M, VOLUME_5M, CHANGE_1M, CHANGE_5M, TRADE_RATE, SPREAD, IMBALANCE = range(8)
COUNT = 8
WINDOW = 300  # seconds kept
SAMPLES = 60  # minutes kept
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
def refresh(samples: Any, least: Any, floors: Any, middle: Any, scale: Any, width: int) -> None:
    """Set `middle` and `scale` (COUNT, S) from the samples (COUNT, SAMPLES, S); NaN where there are fewer than `least`."""
    own = np.empty(SAMPLES, dtype=np.float64)
    for k in range(COUNT):
        for s in range(width):
            n = 0
            for i in range(SAMPLES):
                value = samples[k, i, s]
                if not np.isnan(value):
                    own[n] = value
                    n += 1
            if n < least:
                middle[k, s] = np.nan
                scale[k, s] = np.nan
                continue
            center = median(own, n)
            for i in range(n):
                own[i] = abs(own[i] - center)
            middle[k, s] = center
            scale[k, s] = max(floors[k], MAD_TO_SIGMA * median(own, n))


@kernel
def walk(
    first: int, until: int, width: int, ts_open: Any, restart: Any, close: Any, quote_volume: Any, trade_count: Any,
    updates: Any, bid: Any, ask: Any, bid_size: Any, ask_size: Any, clock: Any, closes: Any, volumes: Any, trades: Any,
    sums: Any, resumed: Any, priced: Any, samples: Any, stamps: Any, middle: Any, scale: Any, since: Any,
    quiet_until: Any, rules: Any, floors: Any, log_close: Any, surge: Any, change_1m: Any, change_5m: Any, where: Any,
    what: Any, used: int,
) -> int:  # fmt: skip
    """Walk frames [first, until): fill the (F, S) outputs, append what was found to `where` and `what`, return how many
    in all.

    where (N, 4): frame, symbol, measure, since; what (N, 2): value, distance.
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
            if updates[f, s] > 0.0:
                if priced[s] == 0 or second - priced[s] > rules[GAP]:
                    resumed[s] = second
                priced[s] = second
            begin = max(clock[BEGIN], resumed[s])
            known = priced[s] > 0
            before_1m = closes[ago_1m, s]
            before_5m = closes[slot, s]
            sums[SUM_1M, s] = max(0.0, sums[SUM_1M, s] + volume - volumes[ago_1m, s])
            sums[SUM_5M, s] = max(0.0, sums[SUM_5M, s] + volume - volumes[slot, s])
            sums[SUM_TRADES, s] = max(0.0, sums[SUM_TRADES, s] + trade_count[f, s] - trades[minute_slot, s])
            closes[slot, s] = log_price
            volumes[slot, s] = volume
            trades[minute_slot, s] = trade_count[f, s]
            minute_known = known and second - begin >= 60
            five_known = known and second - begin >= 300
            for k in range(COUNT):
                now[k] = np.nan
            if known and second > begin:
                now[VOLUME_1S] = np.log(1.0 + volume)
            if minute_known:
                now[VOLUME_1M] = np.log(1.0 + sums[SUM_1M, s])
                now[CHANGE_1M] = log_price - before_1m
                if sums[SUM_TRADES, s] > 0.0:
                    now[TRADE_RATE] = np.log(1.0 + sums[SUM_TRADES, s])
            if five_known:
                now[VOLUME_5M] = np.log(1.0 + sums[SUM_5M, s])
                now[CHANGE_5M] = log_price - before_5m
            if bid[f, s] > 0.0 and ask[f, s] >= bid[f, s]:
                now[SPREAD] = 2e4 * (ask[f, s] - bid[f, s]) / (ask[f, s] + bid[f, s])
                size = bid_size[f, s] + ask_size[f, s]
                if size > 0.0:
                    now[IMBALANCE] = (bid_size[f, s] - ask_size[f, s]) / size
            surge[f, s] = now[VOLUME_5M] - middle[VOLUME_5M, s]
            if np.isnan(surge[f, s]):  # the first minutes
                surge[f, s] = now[VOLUME_1M] - middle[VOLUME_1M, s]
            change_1m[f, s] = now[CHANGE_1M]
            change_5m[f, s] = now[CHANGE_5M]
            if updates[f, s] > 0.0:
                for k in range(COUNT):
                    distance = (now[k] - middle[k, s]) / scale[k, s]
                    beyond = False
                    if k <= VOLUME_5M or k == TRADE_RATE:
                        beyond = distance >= rules[THRESHOLD] and sums[SUM_1M, s] >= rules[LEAST_NOTIONAL]
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
            if full_minute:
                for k in range(COUNT):
                    if np.isnan(samples[k, row, s]):
                        samples[k, row, s] = now[k]
        if full_minute:
            refresh(samples, rules[LEAST_SAMPLES], floors, middle, scale, width)
    return used
