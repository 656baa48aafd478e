"""Heat: six scores of every coin, their total, the ranking, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from contracts import facts
from contracts.events import Announcement, Instruments, Mention
from contracts.reasons import Reason
from contracts.settings import DeskSettings
from operators import heat_walk as walking
from operators.candidates import FILTER_NAMES, STAGE_NAMES, Filter, Trigger
from operators.slices import B1, F4, F8, I4, I8, SECOND, U1, HeatBlock, Kind, Slice
from operators.social import MINUTE_S, SILENCE, Figures, Social, Talk
from operators.state import State, capacity, grow
from operators.universe import base_of, is_excluded

RANK = 5
REMEMBERED: Final = 10_000
"""Entries kept of each kind."""
MAP_S: Final = 30
"""Seconds between two maps of the market: a map of many coins is looked at calmly, and each is as large as ten rankings."""
DIMENSIONS = ("volume", "momentum", "volatility", "liquidity", "social", "novelty")


@dataclass
class HeatState(State):
    """What was heard of coins: when listed (symbol -> second), when announced (base -> second), who speaks of them (`social.Talk` by
    base).

    `mentioned` tells whether any mention was ever seen. Dicts are bounded: the oldest entry leaves first.
    """

    VERSION: ClassVar[int] = 2
    listed: dict[str, int] = field(default_factory=dict)
    announced: dict[str, int] = field(default_factory=dict)
    talk: dict[str, Talk] = field(default_factory=dict)
    mentioned: bool = False


class Heat:
    """Score and rank every coin.

    Each score is 0..100, 50 at a setting's `half`: 100 * (1 - 2 ** (-x / half)).

    | score | x |
    |---|---|
    | volume | ln of the 5-minute quote volume over the coin's own hourly median, minus the median coin's |
    | momentum | exp(ranking score - alarm threshold, the threshold kept within `momentum_band` of its start): speed against the market |
    | volatility | 24 h range over the median coin's, times nearness to the 24 h high (1 at it, 0 from 10 % below on) |
    | liquidity | decades of 24 h quote volume above the filter, 100 at `liquidity_full`, less spread / `spread_zero_bps` of it |
    | social | voices of the last minutes, each author once, by followers and tone (`social.Social`); no part before the first mention |
    | novelty | 100 halving every `age_half_d` days since the listing; a fresh announcement reads 100 and fades over `announced_h` |

    The total is the weighted mean. Coins that the filters failed come after those that passed. Of the coins of one correlation group or
    one sector that passed, the hottest is kept and the others are held back (`high_corr_group=X`). step adds `heat`, a
    `CandidateSnapshot` each second, a `MarketMap` every 30 seconds, and a `StageChanged` for each move of the pool.
    """

    name = "heat"
    state_type = HeatState

    def __init__(self, settings: DeskSettings) -> None:
        own = settings.heat
        self._own = own
        ranking = settings.candidates.ranking
        self._rules = np.array(
            [
                own.volume_half, own.momentum_half, own.volatility_half, own.liquidity_full, own.spread_zero_bps,
                settings.candidates.least_quote_volume_24h, own.age_half_d * 86400.0, own.mention_half,
                own.mention_fade_s, own.announced_h * 3600.0, own.range_least, ranking.near_most,
                settings.candidates.alarm.start, own.momentum_band,
            ],
            dtype=np.float64,
        )  # fmt: skip
        weights = own.weights
        self._weights = np.array([getattr(weights, name) for name in DIMENSIONS])
        self._social = Social(own)
        self._coins = _Coins(self._social)

    def start(self) -> HeatState:
        """Nothing known of any coin."""
        return HeatState()

    def step(self, state: HeatState, piece: Slice) -> None:
        """Walk events and frames in log order; see the class."""
        frames, pool, anomaly = piece.frames, piece.pool, piece.anomaly
        if frames is None or pool is None or anomaly is None:
            return
        width = piece.width
        coins = self._coins
        coins.meet(state, piece)
        count = len(frames)
        passed = pool.failed == Filter.PASSED
        scores: F4 = np.empty((count, walking.SCORES, width), dtype=np.float32)
        total = np.empty((count, width))
        top: I4 = np.empty((count, self._own.top), dtype=np.int32)
        shares: list[dict[str, float]] = []
        universe: I8 = np.zeros(count, dtype=np.int64)
        talked: list[list[Figures] | None] = []

        def score(first: int, until: int) -> None:
            weights = self._weights.copy()
            if not state.mentioned:
                weights[walking.SOCIAL] = 0.0
            share = dict(zip(DIMENSIONS, np.round(weights / weights.sum(), 4).tolist(), strict=True))
            shares.extend([share] * (until - first))
            listed_at = np.maximum(coins.listed_at[:width], pool.first_seen)
            walking.walk(
                first, until, width, frames.ts_open, anomaly.surge, pool.raw, pool.near, pool.span, pool.threshold,
                frames.quote_volume_24h, frames.bid, frames.ask, coins.excluded, passed, listed_at, coins.announced_at,
                coins.mentions, coins.mentioned_at, weights, self._rules, scores, total, top, universe,
            )  # fmt: skip
            for shown in top[first:until].tolist():
                talked.append([coins.figures[s] for s in shown if s >= 0] if state.mentioned else None)

        def score_on(first: int, until: int) -> None:
            """Score, and forget old voices at each full minute, before its frame."""
            if state.talk:
                for f in (first + np.flatnonzero(frames.ts_open[first:until] // SECOND % MINUTE_S == 0)).tolist():
                    if f > first:
                        score(first, f)
                    first = f
                    for base in self._social.forget(state.talk, int(frames.ts_open[f]) // SECOND):
                        coins.tell(state, base)
            if until > first:
                score(first, until)

        done = 0
        rows = frames.row
        if piece.events:
            for row in np.flatnonzero(piece.ticks.kind == Kind.EVENT).tolist():
                event = piece.events[int(piece.ticks.v0[row])]
                if isinstance(event, Announcement | Instruments | Mention):
                    until = int(np.searchsorted(rows, row, side="right"))
                    if until > done:
                        score_on(done, until)
                        done = until
                    self._hear(state, event)
        if count > done:
            score_on(done, count)
        piece.heat = HeatBlock(scores=scores, total=total, raw=pool.raw, stage=pool.stage, top=top, passed=passed)
        for f, s, before, after, trigger in pool.moves:
            _moved(piece, f, s, before, after, trigger)
        if count and width:
            self._rankings(piece, shares, universe.tolist(), talked)

    def _hear(self, state: HeatState, event: Announcement | Instruments | Mention) -> None:
        if isinstance(event, Mention):
            state.mentioned = True
            for base in self._social.hear(state.talk, event):
                self._coins.tell(state, base)
        elif isinstance(event, Announcement):
            if event.category == "listing":
                for base in event.symbols:
                    _remember(state.announced, base, event.ts_event // SECOND)
                    self._coins.tell(state, base)
        else:
            for row in event.rows:
                if row.ts_listed is not None:
                    _remember(state.listed, row.symbol, row.ts_listed // SECOND)
                    self._coins.tell(state, row.base)

    def _rankings(
        self, piece: Slice, weights: list[dict[str, float]], universe: list[int], talked: list[list[Figures] | None]
    ) -> None:
        """Write each frame's ranking, and the map where it is due: columns of all frames at once, then a fact each."""
        frames, pool, heat, anomaly = piece.frames, piece.pool, piece.heat, piece.anomaly
        assert frames is not None
        assert pool is not None
        assert heat is not None
        assert anomaly is not None
        top = heat.top
        shown = (top >= 0).sum(axis=1)
        block = np.empty((len(top), walking.SCORES + len(walking.COLUMNS), top.shape[1]))
        walking.gather_all(
            top, shown, heat.scores, heat.total, pool.raw, frames.close, anomaly.change_1m, anomaly.change_5m, frames.open_24h,
            frames.quote_volume_24h, frames.bid, frames.ask, block,
        )  # fmt: skip
        at = (np.arange(len(top))[:, None], np.maximum(top, 0))
        columns, ids, passed = block.tolist(), top.tolist(), heat.passed[at].tolist()
        unknown: B1 = np.asarray(np.isnan(block).any(axis=2))
        holes = unknown.tolist()
        stages, failed, since = pool.stage[at].tolist(), pool.failed[at].tolist(), pool.since[at].tolist()
        ages = np.minimum(frames.age_ms[at], 9e15).astype(np.int64).tolist()
        rows, offsets, opened = frames.row.tolist(), frames.offset.tolist(), frames.ts_open.tolist()
        symbols, groups, sectors = piece.symbols, piece.groups, piece.sectors
        for f, n in enumerate(shown.tolist()):
            end = opened[f] + SECOND
            if n:
                numbers = ids[f][:n]
                shows: list[Any] = [
                    _known(column[:n]) if hole else column[:n] for column, hole in zip(columns[f], holes[f], strict=True)
                ]
                (
                    volume, momentum, volatility, liquidity, social, novelty, total, score, price, minute, five, day, traded, spread,
                ) = shows  # fmt: skip
                key = f"{piece.market}-candidates-{end // SECOND}"
                names, said = groups[f] if groups is not None else None, talked[f]
                group = [names[s] for s in numbers] if names is not None else [""] * n
                sector = [sectors[s] for s in numbers] if sectors is not None else [""] * n
                piece.add(
                    rows[f],
                    RANK,
                    facts.CandidateSnapshot(
                        id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=offsets[f],
                        ts_event=end, settings_hash=piece.settings_hash, model_hash=piece.model_hash,
                        symbols=[symbols[s] for s in numbers], rank=list(range(1, n + 1)),
                        heat=total, volume_score=volume, momentum_score=momentum, volatility_score=volatility,
                        liquidity_score=liquidity, social_score=social, novelty_score=novelty, score=score,
                        stage=[STAGE_NAMES[k] for k in stages[f][:n]], passed=passed[f][:n],
                        failed=[FILTER_NAMES[k] for k in failed[f][:n]], price=price, change_1m=minute, change_5m=five,
                        change_24h=day, quote_volume_24h=traded, spread_bps=spread,
                        age_ms=ages[f][:n], stage_since=since[f][:n], group=group, universe=universe[f], weights=weights[f],
                        sector=sector, held_back=held_back(passed[f][:n], group, sector),
                        mentions=[figures.mentions for figures in said] if said is not None else [],
                        voices=[figures.voices for figures in said] if said is not None else [],
                        tone=[figures.tone for figures in said] if said is not None else [],
                    ),
                )  # fmt: skip
            if end // SECOND % MAP_S == 0:
                self._map(piece, f)

    def _map(self, piece: Slice, f: int) -> None:
        frames, pool, heat, anomaly = piece.frames, piece.pool, piece.heat, piece.anomaly
        assert frames is not None
        assert pool is not None
        assert heat is not None
        assert anomaly is not None
        ids = np.flatnonzero(~np.isnan(pool.span[f]) & (self._coins.excluded[: pool.span.shape[1]] == 0)).astype(np.int32)
        if not len(ids):
            return
        numbers = ids.tolist()
        end = int(frames.ts_open[f]) + SECOND
        columns = np.empty((walking.SCORES + len(walking.COLUMNS), len(numbers)))
        walking.gather(
            f, ids, heat.scores, heat.total, pool.raw, frames.close, anomaly.change_1m, anomaly.change_5m, frames.open_24h,
            frames.quote_volume_24h, frames.bid, frames.ask, columns,
        )  # fmt: skip
        total, _, price, _, five, day, traded, _ = columns[walking.SCORES :].tolist()
        key = f"{piece.market}-map-{end // SECOND}"
        piece.add(
            int(frames.row[f]),
            RANK,
            facts.MarketMap(
                id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]),
                ts_event=end, settings_hash=piece.settings_hash, model_hash=piece.model_hash,
                symbols=[piece.symbols[s] for s in numbers], price=price, heat=total, change_5m=_known(five), change_24h=_known(day),
                quote_volume_24h=traded, stage=[STAGE_NAMES[k] for k in pool.stage[f, ids].tolist()],
                group=[piece.groups[f][s] for s in numbers] if piece.groups is not None else [""] * len(numbers),
            ),
        )  # fmt: skip


