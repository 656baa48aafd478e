"""`ember evaluate ...`: how good is a part of the desk, measured on recorded data?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from contracts.settings import Settings
    from flows.discovery_measure.report import Report

CONVERTED: Final = {
    ".csv": "read_csv", ".feather": "read_ipc", ".arrow": "read_ipc", ".ipc": "read_ipc", ".json": "read_json",
    ".jsonl": "read_ndjson",
}  # fmt: skip
"""How polars reads tables that are no Parquet."""

evaluate_app = typer.Typer(help="Measure a part of the desk on recorded data.", no_args_is_help=True)


@evaluate_app.callback()
def evaluate() -> None:
    """Measure a part of the desk on recorded data."""


@evaluate_app.command("discovery")
def discovery(
    source: Annotated[
        str,
        typer.Argument(
            help="One-minute candles (Parquet file or folder), an archive's folder, a Kafka (`kafka` or HOST:PORT), "
            "or a folder of facts that `ember replay --out` wrote."
        ),
    ],
    begin: Annotated[
        str | None, typer.Option("--from", help="Judge from this time (ISO 8601, UTC unless it says otherwise).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Judge up to before this time.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Send a file of candles through the desk second by second, not bar by bar.")
    ] = False,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Settings file (YAML or TOML).", envvar="EMBERLINE_SETTINGS")
    ] = None,
    market: Annotated[
        str | None, typer.Option("--market", help="Market of the log and its settings; else the first.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write capture over alarms a day as HTML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how early and how cleanly hot coins were found, against five simple rankings in the same run."""
    from contracts.errors import CommandError
    from contracts.settings import load_settings
    from flows.evaluate import print_report, to_json

    loaded = load_settings(settings)
    name = market if market is not None else next(iter(loaded.markets))
    if name not in loaded.markets:
        raise CommandError(f"evaluate: unknown market {name}; known are {', '.join(loaded.markets)}")
    if plot is not None:
        _check_writable(plot)
    try:
        report = _report(source, loaded, name, begin, end, live)
    except ValueError as e:
        raise CommandError(f"evaluate: {e}") from e
    if as_json:
        sys.stdout.buffer.write(to_json(report) + b"\n")
    else:
        print_report(report)
    if plot is not None:
        from flows.discovery_measure.plot import write_plot

        write_plot(report, plot)
        typer.echo(f"{plot}: capture over alarms a day", err=True)


def _report(source: str, settings: Settings, market: str, begin: str | None, end: str | None, live: bool) -> Report:
    from flows.discovery_measure.candles import load_table
    from flows.evaluate import evaluate_discovery, evaluate_discovery_log
    from infra.replaying import opener, parse_time

    begin_ns, end_ns = parse_time(begin, "--from"), parse_time(end, "--to")
    if begin_ns is not None and end_ns is not None and begin_ns >= end_ns:
        raise ValueError(f"expected --from before --to, was {begin} and {end}: this range is empty")
    begin_ms = None if begin_ns is None else begin_ns // 1_000_000
    end_ms = None if end_ns is None else end_ns // 1_000_000
    path = Path(source)
    if path.is_file() and path.suffix.lower() in CONVERTED:
        read = CONVERTED[path.suffix.lower()]
        raise ValueError(
            f"{source}: expected Parquet; convert it by python -c "
            f"\"import polars as p; p.{read}('{source}').write_parquet('{source}.parquet')\""
        )
    candles = path.suffix == ".parquet" or (path.is_dir() and not (path / market).is_dir())
    if candles and not (live and path.is_file()):
        return evaluate_discovery(path, settings.markets[market].desk, begin_ms=begin_ms, end_ms=end_ms)
    unknown = load_table(path).unknown if candles else {}
    # Read from the beginning: what lies before the judged range is the history that scores need.
    batches = opener(source, settings, None, None)(market)
    return evaluate_discovery_log(settings, market, batches, begin_ms=begin_ms, end_ms=end_ms, unknown=unknown)


def _check_writable(path: Path) -> None:
    """Refuse before a long run what could not be written after it. Raises CommandError."""
    from contracts.errors import CommandError

    if path.is_dir():
        raise CommandError(f"evaluate: --plot: expected the name of a file, was the folder {path}")
    if not path.parent.is_dir():
        raise CommandError(f"evaluate: --plot: no such folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CommandError(f"evaluate: --plot: {path} cannot be written")
