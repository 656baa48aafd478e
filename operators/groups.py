"""Groups: coins whose returns move together are one bet, and only the best of them is worth taking (MM-10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from contracts.settings import DeskSettings
from operators.anomaly import between_history
from operators.candidates import Filter
from operators.jit import kernel
from operators.slices import F4, I4, I8, SECOND, HistoryBars, Slice
from operators.state import State, capacity, grow
from operators.universe import base_of, sector_of

MINUTE_S: Final = 60
SHORT_S: Final = 900
SHORT: Final = 97
"""Closes of a day, every 15 minutes: 96 returns."""
LONG_S: Final = 3600
LONG: Final = 721
"""Closes of 30 days, every hour: 720 returns."""


@dataclass
class GroupState(State):
    """Log closes at quarters and at hours (rows by time modulo length, stamps say of when), whether history came since the groups were
    formed, and each coin's leader, -1 for none.
    """

    VERSION: ClassVar[int] = 1
    short: F4 = field(default_factory=lambda: np.full((SHORT, capacity(0)), np.nan, dtype=np.float32))
    short_stamps: I8 = field(default_factory=lambda: np.full(SHORT, -1, dtype=np.int64))
    long: F4 = field(default_factory=lambda: np.full((LONG, capacity(0)), np.nan, dtype=np.float32))
    long_stamps: I8 = field(default_factory=lambda: np.full(LONG, -1, dtype=np.int64))
    news: I8 = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    leader: I4 = field(default_factory=lambda: np.full(capacity(0), -1, dtype=np.int32))

    def reserve(self, width: int) -> None:
        """Make room for so many symbols."""
        self.short = grow(self.short, width, np.nan)
        self.long = grow(self.long, width, np.nan)
        self.leader = grow(self.leader, width, -1)


@kernel
def returns_of(closes: Any, stamps: Any, newest: Any, coins: Any, out: Any) -> None:
    """Fill `out` (N, rows - 1) with the log returns of `coins` up to the close stamped `newest`, oldest first; NaN where unknown."""
    rows = closes.shape[0]
    for k in range(1, rows):
        now = newest - (rows - 1) + k
        row = now % rows
        before = (now - 1) % rows
        known = stamps[row] == now and stamps[before] == now - 1
        for n in range(coins.shape[0]):
            s = coins[n]
            out[n, k - 1] = float(closes[row, s]) - float(closes[before, s]) if known else np.nan


@kernel
def correlation(x: Any, y: Any, least: int) -> float:
    """Return Pearson's correlation of the pairs where both are known; NaN with fewer than `least` or without any movement."""
    n = 0
    sum_x = 0.0
    sum_y = 0.0
    for i in range(x.shape[0]):
        if not np.isnan(x[i]) and not np.isnan(y[i]):
            n += 1
            sum_x += x[i]
            sum_y += y[i]
    if n < least:
        return np.nan
    mean_x = sum_x / n
    mean_y = sum_y / n
    xx = 0.0
    yy = 0.0
    xy = 0.0
    for i in range(x.shape[0]):
        if not np.isnan(x[i]) and not np.isnan(y[i]):
            xx += (x[i] - mean_x) * (x[i] - mean_x)
            yy += (y[i] - mean_y) * (y[i] - mean_y)
            xy += (x[i] - mean_x) * (y[i] - mean_y)
    if xx <= 0.0 or yy <= 0.0:
        return np.nan
    return float(xy / np.sqrt(xx * yy))


@kernel
def form(coins: Any, short: Any, long: Any, least_short: int, least_long: int, threshold: float, leader: Any) -> None:
    """Give each of `coins` the first leader it moves with, in the order given, or let it lead; -1 for leaders alone."""
    for s in range(leader.shape[0]):
        leader[s] = -1
    leaders = np.empty(coins.shape[0], dtype=np.int64)
    followers = np.zeros(coins.shape[0], dtype=np.int64)
    count = 0
    # Pairs are at most as many as the returns of the one that has fewer: most pairs of young coins need no look at them.
    days = np.empty(coins.shape[0], dtype=np.int64)
    months = np.empty(coins.shape[0], dtype=np.int64)
    for n in range(coins.shape[0]):
        days[n] = (~np.isnan(short[n])).sum()
        months[n] = (~np.isnan(long[n])).sum()
    for n in range(coins.shape[0]):
        found = -1
        for k in range(count):
            m = leaders[k]
            if (
                min(days[n], days[m]) >= least_short and correlation(short[n], short[m], least_short) > threshold
            ) or (min(months[n], months[m]) >= least_long and correlation(long[n], long[m], least_long) > threshold):
                found = k
                break
        if found < 0:
            leaders[count] = n
            count += 1
        else:
            followers[found] += 1
            leader[coins[n]] = coins[leaders[found]]
    for k in range(count):
        if followers[k] > 0:
            leader[coins[leaders[k]]] = coins[leaders[k]]


