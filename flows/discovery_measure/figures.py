"""Figures of a set of alarms against the episodes: recall, capture, lead time, precision, false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from flows.discovery_measure.alarms import Sweep
from flows.discovery_measure.bootstrap import interval
from flows.discovery_measure.candles import BAR_MS, DAY_MS, Panel
from flows.discovery_measure.episodes import Episode

EARLY: Final = 30
"""Bars before the low from which on an alarm is credited."""
WIN: Final = 0.05
"""Rise (or fall) that decides an alarm."""
DECIDE: Final = 60
"""Bars in which an alarm is decided."""


class TierFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one tier. Shares are parts of the rise ahead at the alarm, 0..1; `None` when nothing was caught."""

    episodes: int
    recall: float
    recall_half: float
    capture: float
    share_median_detected: float | None
    share_median_all: float | None
    share_worst_detected: float | None
    lead_min_median: float | None
    lead_min_worst: float | None
    alarms_in_episode: int
    alarms_neutral: int
    false_alarms_per_day: float
    false_alarms_per_100_symbol_days: float
    capture_ci90: tuple[float, float] | None = None


class AlarmFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one set of alarms. Precision parts are of all alarms; the win rate is of the decided ones."""

    alarms: int
    alarms_per_day: float
    alarms_per_100_symbol_days: float
    precision_up5: float | None
    down5_first: float | None
    resolved_win_rate: float | None
    threshold: float | None
    tiers: dict[str, TierFigures]


def shares_ahead(episodes: Sequence[Episode], alarms: np.ndarray, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each episode the share of the rise ahead at its first alarm (0 if missed) and the lead in bars (NaN).

    `alarms` is (N, 2) of bar and symbol in order of time, `prices` (N,) what each alarm could be traded at.
    """
    shares = np.zeros(len(episodes))
    leads = np.full(len(episodes), np.nan)
    for row, episode in enumerate(episodes):
        inside = (
            (alarms[:, 1] == episode.symbol)
            & (alarms[:, 0] >= episode.low - EARLY)
            & (alarms[:, 0] < episode.peak)
            & (prices < episode.peak_price)
        )
        hits = np.flatnonzero(inside)
        if hits.size:
            first = hits[0]
            share = (episode.peak_price - prices[first]) / (episode.peak_price - episode.low_price)
            shares[row] = min(1.0, max(0.0, share))
            leads[row] = episode.peak - alarms[first, 0]
    return shares, leads


def _lies_in(episodes: Sequence[Episode], alarms: np.ndarray) -> np.ndarray:
    """Tell for each alarm whether it lies in one of the episodes, [low - 30 min, peak)."""
    inside = np.zeros(alarms.shape[0], dtype=np.bool_)
    for episode in episodes:
        inside |= (
            (alarms[:, 1] == episode.symbol) & (alarms[:, 0] >= episode.low - EARLY) & (alarms[:, 0] < episode.peak)
        )
    return inside


def tier_figures(
    panel: Panel,
    episodes: Sequence[Episode],
    alarms: np.ndarray,
    prices: np.ndarray,
    judged: tuple[int, int],
    *,
    intervals: bool = True,
) -> TierFigures:
    """Return the figures of one tier over bars [begin, end) = `judged`.

    `episodes` are all of the tier in the data, scored or not: those whose low lies in the range are to be found, and
    an alarm inside one that began before the range is no false alarm.
    """
    days = days_of(judged)
    begin, end = judged
    everywhere = [episode for episode in episodes if episode.scored]
    scored = [episode for episode in everywhere if begin <= episode.low < end]
    shares, leads = shares_ahead(scored, alarms, prices)
    caught = ~np.isnan(leads)
    hit = _lies_in(everywhere, alarms)
    neutral = _lies_in([episode for episode in episodes if not episode.scored], alarms) & ~hit
    false_per_day = float((~hit & ~neutral).sum()) / days
    detected = shares[caught]
    clusters = [(episode.symbol, int(panel.open_ms[episode.low] // DAY_MS)) for episode in scored]
    return TierFigures(
        episodes=len(scored),
        recall=float(caught.mean()) if scored else 0.0,
        recall_half=float((shares >= 0.5).mean()) if scored else 0.0,
        capture=float(shares.mean()) if scored else 0.0,
        share_median_detected=float(np.median(detected)) if detected.size else None,
        share_median_all=float(np.median(shares)) if scored else None,
        share_worst_detected=float(detected.min()) if detected.size else None,
        lead_min_median=float(np.median(leads[caught])) if detected.size else None,
        lead_min_worst=float(leads[caught].min()) if detected.size else None,
        alarms_in_episode=int(hit.sum()),
        alarms_neutral=int(neutral.sum()),
        false_alarms_per_day=false_per_day,
        false_alarms_per_100_symbol_days=false_per_day / len(panel.symbols) * 100.0,
        capture_ci90=interval(shares, clusters) if intervals and scored else None,
    )


def outcomes(panel: Panel, alarms: np.ndarray, prices: np.ndarray) -> tuple[int, int]:
    """Count alarms that rose 5 % first and that fell 5 % first within 60 minutes; both in one bar is a fall."""
    wins = losses = 0
    for (bar, symbol), price in zip(alarms.tolist(), prices.tolist(), strict=True):
        span = slice(bar + 1, bar + 1 + DECIDE)
        up = np.flatnonzero(panel.high[span, symbol] >= price * (1.0 + WIN))
        down = np.flatnonzero(panel.low[span, symbol] <= price * (1.0 - WIN))
        if down.size and (not up.size or down[0] <= up[0]):
            losses += 1
        elif up.size:
            wins += 1
    return wins, losses


def alarm_figures(
    panel: Panel,
    episodes: dict[str, list[Episode]],
    alarms: np.ndarray,
    judged: tuple[int, int],
    *,
    prices: np.ndarray | None = None,
    threshold: float | None = None,
    intervals: bool = True,
) -> AlarmFigures:
    """Return the figures of a set of alarms; without `prices` each alarm is worth its bar's close."""
    if prices is None:
        prices = panel.close[alarms[:, 0], alarms[:, 1]]
    days = days_of(judged)
    count = alarms.shape[0]
    wins, losses = outcomes(panel, alarms, prices)
    return AlarmFigures(
        alarms=count,
        alarms_per_day=count / days,
        alarms_per_100_symbol_days=count / days / len(panel.symbols) * 100.0,
        precision_up5=wins / count if count else None,
        down5_first=losses / count if count else None,
        resolved_win_rate=wins / (wins + losses) if wins + losses else None,
        threshold=threshold,
        tiers={
            tier: tier_figures(panel, found, alarms, prices, judged, intervals=intervals)
            for tier, found in episodes.items()
        },
    )


def at_budget(
    panel: Panel,
    episodes: dict[str, list[Episode]],
    sweep: Sweep,
    judged: tuple[int, int],
    per_day: float,
    *,
    intervals: bool = True,
) -> AlarmFigures:
    """Return the figures at the lowest threshold that raises at most `per_day` alarms a day."""
    threshold = sweep.threshold_for(per_day * days_of(judged))
    alarms = sweep.alarms(threshold)
    return alarm_figures(panel, episodes, alarms, judged, threshold=threshold, intervals=intervals)


def days_of(judged: tuple[int, int]) -> float:
    """Return the length of bars [begin, end) in days."""
    begin, end = judged
    return (end - begin) * BAR_MS / DAY_MS
