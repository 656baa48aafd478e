"""Candidates: the pool of coins worth a closer look, their life cycle, and the alarm when one heats up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Final

import numpy as np

from contracts import facts
from contracts.errors import InvalidTransition
from contracts.settings import DeskSettings
from operators import pool_walk as walking
from operators.alarm_level import NEWS, AlarmLevel, AlarmLevelState
from operators.anomaly import between_history
from operators.ranking import Ranking, RankingState
from operators.slices import I8, SECOND, U1, FrameBlock, PoolBlock, Slice
from operators.state import capacity, grow
from operators.universe import is_excluded

RANK = 4


class Stage(IntEnum):
    """Where a coin is in the pool's life cycle."""

    OUT = walking.OUT
    NEW = walking.NEW
    WATCHING = walking.WATCHING
    HOT = walking.HOT
    COOLING = walking.COOLING


class Trigger(IntEnum):
    """What moves a coin on."""

    ADMIT = walking.ADMIT  # among the hottest `admit`
    LISTED = walking.LISTED  # seen for the first time, long after the market's start
    CONFIRM = walking.CONFIRM  # still within reach after the least time
    IGNITE = walking.IGNITE  # the score reached the alarm threshold
    COOL = walking.COOL  # the score stayed below it by more than the hysteresis
    FADE = walking.FADE  # out of reach for long enough
    EVICT = walking.EVICT  # the pool is full and another is hotter


class Filter(IntEnum):
    """Why a coin was not let through; PASSED if it was."""

    PASSED = walking.PASSED
    EXCLUDED = walking.EXCLUDED
    WARMING_UP = walking.WARMING_UP
    ILLIQUID = walking.ILLIQUID
    NO_VOLUME = walking.NO_VOLUME
    STALE = walking.STALE


TRANSITIONS: Final[dict[tuple[Stage, Trigger], Stage]] = {
    (Stage.OUT, Trigger.ADMIT): Stage.NEW,
    (Stage.OUT, Trigger.LISTED): Stage.NEW,
    (Stage.NEW, Trigger.CONFIRM): Stage.WATCHING,
    (Stage.NEW, Trigger.FADE): Stage.OUT,
    (Stage.NEW, Trigger.EVICT): Stage.OUT,
    (Stage.WATCHING, Trigger.IGNITE): Stage.HOT,
    (Stage.WATCHING, Trigger.FADE): Stage.OUT,
    (Stage.WATCHING, Trigger.EVICT): Stage.OUT,
    (Stage.HOT, Trigger.COOL): Stage.COOLING,
    (Stage.COOLING, Trigger.IGNITE): Stage.HOT,
    (Stage.COOLING, Trigger.CONFIRM): Stage.WATCHING,
    (Stage.COOLING, Trigger.FADE): Stage.OUT,
    (Stage.COOLING, Trigger.EVICT): Stage.OUT,
}
"""The life cycle: new -> watching -> hot -> cooling -> out."""

FILTER_NAMES: Final = tuple("" if name is Filter.PASSED else name.name.lower() for name in Filter)
STAGE_NAMES: Final = tuple(stage.name.lower() for stage in Stage)


def dense(transitions: dict[tuple[Stage, Trigger], Stage]) -> U1:
    """The table as the kernel reads it: (stage, trigger) -> next, MISSING where there is none."""
    table: U1 = np.full((walking.STAGES, walking.TRIGGERS), walking.MISSING, dtype=np.uint8)
    for (stage, trigger), after in transitions.items():
        table[stage, trigger] = after
    return table


@dataclass
class CandidateState(RankingState, AlarmLevelState):
    """The ranking's windows, each coin's stage, and the alarm's level."""

    VERSION: ClassVar[int] = 3
    stage: U1 = field(default_factory=lambda: np.zeros(capacity(0), dtype=np.uint8))
    since: I8 = field(default_factory=lambda: np.zeros(capacity(0), dtype=np.int64))
    reach: I8 = field(default_factory=lambda: np.zeros(capacity(0), dtype=np.int64))
    first_seen: I8 = field(default_factory=lambda: np.full(capacity(0), -1, dtype=np.int64))
    alarmed: I8 = field(default_factory=lambda: np.full(capacity(0), walking.NEVER, dtype=np.int64))
    marks: I8 = field(default_factory=lambda: np.array([-1, 0], dtype=np.int64))

    def reserve(self, width: int) -> None:
        """Make room for so many symbols."""
        RankingState.reserve(self, width)
        AlarmLevelState.reserve(self, width)
        self.stage = grow(self.stage, width, 0)
        self.since = grow(self.since, width, 0)
        self.reach = grow(self.reach, width, 0)
        self.first_seen = grow(self.first_seen, width, -1)
        self.alarmed = grow(self.alarmed, width, walking.NEVER)