class Groups:
    """Form correlation groups at each quarter of an hour, and at the end of a minute in which history came.

    Two coins are one group when their 15-minute log returns of the last day, or their hourly ones of the last 30 days, correlate above
    `threshold` (Pearson, pairs where both are known). The most liquid coin leads and gives the group its name; every other joins the
    first leader it moves with. Coins that move with nobody have no group. step adds `groups`, per frame the name for each symbol,
    and `sectors`, the tag of each symbol in the settings.
    """

    name = "groups"
    state_type = GroupState

    def __init__(self, settings: DeskSettings) -> None:
        self._own = settings.groups
        self._names: list[str] = []
        self._of: tuple[bytes, int] | None = None
        self._sectors: list[str] = []

    def start(self) -> GroupState:
        """No group yet."""
        return GroupState()

    def step(self, state: GroupState, piece: Slice) -> None:
        """Walk the frames; see the class."""
        frames, pool, anomaly = piece.frames, piece.pool, piece.anomaly
        if frames is None or pool is None or anomaly is None:
            return
        width = piece.width
        if width != len(self._sectors):
            self._sectors = [sector_of(symbol, self._own.sectors) for symbol in piece.symbols[:width]]
        piece.sectors = self._sectors
        state.reserve(width)
        ends = frames.ts_open // SECOND + 1
        groups: list[list[str]] = []
        names = self._called(state, piece)
        for first, until, bars in between_history(piece):
            if bars is not None:
                learn(state, bars, int(piece.ticks.ts_recv[bars.row]))
                continue
            for f in (first + np.flatnonzero(ends[first:until] % MINUTE_S == 0)).tolist():
                quarter = int(ends[f]) // SHORT_S
                if ends[f] % SHORT_S == 0:
                    _keep(state.short, state.short_stamps, quarter, anomaly.log_close[f])
                elif not state.news[0]:
                    continue
                groups.extend([names] * (f - len(groups)))
                if ends[f] % LONG_S == 0:
                    _keep(state.long, state.long_stamps, int(ends[f]) // LONG_S, anomaly.log_close[f])
                if self._form(state, piece, f, quarter) > 1:
                    state.news[0] = 0
                names = self._called(state, piece)
        groups.extend([names] * (len(frames) - len(groups)))
        piece.groups = groups

    def _form(self, state: GroupState, piece: Slice, f: int, quarter: int) -> int:
        """Returns how many coins were looked at."""
        frames, pool = piece.frames, piece.pool
        if frames is None or pool is None:
            return 0
        passed = np.flatnonzero((pool.failed[f] == Filter.PASSED) | (pool.failed[f] == Filter.STALE))
        volume = frames.quote_volume_24h[f, passed]
        coins = passed[np.argsort(-volume, kind="stable")][: self._own.most]
        short = np.empty((len(coins), SHORT - 1))
        long = np.empty((len(coins), LONG - 1))
        returns_of(state.short, state.short_stamps, quarter, coins, short)
        returns_of(state.long, state.long_stamps, int(state.long_stamps.max()), coins, long)
        form(coins, short, long, self._own.least_short, self._own.least_long, self._own.threshold, state.leader)
        return len(coins)

    def _called(self, state: GroupState, piece: Slice) -> list[str]:
        """Names by symbol; the same list as long as nothing changes."""
        key = (state.leader.tobytes(), piece.width)
        if key != self._of:
            self._of = key
            leaders = state.leader[: piece.width].tolist()
            self._names = [base_of(piece.symbols[leader]) if leader >= 0 else "" for leader in leaders]
        return self._names


def _keep(closes: F4, stamps: I8, stamp: int, log_close: Any) -> None:
    row = stamp % len(stamps)
    if stamps[row] != stamp:
        stamps[row] = stamp
        closes[row, :] = np.nan
    known = ~np.isnan(log_close)
    closes[row, : len(log_close)][known] = log_close[known]


def learn(state: GroupState, bars: HistoryBars, ts_recv: int) -> None:
    """Take closes at quarters and hours from history where nothing was seen live."""
    ends = bars.ts_open // SECOND + bars.seconds
    good = (bars.close > 0) & (ends <= ts_recv // SECOND)
    for closes, stamps, every in ((state.short, state.short_stamps, SHORT_S), (state.long, state.long_stamps, LONG_S)):
        if bars.seconds > every:
            continue
        own = good & (ends % every == 0)
        if not own.any():
            continue
        told = ends[own] // every
        rows = told % len(stamps)
        newer = told > stamps[rows]
        stamps[rows[newer]] = told[newer]
        closes[rows[newer]] = np.nan
        unseen = (stamps[rows] == told) & np.isnan(closes[rows, bars.symbol])
        closes[rows[unseen], bars.symbol] = np.log(bars.close[own][unseen])
        state.news[0] = 1
