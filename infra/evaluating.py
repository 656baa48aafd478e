"""`ember evaluate ...`: how good is a part of the desk, measured on recorded data?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

evaluate_app = typer.Typer(help="Measure a part of the desk on recorded data.", no_args_is_help=True)


@evaluate_app.callback()
def evaluate() -> None:
    """Measure a part of the desk on recorded data."""


@evaluate_app.command("discovery")
def discovery(
    source: Annotated[
        Path,
        typer.Argument(
            help="One-minute candles (Parquet file or folder), or a folder written by `ember replay --out`."
        ),
    ],
    begin_day: Annotated[
        int | None, typer.Option("--from-day", help="First day judged, from the data's start.", min=0)
    ] = None,
    end_day: Annotated[int | None, typer.Option("--to-day", help="Day before which judging ends.", min=1)] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Settings file (YAML or TOML).", envvar="EMBERLINE_SETTINGS")
    ] = None,
    market: Annotated[str | None, typer.Option("--market", help="Market whose settings hold; else the first.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write capture over alarms a day as HTML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how early and how cleanly hot coins were found, against five simple rankings in the same run."""
    from contracts.errors import SettingsError
    from contracts.settings import load_settings
    from flows.evaluate import evaluate_discovery, print_report, to_json

    try:
        markets = load_settings(settings).markets
        name = market if market is not None else next(iter(markets))
        if name not in markets:
            _fail(f"evaluate: unknown market {name}; known are {', '.join(markets)}")
        report = evaluate_discovery(source, markets[name].desk, begin_day=begin_day, end_day=end_day)
    except (ValueError, SettingsError) as e:
        _fail(f"evaluate: {e}")
    if as_json:
        sys.stdout.buffer.write(to_json(report) + b"\n")
    else:
        print_report(report)
    if plot is not None:
        from flows.discovery_measure.plot import write_plot

        write_plot(report, plot)
        typer.echo(f"{plot}: capture over alarms a day", err=True)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