class Candidates:
    """Rank the market, keep the pool, raise the discovery alarm.

    The score is `ranking`'s. A coin enters among the hottest `admit` that pass the filters (or as a listing), is
    watched, hot while its score is above the alarm's level (with hysteresis), cools, and leaves; each stage lasts its
    least time. The level belongs to the market (`alarm_level`): it moves so that `per_day_per_100` alarms come a day. The venue's history
    says where it begins, or the market's first hour where there is none.

    step adds `pool`, `DiscoveryAlarm` facts, `ScoreBar` facts at the end of each minute, and an `Alert` for each
    listing.
    """

    name = "candidates"
    state_type = CandidateState

    def __init__(self, settings: DeskSettings) -> None:
        own = settings.candidates
        self._own = own
        self._ranking = Ranking(own.ranking)
        self._table = dense(TRANSITIONS)
        self._excluded: U1 = np.zeros(0, dtype=np.uint8)
        self._level = AlarmLevel(own.alarm, self._ranking.rules, self._ranking.horizons, own.least_quote_volume_24h)
        self._rules = np.array(
            [
                own.size, own.admit, own.keep, own.new_s, own.watching_s, own.hot_s, own.cooling_s, own.reheat_s,
                own.calm_s, own.hysteresis, own.least_quote_volume_24h, own.listing_part, own.listing_h * 3600.0,
                own.settle_s,
            ],
            dtype=np.float64,
        )  # fmt: skip

    def start(self) -> CandidateState:
        """An empty pool."""
        return CandidateState(threshold=np.array([self._own.alarm.start]))

    def step(self, state: CandidateState, piece: Slice) -> None:
        """Walk the frames; see the class. Raises InvalidTransition when the life cycle's table lacks a pair."""
        frames = piece.frames
        if frames is None or piece.anomaly is None:
            return
        width = piece.width
        state.reserve(width)
        if len(self._excluded) < width:
            more = [is_excluded(symbol) for symbol in piece.symbols[len(self._excluded) : width]]
            self._excluded = np.concatenate([self._excluded, np.array(more, dtype=np.uint8)])
        excluded = self._excluded
        count = len(frames)
        shape = (count, width)
        raw, near, span = np.empty(shape), np.empty(shape), np.empty(shape)
        failed, stage = np.empty(shape, dtype=np.uint8), np.empty(shape, dtype=np.uint8)
        since: I8 = np.empty(shape, dtype=np.int64)
        threshold = np.empty(count)
        fresh = piece.freshness.symbol_ok if piece.freshness is not None else np.ones(shape, dtype=np.bool_)
        # Each coin changes at most once a second, or twice when it is evicted after its own change.
        moves: I8 = np.empty((2 * count * width, 5), dtype=np.int64)
        alarms: I8 = np.empty((width * frames.most(self._own.alarm.cooldown_s), 3), dtype=np.int64)
        used = raised = 0
        for first, until, bars in between_history(piece):
            if bars is not None:
                ts_recv = int(piece.ticks.ts_recv[bars.row])
                self._ranking.learn(state, bars, ts_recv)
                self._level.learn(state, bars, ts_recv)
                continue
            self._ranking.walk(state, first, until, frames.ts_open, piece.anomaly, excluded, raw, near, span)
            for begin, end in self._stretches(state, frames, first, until, excluded):
                used, raised = walking.walk(
                    begin, end, width, frames.ts_open, frames.updates, frames.quote_volume_24h, fresh, excluded, raw,
                    self._table, state.stage, state.since, state.reach, state.first_seen, state.alarmed, state.tops,
                    state.threshold, state.lift, state.market, state.level_marks, state.marks, self._rules,
                    self._level.rules, failed, stage, since, threshold, moves, used, alarms, raised,
                )  # fmt: skip
        listed = [tuple(move) for move in moves[:used].tolist()]
        for f, s, before, _, trigger in listed:
            if before < 0:
                raise InvalidTransition(
                    f"candidates: {piece.symbols[s]} at frame {f}: no transition for {Trigger(trigger).name}; complete TRANSITIONS"
                )
        piece.pool = PoolBlock(
            raw, near, span, threshold, stage, failed, since, state.first_seen[:width].copy(), listed
        )
        for f, s, rank in alarms[:raised].tolist():
            self._alarm(piece, f, s, rank)
        for f, s, _, _, trigger in listed:
            if trigger == Trigger.LISTED:
                _listing(piece, f, s)
        for f in np.flatnonzero(frames.ts_open % (60 * SECOND) == 59 * SECOND).tolist():
            _score_bar(piece, f)

    def _stretches(
        self, state: CandidateState, frames: FrameBlock, first: int, until: int, excluded: U1
    ) -> Iterator[tuple[int, int]]:
        """Cut frames where a minute ends before which the alarm's level is to be learned; history comes between stretches only."""
        if not len(state.past):
            yield first, until
            return
        ends = first + np.flatnonzero(frames.ts_open[first:until] // SECOND % 60 == 59)
        for f in ends.tolist():
            if f > first:
                yield first, f
                first = f
            second = int(frames.ts_open[f]) // SECOND
            since = second - int(state.marks[walking.MARKET_FIRST])
            if state.level_marks[NEWS] and state.marks[walking.MARKET_FIRST] >= 0:
                self._level.rehearse(state, second - since, excluded, frames.quote_volume_24h[f])
            if state.marks[walking.MARKET_FIRST] >= 0 and since >= self._own.settle_s:
                self._level.forget(state)
                break
        yield first, until

    def _alarm(self, piece: Slice, f: int, s: int, rank: int) -> None:
        frames, pool = piece.frames, piece.pool
        assert frames is not None
        assert pool is not None
        end = int(frames.ts_open[f]) + SECOND
        key = f"{piece.market}-alarm-{piece.symbols[s]}-{end // SECOND}"
        piece.add(
            int(frames.row[f]),
            RANK,
            facts.DiscoveryAlarm(
                id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]),
                ts_event=end, settings_hash=piece.settings_hash, model_hash=piece.model_hash, symbol=piece.symbols[s],
                score=round(float(pool.raw[f, s]), 6), threshold=round(float(pool.threshold[f]), 6), rank=rank,
                price=float(frames.close[f, s]),
            ),
        )  # fmt: skip


