"""`ember bench [NAME]`: measure the budgets and print them as ratios."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.bench.results import Result

NAMES = ("replay", "kafka", "latency", "discovery")


def bench(
    name: Annotated[str | None, typer.Argument(help=f"One of {', '.join(NAMES)}; all if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the budgets of docs/performance.md, each against a bare loop in the same run."""
    if name is not None and name not in NAMES:
        typer.echo(f"bench: expected one of {', '.join(NAMES)}, was {name}", err=True)
        raise typer.Exit(2)
    import msgspec

    from contracts.errors import EmberlineError

    results = []
    for wanted in [name] if name is not None else NAMES:
        try:
            results.append(_bench(wanted)())
        except EmberlineError as e:
            typer.echo(f"bench {wanted}: {e}", err=True)
            raise typer.Exit(1) from e
        if not as_json:
            _print(results[-1])
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(results) + b"\n")


def _bench(name: str) -> Callable[[], Result]:
    if name == "replay":
        from infra.bench.replay import bench_replay

        return bench_replay
    if name == "kafka":
        from infra.bench.json_log import bench_kafka

        return bench_kafka
    if name == "latency":
        from infra.bench.latency import bench_latency

        return bench_latency
    from infra.bench.discovery import bench_discovery

    return bench_discovery


def _print(result: Result) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    ratio = f", {result.ratio:.2f} x the bare loop" if result.ratio is not None else ""
    verdict = "met" if result.met else "NOT met"
    console.print(f"[bold]{result.name}[/bold]: {result.what}{ratio}")
    console.print(f"  bare loop: {result.bare}; budget: {result.budget}: {verdict}")
    table = Table(show_header=False, box=None, padding=(0, 2))
    for key, value in result.figures.items():
        table.add_row(key, f"{value:,.2f}".rstrip("0").rstrip("."))
    console.print(table)
    for note in result.notes:
        console.print(f"  {note}")