def held_back(passed: list[bool], *kinds: list[str]) -> list[str]:
    """By coin, hottest first: `high_corr_group=X` if a hotter coin that is kept shares its group X of any kind, else "".

    >>> held_back([True, True, False, True], ["BTC", "BTC", "", ""], ["", "meme", "", "meme"])
    ['', 'high_corr_group=BTC', '', 'high_corr_group=meme']
    """
    if all(len(given := [name for name in names if name]) == len(set(given)) for names in kinds):
        return [""] * len(passed)  # no two share a name
    kept: set[tuple[int, str]] = set()
    said = []
    for n, good in enumerate(passed):
        own = [(kind, names[n]) for kind, names in enumerate(kinds) if names[n]] if good else []
        taken = next((name for kind, name in own if (kind, name) in kept), "")
        said.append(f"high_corr_group={taken}" if taken else "")
        if not taken:
            kept.update(own)
    return said


class _Coins:
    """What the state says of coins, as columns by symbol number."""

    def __init__(self, social: Social) -> None:
        self._social = social
        self.figures: list[Figures] = []
        self.names: list[str] = []
        self.excluded: U1 = np.zeros(capacity(0), dtype=np.uint8)
        self.listed_at: I8 = np.zeros(capacity(0), dtype=np.int64)
        self.announced_at: I8 = np.zeros(capacity(0), dtype=np.int64)
        self.mentions: F8 = np.zeros(capacity(0))
        self.mentioned_at: I8 = np.zeros(capacity(0), dtype=np.int64)
        self._numbers: dict[str, list[int]] = {}

    def meet(self, state: HeatState, piece: Slice) -> None:
        """Take in the symbols that are new in this slice."""
        if piece.width <= len(self.names):
            return
        for name in ("excluded", "listed_at", "announced_at", "mentions", "mentioned_at"):
            setattr(self, name, grow(getattr(self, name), piece.width, 0))
        for number in range(len(self.names), piece.width):
            symbol = piece.symbols[number]
            self.names.append(symbol)
            self.figures.append(SILENCE)
            self.excluded[number] = is_excluded(symbol)
            base = base_of(symbol)
            self._numbers.setdefault(base, []).append(number)
            self.tell(state, base)

    def tell(self, state: HeatState, base: str) -> None:
        """Copy what is known of a base to its symbols."""
        said = self._social.figures(state.talk, base)
        for number in self._numbers.get(base, ()):
            self.listed_at[number] = state.listed.get(self.names[number], 0)
            self.announced_at[number] = state.announced.get(base, 0)
            self.figures[number] = said
            self.mentions[number], self.mentioned_at[number] = said.level, said.second


