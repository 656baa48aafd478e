"""`ember why`: the chain from what was seen to what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contracts.texts import Language


def why(
    question: Annotated[
        str, typer.Argument(metavar="ID|SYMBOL", help="A decision, signal, order or position by its id, or a symbol.")
    ],
    at: Annotated[
        str | None, typer.Option("--at", help="For a symbol: as of this time (ISO 8601, UTC unless it says otherwise).")
    ] = None,
    facts: Annotated[
        Path | None, typer.Option("--facts", help="A folder that `ember replay --out` wrote, instead of the broker.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    broker: Annotated[str | None, typer.Option("--broker", help="HOST:PORT; else the broker that runs here.")] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Settings file (YAML or TOML).", envvar="EMBERLINE_SETTINGS")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell why a coin was or was not entered: what was seen, which gates passed or failed, what came of it."""
    import msgspec

    from contracts.settings import load_settings
    from flows.why import broker_messages, explain, folder_messages, words
    from infra.effective import broker_address
    from infra.replaying import parse_time

    if language not in ("en", "zh"):
        raise typer.BadParameter(f"--language: expected en or zh, was {language}")
    chosen: Language = "zh" if language == "zh" else "en"
    address = "" if facts is not None else broker_address(load_settings(settings), broker)
    messages = folder_messages(facts) if facts is not None else broker_messages(address)
    told = explain(messages, question, parse_time(at, "--at"))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        return
    for line in words(told, chosen):
        typer.echo(line)
