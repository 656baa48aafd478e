"""`ember evaluate discovery SOURCE`: how early and how cleanly were hot coins found?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from contracts.settings import DeskSettings, Settings
from flows.discovery_measure.candles import Panel, load_candles
from flows.discovery_measure.figures import AlarmFigures
from flows.discovery_measure.program import run_program
from flows.discovery_measure.recorded_facts import is_facts_folder, program_from_facts, read_facts
from flows.discovery_measure.replayed import facts_of_log
from flows.discovery_measure.report import PROGRAM, SCORE_TIER, RankingFigures, Report, judged_range, make_report
from flows.wiring.steps import Batch

PRINTED_WIDTH = 130  # where the output is no terminal
TAKEN_AS: Final = {
    "open": "taken as the close",
    "high": "taken as the close",
    "low": "taken as the close",
    "close": "bar left out, the last close carried",
    "volume": "counted as 0",
}
"""What becomes of an unknown value (`candle_table`)."""


def evaluate_discovery(
    source: Path | Panel,
    settings: DeskSettings | None = None,
    *,
    begin_ms: int | None = None,
    end_ms: int | None = None,
) -> Report:
    """Judge discovery over candles or over facts.

    `source` is a Parquet file of one-minute candles (columns symbol, ts_ms of the open, open, high, low, close, volume), a folder of
    them, a `Panel`, or a folder of facts as `ember replay --out` writes it. Candles go through the desk's own ranking, bar by bar;
    facts are judged as they stand. Judged are the bars that open in [begin_ms, end_ms), Unix milliseconds, but for the
    data's first hour; the rest is history. Raises `ValueError` saying what is wrong with the source.
    """
    if isinstance(source, Panel):
        panel, program = source, run_program(source, settings or DeskSettings())
    elif is_facts_folder(source):
        panel, program = program_from_facts(read_facts(source))
    elif source.exists():
        panel = load_candles(source)
        program = run_program(panel, settings or DeskSettings())
    else:
        raise ValueError(f"{source}: no such file or folder; expected candles (Parquet) or a folder of facts")
    return make_report(panel, program, judged_range(panel, begin_ms, end_ms, program))


def evaluate_discovery_log(
    settings: Settings,
    market: str,
    batches: Iterable[Batch],
    *,
    begin_ms: int | None = None,
    end_ms: int | None = None,
    unknown: Mapping[str, int] = MappingProxyType({}),
) -> Report:
    """Judge discovery over a log (archive, Kafka, or one derived from candles), second by second as live; else as above.

    `unknown` counts what the candles left open that the log was derived from.
    """
    panel, program = program_from_facts(facts_of_log(settings, market, batches))
    panel = msgspec.structs.replace(panel, unknown=dict(unknown))
    return make_report(panel, program, judged_range(panel, begin_ms, end_ms, program))


def to_json(report: Report) -> bytes:
    """Return the report as JSON, figures rounded to four decimals."""
    return msgspec.json.encode(_rounded(msgspec.to_builtins(report)))


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the report as tables."""
    console = console or Console(width=None if sys.stdout.isatty() else PRINTED_WIDTH)
    console.print(
        f"[bold]{report.range[0]} to {report.range[1]} UTC[/bold], {report.days:.2f} days, {report.symbols} coins"
        + (f" (left out: {', '.join(report.excluded)})" if report.excluded else "")
    )
    if report.unknown:
        parts = ", ".join(f"{count:,} of {name} ({TAKEN_AS[name]})" for name, count in report.unknown.items())
        console.print(f"[bold]unknown values in the candles[/bold]: {parts}")
    episodes = Table("tier", "scored", "not scored", "coins", "median rise", "median minutes", title="episodes")
    for tier, found in report.episodes.items():
        skipped = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()) if kind != "ok")
        episodes.add_row(
            tier,
            str(found.count),
            skipped,
            str(found.coins),
            _figure(found.rise_median, 2),
            _figure(found.minutes_median, 0),
        )
    console.print(episodes)
    table = Table(
        "ranking", "score", "90 %", "at 5", "at 10", "at 20", "recall at 10", "half ahead", "lead min", "false a day",
        "precision", title=f"capture, tier {SCORE_TIER}",
    )  # fmt: skip
    table.columns[0].no_wrap = True
    for name, ranking in {PROGRAM: report.program, **report.baselines}.items():
        table.add_row(*_row(name, ranking), style="bold" if name == PROGRAM else "")
    console.print(table)
    if report.gain_ci90 is None:
        console.print("no scored episode in this range: nothing to compare")
    else:
        best = report.best_baseline.replace("_", " ")
        low, high = report.gain_ci90
        console.print(f"gain over {best}: {report.gain:+.3f} (90 % {low:+.3f} to {high:+.3f})")
    own = Table(
        "",
        "alarms a day",
        "a day per 100",
        "capture",
        "recall",
        "false a day",
        "precision",
        title="own alarms, and at as many",
    )
    own.add_row("own", *_own(report.own), style="bold")
    for name, ranking in {PROGRAM: report.program, **report.baselines}.items():
        if ranking.matched is not None:
            own.add_row(name.replace("_", " "), *_own(ranking.matched))
    console.print(own)
    if report.listings:
        console.print("listings reported: " + ", ".join(f"{symbol} {at}" for symbol, at in report.listings.items()))
    days = ", ".join(f"{day} {count}" for day, count in report.own_by_day.items())
    console.print(
        f"own alarms by day: {days or 'none'}; coins entering the top 10 per hour: {report.churn_top10_per_hour:.1f}"
    )


def _row(name: str, ranking: RankingFigures) -> list[str]:
    ten = ranking.budget["10"]
    tier = ten.tiers[SCORE_TIER]
    between = "-" if ranking.capture_score_ci90 is None else "{:.2f}-{:.2f}".format(*ranking.capture_score_ci90)
    return [
        name.replace("_", " "), f"{ranking.capture_score:.3f}", between,
        *(f"{ranking.budget[n].tiers[SCORE_TIER].capture:.3f}" for n in ("5", "10", "20")), f"{tier.recall:.2f}",
        f"{tier.recall_half:.2f}", _figure(tier.lead_min_median, 0), f"{tier.false_alarms_per_day:.1f}",
        _figure(ten.precision_up5, 2),
    ]  # fmt: skip


def _own(figures: AlarmFigures) -> list[str]:
    tier = figures.tiers[SCORE_TIER]
    return [
        f"{figures.alarms_per_day:.1f}", f"{figures.alarms_per_100_symbol_days:.1f}", f"{tier.capture:.3f}",
        f"{tier.recall:.2f}", f"{tier.false_alarms_per_day:.1f}", _figure(figures.precision_up5, 2),
    ]  # fmt: skip


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
