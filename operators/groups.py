"""Groups: coins whose returns move together are one bet, and only the best of them is worth taking (MM-10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from contracts.settings import DeskSettings
from operators.anomaly import between_history
from operators.candidates import Filter
from operators.jit import kernel
from operators.pair_sums import PairSums, correlation
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
def form(
    coins: Any, seats: Any, short: Any, long: Any, least_short: int, least_long: int, threshold: float, leader: Any
) -> None:
    """Give each of `coins` the first leader it moves with, in the order given, or let it lead; -1 for leaders alone.

    `seats` (N,) is each coin's place in the sums `short` and `long`.
    """
    for s in range(leader.shape[0]):
        leader[s] = -1
    leaders = np.empty(coins.shape[0], dtype=np.int64)
    followers = np.zeros(coins.shape[0], dtype=np.int64)
    count = 0
    for n in range(coins.shape[0]):
        found = -1
        for k in range(count):
            i, j = seats[n], seats[leaders[k]]
            if correlation(short, i, j, least_short) > threshold or correlation(long, i, j, least_long) > threshold:
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
    first leader it moves with. Coins that move with nobody have no group. The sums behind the correlations are carried along from
    one forming to the next. step adds `groups`, per frame the name for each symbol, and `sectors`, the tag of each symbol in the
    settings.
    """

    name = "groups"
    state_type = GroupState

    def __init__(self, settings: DeskSettings) -> None:
        self._own = settings.groups
        # Follow from the state that is given, whichever that is, and are never written down with it.
        self._seats = np.empty(0, dtype=np.int64)
        self._short = PairSums(SHORT - 1)
        self._long = PairSums(LONG - 1)
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
        self._seats = seated(self._seats, coins, self._own.most)
        seats = np.nonzero(coins[:, None] == self._seats)[1]
        short = self._short.follow(state.short, state.short_stamps, quarter, self._seats)
        long = self._long.follow(state.long, state.long_stamps, int(state.long_stamps.max()), self._seats)
        own = self._own
        form(coins, seats, short, long, own.least_short, own.least_long, own.threshold, state.leader)
        return len(coins)

    def _called(self, state: GroupState, piece: Slice) -> list[str]:
        """Names by symbol; the same list as long as nothing changes."""
        key = (state.leader.tobytes(), piece.width)
        if key != self._of:
            self._of = key
            leaders = state.leader[: piece.width].tolist()
            self._names = [base_of(piece.symbols[leader]) if leader >= 0 else "" for leader in leaders]
        return self._names


def seated(seats: I8, coins: I8, most: int) -> I8:
    """Return the coin of each place in the sums, -1 for a free one: who has a place keeps it, a new coin takes that of one that is not
    among `coins`. Places are a power of two, or `most` (>= N).
    """
    room = max(len(seats), min(most, capacity(len(coins))))
    found = np.full(room, -1, dtype=np.int64)
    found[: len(seats)] = seats
    new = coins[~np.isin(coins, found)]
    found[np.flatnonzero(~np.isin(found, coins))[: len(new)]] = new
    return found


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
