"""The report: the program and the baselines at the same budgets, at the program's own alarm count, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from flows.discovery_measure.alarms import Sweep
from flows.discovery_measure.baselines import BASELINES, TOP, top_of_minute
from flows.discovery_measure.bootstrap import interval
from flows.discovery_measure.candles import BAR_MS, DAY_MS, Panel
from flows.discovery_measure.episodes import WARMUP, Episode, find_episodes
from flows.discovery_measure.figures import AlarmFigures, alarm_figures, at_budget, days_of, shares_ahead
from flows.discovery_measure.program import Program

TIERS: Final = ("0.15", "0.20", "0.30")
SCORE_TIER: Final = "0.20"
BUDGETS: Final = (5, 10, 20)
CURVE: Final = (2, 3, 5, 7, 10, 14, 20, 28, 40)
PROGRAM: Final = "program"


class EpisodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One episode in words; low and peak are the ends of their bars, UTC."""

    symbol: str
    low: str
    peak: str
    rise: float
    minutes: float
    kind: str
    market: float


class EpisodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The episodes of one tier in the judged range: how many are scored, how many of each kind."""

    count: int
    kinds: dict[str, int]
    coins: int
    rise_median: float | None
    minutes_median: float | None
    list: list[EpisodeRow]


class RankingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A ranking at the budgets; `matched` at exactly as many alarms as the program raised by itself; capture over alarms a day."""

    capture_score: float
    capture_score_ci90: tuple[float, float] | None
    budget: dict[str, AlarmFigures]
    matched: AlarmFigures | None
    curve: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one evaluation.

    `gain` is the program's capture score minus the best baseline's, with its interval; `listings` when each new coin was reported;
    `unknown` how many values of each column of the candles were null or NaN (see `candle_table`).
    """

    range: tuple[str, str]
    days: float
    symbols: int
    excluded: list[str]
    unknown: dict[str, int]
    episodes: dict[str, EpisodeSummary]
    program: RankingFigures
    own: AlarmFigures
    own_by_day: dict[str, int]
    churn_top10_per_hour: float
    listings: dict[str, str]
    best_baseline: str
    gain: float
    gain_ci90: tuple[float, float] | None
    baselines: dict[str, RankingFigures]


def judged_range(
    panel: Panel, begin_ms: int | None = None, end_ms: int | None = None, program: Program | None = None
) -> tuple[int, int]:
    """Return bars [begin, end) that open in [begin_ms, end_ms), without the data's first hour, which nobody can judge.

    With `program`, nor what lies before its first score: a log begins with history that nobody watched. Raises `ValueError` where
    nothing is left.
    """
    start = int(panel.open_ms[0])
    begin = WARMUP if begin_ms is None else max(WARMUP, (begin_ms - start + BAR_MS - 1) // BAR_MS)
    if program is not None:
        scored = ~np.isnan(program.score).all(axis=1)
        begin = max(begin, int(scored.argmax()) if scored.any() else panel.bars)
    end = panel.bars if end_ms is None else min(panel.bars, (end_ms - start + BAR_MS - 1) // BAR_MS)
    if begin >= end:
        asked = [f"{word} {_at(ms)}" for word, ms in (("from", begin_ms), ("to", end_ms)) if ms is not None]
        judged = f" and are judged from {_open(panel, begin)} on" if begin < panel.bars and end_ms is not None else ""
        raise ValueError(
            f"nothing to judge{' ' if asked else ''}{' '.join(asked)}: candles go from {_open(panel, 0)} to "
            f"{_open(panel, panel.bars - 1)} UTC{judged}; expected more than an hour of them, and scores, before the range's end"
        )
    return begin, end


def make_report(panel: Panel, program: Program, judged: tuple[int, int]) -> Report:
    """Judge the program and the baselines over bars [begin, end)."""
    begin, end = judged
    days = days_of(judged)
    episodes = {tier: find_episodes(panel, float(tier)) for tier in TIERS}
    kept = (program.alarms[:, 0] >= begin) & (program.alarms[:, 0] < end)
    alarms, prices = program.alarms[kept], program.prices[kept]
    own = alarm_figures(panel, episodes, alarms, judged, prices=prices)
    scores: Mapping[str, np.ndarray] = {
        PROGRAM: program.score,
        **{name: rank(panel) for name, rank in BASELINES.items()},
    }
    figures: dict[str, RankingFigures] = {}
    shares: dict[str, np.ndarray] = {}
    for name, score in scores.items():
        figures[name], shares[name] = _ranking(panel, episodes, top_of_minute(score), judged, own.alarms)
    baselines = {name: figure for name, figure in figures.items() if name != PROGRAM}
    best = max(baselines, key=lambda name: baselines[name].capture_score)
    clusters = _clusters(panel, _scored(episodes[SCORE_TIER], judged))
    per_day: dict[str, int] = {}
    for bar in alarms[:, 0].tolist():
        day = _time(panel, bar)[:10]
        per_day[day] = per_day.get(day, 0) + 1
    return Report(
        range=(_open(panel, begin), _open(panel, end - 1)),
        days=days,
        symbols=len(panel.symbols),
        excluded=list(panel.excluded),
        unknown=panel.unknown,
        episodes={tier: _summary(panel, found, judged) for tier, found in episodes.items()},
        program=figures[PROGRAM],
        own=own,
        own_by_day=per_day,
        churn_top10_per_hour=churn(program.score[begin:end]),
        listings={symbol: _time(panel, bar) for symbol, bar in program.listings.items() if begin <= bar < end},
        best_baseline=best,
        gain=figures[PROGRAM].capture_score - baselines[best].capture_score,
        gain_ci90=interval(shares[PROGRAM] - shares[best], clusters) if clusters else None,
        baselines=baselines,
    )


def _ranking(
    panel: Panel, episodes: dict[str, list[Episode]], score: np.ndarray, judged: tuple[int, int], own_alarms: int
) -> tuple[RankingFigures, np.ndarray]:
    """Return the figures of a ranking and, per scored episode of the score tier, the mean share ahead over the budgets."""
    sweep = Sweep(score, *judged)
    budget = {str(per_day): at_budget(panel, episodes, sweep, judged, per_day) for per_day in BUDGETS}
    scored = _scored(episodes[SCORE_TIER], judged)
    shares = np.zeros(len(scored))
    for figures in budget.values():
        alarms = sweep.alarms(figures.threshold if figures.threshold is not None else np.inf)
        shares += shares_ahead(scored, alarms, panel.close[alarms[:, 0], alarms[:, 1]])[0] / len(budget)
    days = days_of(judged)
    curve: dict[str, float] = {}
    for per_day in CURVE:
        alarms = sweep.alarms(sweep.threshold_for(per_day * days))
        ahead = shares_ahead(scored, alarms, panel.close[alarms[:, 0], alarms[:, 1]])[0]
        curve[str(per_day)] = float(ahead.mean()) if scored else 0.0
    matched = at_budget(panel, episodes, sweep, judged, own_alarms / days) if own_alarms else None
    clusters = _clusters(panel, scored)
    return (
        RankingFigures(
            capture_score=float(shares.mean()) if scored else 0.0,
            capture_score_ci90=interval(shares, clusters) if scored else None,
            budget=budget,
            matched=matched,
            curve=curve,
        ),
        shares,
    )


def churn(score: np.ndarray, top: int = TOP) -> float:
    """Return how many symbols enter the `top` highest per hour, from a raw score (T, S)."""
    entered = 0
    minutes = 0
    before: set[int] = set()
    for row in score:
        known = np.flatnonzero(~np.isnan(row))
        if known.size < top:
            continue
        now = set(known[np.argsort(-row[known], kind="stable")[:top]].tolist())
        if before:
            entered += len(now - before)
            minutes += 1
        before = now
    return entered / minutes * 60.0 if minutes else 0.0


def _scored(episodes: Sequence[Episode], judged: tuple[int, int]) -> list[Episode]:
    return [episode for episode in episodes if episode.scored and judged[0] <= episode.low < judged[1]]


def _clusters(panel: Panel, episodes: Sequence[Episode]) -> list[tuple[int, int]]:
    return [(episode.symbol, int(panel.open_ms[episode.low] // DAY_MS)) for episode in episodes]


def _summary(panel: Panel, episodes: Sequence[Episode], judged: tuple[int, int]) -> EpisodeSummary:
    inside = sorted(
        (episode for episode in episodes if judged[0] <= episode.low < judged[1]), key=lambda one: (one.low, one.symbol)
    )
    scored = [episode for episode in inside if episode.scored]
    kinds: dict[str, int] = {}
    for episode in inside:
        kinds[episode.kind] = kinds.get(episode.kind, 0) + 1
    return EpisodeSummary(
        count=len(scored),
        kinds=kinds,
        coins=len({episode.symbol for episode in scored}),
        rise_median=float(np.median([episode.rise for episode in scored])) if scored else None,
        minutes_median=float(np.median([episode.minutes for episode in scored])) if scored else None,
        list=[
            EpisodeRow(
                symbol=panel.symbols[episode.symbol],
                low=_time(panel, episode.low),
                peak=_time(panel, episode.peak),
                rise=round(episode.rise, 4),
                minutes=float(episode.minutes),
                kind=episode.kind,
                market=round(episode.market, 4),
            )
            for episode in inside
        ],
    )


def _open(panel: Panel, bar: int) -> str:
    return _at(int(panel.open_ms[bar]))


def _time(panel: Panel, bar: int) -> str:
    """The end of a bar, when its close is known."""
    return _at(int(panel.open_ms[bar]) + BAR_MS)


def _at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")
