"""The raw ranking score of each coin: how fast it rises against the market, near its day's high.

    score = ln(max(speed, least_speed)) + near_weight * max(near, -near_most)
    speed = sum over horizons h of (ln(close / close h minutes ago) - the market's median) / sqrt(h)
    near  = ln(close / highest close of 24 h), at most 0
    span  = ln(highest / lowest close of 24 h), for heat

Horizons count in closes of whole minutes: inside minute m the reference is the close of minute m - h, so that the score of a
minute's last second is the score of the bar. The 24 h extremes are kept in buckets of half an hour, as of the last closed minute. A
coin is ranked as soon as every reference is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from contracts.settings.discovery import RankingSettings
from operators.jit import kernel
from operators.robust import median
from operators.slices import F8, I8, SECOND, U1, AnomalyBlock, HistoryBars
from operators.state import State, capacity, grow

MINUTES = 32
BUCKET_MIN = 30
BUCKETS = 48
HORIZONS = 4


@dataclass
class RankingState(State):
    """Log closes of the last minutes, extremes of the last day in buckets; rows by time modulo length, `*_stamps` say of when."""

    VERSION: ClassVar[int] = 1
    minute_stamps: I8 = field(default_factory=lambda: np.full(MINUTES, -1, dtype=np.int64))
    closes: F8 = field(default_factory=lambda: np.full((MINUTES, capacity(0)), np.nan))
    bucket_stamps: I8 = field(default_factory=lambda: np.full(BUCKETS, -1, dtype=np.int64))
    highs: F8 = field(default_factory=lambda: np.full((BUCKETS, capacity(0)), -np.inf))
    lows: F8 = field(default_factory=lambda: np.full((BUCKETS, capacity(0)), np.inf))
    highest: F8 = field(default_factory=lambda: np.full(capacity(0), -np.inf))
    lowest: F8 = field(default_factory=lambda: np.full(capacity(0), np.inf))

    def reserve(self, width: int) -> None:
        """Make room for so many symbols."""
        self.closes = grow(self.closes, width, np.nan)
        self.highs = grow(self.highs, width, -np.inf)
        self.lows = grow(self.lows, width, np.inf)
        self.highest = grow(self.highest, width, -np.inf)
        self.lowest = grow(self.lowest, width, np.inf)


@kernel
def extremes(
    bucket: Any, bucket_stamps: Any, highs: Any, lows: Any, highest: Any, lowest: Any, first: int, until: int
) -> None:
    """Set the 24 h extremes of symbols [first, until) from the buckets that reach back from `bucket`."""
    for s in range(first, until):
        highest[s] = -np.inf
        lowest[s] = np.inf
    for row in range(BUCKETS):
        if bucket_stamps[row] <= bucket - BUCKETS or bucket_stamps[row] > bucket:
            continue
        for s in range(first, until):
            if highs[row, s] > highest[s]:
                highest[s] = highs[row, s]
            if lows[row, s] < lowest[s]:
                lowest[s] = lows[row, s]


@kernel
def _close_minute(
    minute: Any, f: int, width: int, log_close: Any, minute_stamps: Any, closes: Any, bucket_stamps: Any, highs: Any,
    lows: Any, highest: Any, lowest: Any,
) -> None:  # fmt: skip
    row = minute % MINUTES
    if minute_stamps[row] != minute:
        minute_stamps[row] = minute
        for s in range(closes.shape[1]):
            closes[row, s] = np.nan
    bucket = minute // BUCKET_MIN
    slot = bucket % BUCKETS
    if bucket_stamps[slot] != bucket:
        bucket_stamps[slot] = bucket
        for s in range(highs.shape[1]):
            highs[slot, s] = -np.inf
            lows[slot, s] = np.inf
    for s in range(width):
        x = log_close[f, s]
        if not np.isnan(x):  # history may know more of the minute in which we began
            closes[row, s] = x
        if x > highs[slot, s]:
            highs[slot, s] = x
        if x < lows[slot, s]:
            lows[slot, s] = x
    extremes(bucket, bucket_stamps, highs, lows, highest, lowest, 0, width)


@kernel
def _complete(
    f: int, width: int, minute: Any, log_close: Any, minute_stamps: Any, closes: Any, minutes: int, change: Any
) -> None:
    """Fill unknown changes over `minutes` from the closes of whole minutes, so that history counts from the first second on."""
    row = (minute - minutes) % MINUTES
    if minute_stamps[row] != minute - minutes:
        return
    for s in range(width):
        if np.isnan(change[f, s]):
            change[f, s] = log_close[f, s] - closes[row, s]


@kernel
def walk(
    first: int, until: int, width: int, ts_open: Any, log_close: Any, change_1m: Any, change_5m: Any, excluded: Any,
    minute_stamps: Any, closes: Any, bucket_stamps: Any, highs: Any, lows: Any, highest: Any, lowest: Any, horizons: Any,
    rules: Any, raw: Any, near: Any, span: Any,
) -> None:  # fmt: skip
    """Rank frames [first, until) into raw, near, span (F, S); complete their changes.

    rules: least speed, near weight, near most, coins for a market.
    """
    speed = np.empty(width, dtype=np.float64)
    known = np.empty(width, dtype=np.int64)
    own = np.empty(width, dtype=np.float64)
    for f in range(first, until):
        second = ts_open[f] // SECOND
        minute = second // 60
        _complete(f, width, minute, log_close, minute_stamps, closes, 1, change_1m)
        _complete(f, width, minute, log_close, minute_stamps, closes, 5, change_5m)
        for s in range(width):
            speed[s] = 0.0
            known[s] = 0
        for h in range(HORIZONS):
            row = (minute - horizons[h]) % MINUTES
            if minute_stamps[row] != minute - horizons[h]:
                continue
            n = 0
            for s in range(width):
                change = log_close[f, s] - closes[row, s]
                if excluded[s] == 0 and not np.isnan(change):
                    own[n] = change
                    n += 1
            market = median(own, n) if n >= rules[3] else 0.0
            root = np.sqrt(float(horizons[h]))
            for s in range(width):
                change = log_close[f, s] - closes[row, s]
                if not np.isnan(change):
                    speed[s] += (change - market) / root
                    known[s] += 1
        for s in range(width):
            x = log_close[f, s]
            if np.isnan(x):
                near[f, s] = np.nan
                span[f, s] = np.nan
            else:
                near[f, s] = x - max(x, highest[s])
                span[f, s] = max(x, highest[s]) - min(x, lowest[s])
            if excluded[s] == 0 and known[s] == HORIZONS:
                raw[f, s] = np.log(max(speed[s], rules[0])) + rules[1] * max(near[f, s], -rules[2])
            else:
                raw[f, s] = -np.inf
        if second % 60 == 59:
            _close_minute(
                minute, f, width, log_close, minute_stamps, closes, bucket_stamps, highs, lows, highest, lowest
            )


class Ranking:
    """The score over frames, with its state."""

    def __init__(self, own: RankingSettings) -> None:
        self.horizons = np.array(own.horizons_min, dtype=np.int64)
        self.rules = np.array(
            [own.least_speed, own.near_weight, own.near_most, own.market_least],
            dtype=np.float64,
        )

    def walk(
        self,
        state: RankingState,
        first: int,
        until: int,
        ts_open: I8,
        anomaly: AnomalyBlock,
        excluded: U1,
        raw: F8,
        near: F8,
        span: F8,
    ) -> None:
        """Rank frames [first, until); complete the changes that their windows do not know yet."""
        log_close = anomaly.log_close
        width = log_close.shape[1]
        walk(
            first, until, width, ts_open, log_close, anomaly.change_1m, anomaly.change_5m, excluded, state.minute_stamps, state.closes,
            state.bucket_stamps, state.highs, state.lows, state.highest, state.lowest, self.horizons, self.rules, raw,
            near, span,
        )  # fmt: skip

    def learn(self, state: RankingState, bars: HistoryBars, ts_recv: int) -> None:
        """Take history of at most an hour per bar where nothing was seen live."""
        if bars.seconds > 3600 or not len(bars.ts_open):
            return
        own = bars.symbol
        newest = ts_recv // (60 * SECOND)
        opened = bars.ts_open // (60 * SECOND)
        good = (bars.close > 0) & (bars.high > 0) & (bars.low > 0) & (opened <= newest)
        good &= opened > newest - BUCKETS * BUCKET_MIN - bars.seconds // 60  # of what is older no window knows
        minutes = (bars.ts_open[good] // (60 * SECOND)).tolist()
        closes = np.log(bars.close[good])
        # The score counts closes only; longer bars do not say theirs, so their extremes stand in.
        highs = closes if bars.seconds == 60 else np.log(bars.high[good])
        lows = closes if bars.seconds == 60 else np.log(bars.low[good])
        if not minutes:
            return
        for n, minute in enumerate(minutes):
            for bucket in range(minute // BUCKET_MIN, (minute + bars.seconds // 60 - 1) // BUCKET_MIN + 1):
                slot = bucket % BUCKETS
                if state.bucket_stamps[slot] > bucket:
                    continue
                if state.bucket_stamps[slot] < bucket:
                    state.bucket_stamps[slot] = bucket
                    state.highs[slot, :] = -np.inf
                    state.lows[slot, :] = np.inf
                state.highs[slot, own] = max(state.highs[slot, own], highs[n])
                state.lows[slot, own] = min(state.lows[slot, own], lows[n])
        if bars.seconds == 60:
            for minute, close in zip(minutes[-MINUTES:], closes[-MINUTES:], strict=True):
                row = minute % MINUTES
                if state.minute_stamps[row] > minute:
                    continue
                if state.minute_stamps[row] < minute:
                    state.minute_stamps[row] = minute
                    state.closes[row, :] = np.nan
                if np.isnan(state.closes[row, own]):
                    state.closes[row, own] = close
        extremes(
            int(state.bucket_stamps.max()),
            state.bucket_stamps,
            state.highs,
            state.lows,
            state.highest,
            state.lowest,
            own,
            own + 1,
        )