def _listing(piece: Slice, f: int, s: int) -> None:
    frames = piece.frames
    assert frames is not None
    end = int(frames.ts_open[f]) + SECOND
    key = f"{piece.market}-listing-{piece.symbols[s]}-{end // SECOND}"
    piece.add(
        int(frames.row[f]),
        RANK,
        facts.Alert(
            id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]),
            ts_event=end, settings_hash=piece.settings_hash, model_hash=piece.model_hash, severity="info",
            code="NEW_LISTING", symbol=piece.symbols[s], args={"price": float(frames.close[f, s])},
        ),
    )  # fmt: skip


def _score_bar(piece: Slice, f: int) -> None:
    frames, pool = piece.frames, piece.pool
    assert frames is not None
    assert pool is not None
    known = np.flatnonzero(pool.raw[f] > -np.inf)
    if not len(known):
        return
    ts_open = int(frames.ts_open[f]) - 59 * SECOND
    key = f"{piece.market}-score-{ts_open // SECOND}"
    symbols = piece.symbols
    piece.add(
        int(frames.row[f]),
        RANK,
        facts.ScoreBar(
            id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]),
            ts_event=ts_open + 60 * SECOND, settings_hash=piece.settings_hash, model_hash=piece.model_hash,
            ts_open=ts_open, symbols=[symbols[s] for s in known.tolist()],
            score=np.round(pool.raw[f, known], 6).tolist(), close=frames.close[f, known].tolist(),
        ),
    )  # fmt: skip