def _known(values: list[float]) -> list[float | None]:
    """None for NaN."""
    return [None if value != value else value for value in values]


def _remember(known: dict[str, Any], key: str, value: Any) -> None:
    """Set the newest entry; forget the oldest beyond the bound."""
    known.pop(key, None)
    known[key] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]


def _moved(piece: Slice, f: int, s: int, before: int, after: int, trigger: int) -> None:
    """Say that a coin changed its stage, and why."""
    frames, pool, heat = piece.frames, piece.pool, piece.heat
    assert frames is not None
    assert pool is not None
    assert heat is not None
    end = int(frames.ts_open[f]) + SECOND
    symbol = piece.symbols[s]
    raw = float(pool.raw[f, s])
    args: dict[str, float | str] = {"threshold": round(float(pool.threshold[f]), 4)}
    if raw > -np.inf:
        args["score"] = round(raw, 4)
    if pool.failed[f, s] != Filter.PASSED:
        args["failed"] = FILTER_NAMES[int(pool.failed[f, s])]
    key = f"{piece.market}-stage-{symbol}-{STAGE_NAMES[before]}-{end // SECOND}"
    piece.add(
        int(frames.row[f]),
        RANK,
        facts.StageChanged(
            id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]),
            ts_event=end, settings_hash=piece.settings_hash, model_hash=piece.model_hash, symbol=symbol,
            stage=STAGE_NAMES[after], previous=STAGE_NAMES[before], reason=Reason(Trigger(trigger).name, args),
            heat=round(float(heat.total[f, s]), 1),
        ),
    )  # fmt: skip
