"""`ember replay SOURCE`: the desk over recorded log, as fast as it goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contracts.settings import Settings
    from flows.replay import ReplaySummary
    from flows.wiring.steps import Batch

    Opener = Callable[[str], Iterator[Batch]]

KAFKA = "kafka"


def replay(
    source: Annotated[
        str,
        typer.Argument(
            help="An archive's folder, a Parquet file of 1 m candles, or a Kafka: `kafka` (the settings' broker) or HOST:PORT."
        ),
    ],
    begin: Annotated[
        str | None, typer.Option("--from", help="From this time (ISO 8601, UTC unless it says otherwise) or, of a Kafka, offset.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to before this time or offset.")] = None,
    market: Annotated[str | None, typer.Option("--market", help="Market to replay; else the first of the settings.")] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Settings file (YAML or TOML).", envvar="EMBERLINE_SETTINGS")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for each topic's facts as <topic>.jsonl.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the desk over a Kafka range, an archive or candles: speed, decisions, orders, PnL, checksum."""
    import msgspec

    from contracts.errors import CommandError
    from contracts.settings import load_settings
    from flows.replay import replay as run

    loaded = load_settings(settings)
    name = market if market is not None else next(iter(loaded.markets))
    if name not in loaded.markets:
        raise CommandError(f"replay: unknown market {name}; known are {', '.join(loaded.markets)}")
    summary = run(loaded, opener(source, loaded, begin, end), markets=[name], out=out)
    if summary.ticks == 0:
        raise CommandError(f"replay: {source} holds nothing in this range")
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
    else:
        _print(summary, out)


def opener(source: str, settings: Settings, begin: str | None, end: str | None) -> Opener:
    """How to read this source. Raises CommandError when it is none of the kinds."""
    from contracts.errors import CommandError
    from flows.sources import archive_batches, candle_batches, kafka_batches, offset_at
    from infra.effective import broker_address

    path = Path(source)
    if path.is_dir():
        return lambda market: archive_batches(path, market, parse_time(begin, "--from"), parse_time(end, "--to"))
    if path.suffix == ".parquet":
        if not path.is_file():
            raise CommandError(f"{path}: no such file")
        return lambda _market: candle_batches(path, t_from=parse_time(begin, "--from"), t_to=parse_time(end, "--to"))
    if source == KAFKA or (":" in source and source.rpartition(":")[2].isdigit()):
        address = broker_address(settings, None if source == KAFKA else source)

        def offset(market: str, text: str | None, option: str) -> int | None:
            if text is None or text.isdigit():
                return int(text) if text else None
            return offset_at(address, settings.markets[market].partition, parse_time(text, option) or 0)

        return lambda market: kafka_batches(
            address, settings.markets[market].partition, offset(market, begin, "--from"), offset(market, end, "--to"), rows=20_000
        )
    raise CommandError(
        f"{source}: expected an archive's folder, a .parquet file of candles, `kafka` or HOST:PORT"
    )


def parse_time(text: str | None, option: str) -> int | None:
    """ISO 8601 as Unix nanoseconds; a time without zone is UTC. Raises typer.BadParameter, which names the option."""
    from datetime import UTC, timedelta

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise typer.BadParameter(f"{option}: expected a time such as 2021-04-04T16:00, was {text}") from e
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _print(summary: ReplaySummary, out: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2))
    lines: list[tuple[str, str]] = [
        ("ticks", f"{summary.ticks:,}"),
        ("event time", f"{summary.event_seconds:,.0f} s in {summary.wall_seconds:,.2f} s"),
        ("speed", f"{summary.ticks_per_second:,.0f} ticks/s"),
        ("decisions", f"{summary.decisions:,}"),
        ("orders", f"{summary.orders:,} sent, {summary.denied:,} denied, {summary.fills:,} fills"),
        ("positions", f"{summary.positions_closed:,} closed ({summary.winners:,} with a gain), {summary.positions_open:,} open"),
        ("realised PnL", f"{summary.realised_pnl:,.2f} after {summary.fees:,.2f} fees"),
        ("equity", "-" if summary.equity is None else f"{summary.equity:,.2f}"),
        ("facts", f"{sum(summary.facts.values()):,}"),
        ("settings", summary.settings_hash),
        ("checksum", summary.checksum),
    ]
    for name, value in lines:
        table.add_row(name, value)
    console = Console()
    console.print(table)
    if out is not None:
        console.print(f"facts by topic: {out}")
