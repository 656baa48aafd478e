"""Bars, scores and alarms as the desk wrote them: facts in, panel and program out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from contracts import facts
from contracts.facts import decode_fact
from contracts.topics import ALERTS, BARS, CANDIDATES
from flows.discovery_measure.candles import BAR_MS, Panel, panel_of_bars
from flows.discovery_measure.program import Program
from operators.slices import HistoryBars

GRACE_MS = 2_000
"""An alarm up to so long after a bar's end counts as that bar's."""


class PastBars(NamedTuple):
    """One-minute history of a coin that the venue told: what lies before the first live bar."""

    symbol: str
    bars: HistoryBars


def is_facts_folder(path: Path) -> bool:
    """Tell whether the folder holds what `ember replay --out` writes."""
    return path.is_dir() and (path / f"{BARS.name}.jsonl").is_file() and (path / f"{CANDIDATES.name}.jsonl").is_file()


def read_facts(path: Path) -> Iterator[facts.AnyFact]:
    """Read bars, scores and alarms of a folder of facts, one JSON per line."""
    for topic in (BARS, CANDIDATES, ALERTS):
        if not (path / f"{topic.name}.jsonl").is_file():
            continue  # nothing was written there
        with (path / f"{topic.name}.jsonl").open("rb") as lines:
            for line in lines:
                if (
                    b'"type":"bars"' in line
                    or b'"type":"score_bar"' in line
                    or b'"type":"alarm"' in line
                    or b"NEW_LISTING" in line
                ):
                    yield decode_fact(line)


def program_from_facts(stream: Iterable[object]) -> tuple[Panel, Program]:
    """Put facts of one market together, with the history before them. Repeated facts count once, followed bars before told ones.

    Raises `ValueError` when there is no closed 1 m bar.
    """
    past: dict[tuple[int, str], tuple[float, float, float, float, float]] = {}
    rows: dict[tuple[int, str], tuple[float, float, float, float, float]] = {}
    scores: dict[int, facts.ScoreBar] = {}
    alarms: dict[str, facts.DiscoveryAlarm] = {}
    listed: dict[str, int] = {}
    for fact in stream:
        if isinstance(fact, facts.Bars) and fact.closed and fact.interval == "1m":
            for n, symbol in enumerate(fact.symbols):
                key = (fact.ts_open // 1_000_000, symbol)
                rows[key] = (fact.open[n], fact.high[n], fact.low[n], fact.close[n], fact.volume[n])
        elif isinstance(fact, PastBars):
            b = fact.bars
            columns = (b.open.tolist(), b.high.tolist(), b.low.tolist(), b.close.tolist(), b.volume.tolist())
            for ts_open, *values in zip(b.ts_open.tolist(), *columns, strict=True):
                past[ts_open // 1_000_000, fact.symbol] = (values[0], values[1], values[2], values[3], values[4])
        elif isinstance(fact, facts.ScoreBar):
            scores[fact.ts_open // 1_000_000] = fact
        elif isinstance(fact, facts.DiscoveryAlarm):
            alarms[fact.id] = fact
        elif isinstance(fact, facts.Alert) and fact.code == "NEW_LISTING":
            listed.setdefault(fact.symbol, fact.ts_event // 1_000_000)
    if not rows:
        raise ValueError("expected closed 1 m bars, was none; give a longer range")
    panel = panel_of_bars(
        pl.DataFrame(
            [(symbol, ts_ms, *values) for (ts_ms, symbol), values in (past | rows).items()],
            schema=["symbol", "ts_ms", "open", "high", "low", "close", "volume"],
            orient="row",
        )
    )
    number = {symbol: column for column, symbol in enumerate(panel.symbols)}
    start = int(panel.open_ms[0])
    score = np.full(panel.close.shape, np.nan)
    for ts_ms, fact in scores.items():
        bar = (ts_ms - start) // BAR_MS
        if 0 <= bar < panel.bars:
            for symbol, value in zip(fact.symbols, fact.score, strict=True):
                if symbol in number:
                    score[bar, number[symbol]] = value
    raised: list[tuple[int, int]] = []
    prices: list[float] = []
    for alarm in sorted(alarms.values(), key=lambda one: (one.ts_event, one.symbol)):
        bar = (alarm.ts_event // 1_000_000 - GRACE_MS - start) // BAR_MS
        if alarm.symbol in number and 0 <= bar < panel.bars:
            raised.append((bar, number[alarm.symbol]))
            prices.append(alarm.price)
    program = Program(
        score=score,
        alarms=np.array(raised, dtype=np.int64).reshape(-1, 2),
        prices=np.array(prices),
        threshold=np.full(panel.bars, np.nan),
        listings={symbol: (ts_ms - GRACE_MS - start) // BAR_MS for symbol, ts_ms in listed.items()},
    )
    return panel, program
