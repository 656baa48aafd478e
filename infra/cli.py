"""The `ember` command. Commands are thin and import what they need when they run: `ember --help` answers at once.

Exit status: 0 done, 1 failed, 2 wrong usage. Errors are one line on stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from infra.benching import bench
from infra.evaluating import evaluate_app
from infra.explaining import why
from infra.redeploying import redeploy
from infra.replaying import replay

if TYPE_CHECKING:
    from contracts.facts import CommandResult
    from contracts.settings import Settings
    from infra.supervisor import UnitStatus

app = typer.Typer(
    name="ember",
    help="Emberline: finds coins that are heating up, decides, trades on paper, and shows why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
broker_app = typer.Typer(help="The broker on this machine: start, stop, status.", no_args_is_help=True)
app.add_typer(broker_app, name="broker")
app.add_typer(evaluate_app, name="evaluate")

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", "-s", help="Settings file (YAML or TOML).", envvar="EMBERLINE_SETTINGS"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BrokerAddress = Annotated[
    str | None, typer.Option("--broker", help="HOST:PORT; else the broker that runs here, else the settings' one.")
]
BrokerKind = Annotated[str | None, typer.Option("--kind", help="embedded or kafka; else the settings' one.")]
Market = Annotated[str | None, typer.Option("--market", help="Market of the log; else the first of the settings.")]
Author = Annotated[str | None, typer.Option("--author", help="Who asks; else the name of the user.")]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait for the desk's answer.", min=0.1)]


@app.command()
def up(
    settings: SettingsFile = None,
    venue: Annotated[str | None, typer.Option(help="simulated or binance; else the settings' one.")] = None,
    broker: Annotated[str | None, typer.Option(help="embedded, kafka or HOST:PORT; else the settings' one.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the cockpit.", min=1, max=65_535)] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the cockpit.")] = False,
    for_s: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.", min=0.1)] = None,
) -> None:
    """Run everything on this machine: broker, exchange, ingest, desk, sinks, cockpit. Paper unless armed."""
    from infra.up import UpOptions, cockpit_url
    from infra.up import up as run_all

    if venue is not None and venue not in ("simulated", "binance"):
        raise typer.BadParameter(f"--venue: expected simulated or binance, was {venue}")

    def started(run: Settings, statuses: list[UnitStatus], password: str | None) -> None:
        print_units(statuses)
        if run.broker.kind == "embedded":
            say("The embedded broker forgets the log when it stops: state and read model began anew with it.")
        url = cockpit_url(run)
        say(f"Cockpit: {url}")
        if password is not None:
            say(f"Password of its controls for this run: {password}  (set {run.cockpit.password_env} to choose one)")
        say("Ctrl-C stops everything in order.")
        if not no_browser:
            open_browser(url)

    options = UpOptions(settings=settings, venue=venue, broker=broker, cockpit_port=port, for_s=for_s)
    if not run_all(options, say, started):
        fail("up: not everything stopped in order; see var/log")


@app.command()
def simulate(
    settings: SettingsFile = None,
    recording: Annotated[Path | None, typer.Option(help="Send the frames of this recording.")] = None,
    speed: Annotated[float | None, typer.Option(help="Seconds of exchange time per second.", min=0.001)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the generated market.", min=0)] = None,
    port: Annotated[int | None, typer.Option(help="Port on loopback; 0 takes any.", min=0, max=65_535)] = None,
    symbols: Annotated[int | None, typer.Option(help="Coins of the generated market.", min=2, max=2000)] = None,
) -> None:
    """Run the simulated exchange alone: Binance spot's protocol on loopback."""
    import msgspec

    from contracts.errors import SettingsError
    from contracts.settings import load_settings
    from infra.services import run_service

    loaded = load_settings(settings)
    if recording is not None and not recording.exists():
        raise SettingsError(f"--recording: {recording} does not exist")
    chosen = {
        "recording": str(recording) if recording is not None else None,
        "speed": speed,
        "seed": seed,
        "port": port,
        "symbols": symbols,
    }
    simulator = msgspec.structs.replace(loaded.simulator, **{k: v for k, v in chosen.items() if v is not None})
    run_service("simulate", msgspec.structs.replace(loaded, simulator=simulator))


@app.command()
def run(
    flow: Annotated[str, typer.Argument(help="ingest, desk, project, archive or cockpit.")],
    settings: SettingsFile = None,
    broker: BrokerAddress = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Desk only: compute its state from the log again.")] = False,
) -> None:
    """Run one part in the foreground until it is told to stop."""
    from contracts.settings import load_settings
    from infra.effective import with_broker
    from infra.services import SERVICES, run_service

    if flow not in SERVICES:
        raise typer.BadParameter(f"expected one of {', '.join(SERVICES)}, was {flow}")
    run_service(flow, with_broker(load_settings(settings), broker), rebuild=rebuild)


@app.command()
def tap(
    topic: Annotated[str, typer.Argument(help="A topic, such as decision.v1.")],
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only messages about this coin.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only this type, such as decision or trade.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only the last 90s, 5m, 2h or 1d.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", help="Stop after so many.", min=1)] = None,
    as_json: Json = False,
    settings: SettingsFile = None,
    broker: BrokerAddress = None,
) -> None:
    """Read a topic as a person."""
    import msgspec

    from contracts.settings import load_settings
    from infra.effective import broker_address
    from infra.tap import describe, parse_since
    from infra.tap import tap as read

    address = broker_address(load_settings(settings), broker)
    found = read(
        address,
        topic,
        symbol=symbol.upper() if symbol else None,
        kind=kind,
        since_s=parse_since(since) if since else None,
        follow=follow,
        limit=limit,
    )
    for message in found:
        say(msgspec.json.encode(message).decode() if as_json else describe(message, colour=sys.stdout.isatty()))


app.command()(redeploy)
app.command()(replay)
app.command()(why)
app.command()(bench)


@app.command()
def pause(
    settings: SettingsFile = None,
    reason: Annotated[str, typer.Option(help="Shown wherever the pause is.")] = "",
    author: Author = None,
    market: Market = None,
    broker: BrokerAddress = None,
    wait: Wait = 10.0,
    as_json: Json = False,
) -> None:
    """Open nothing until resumed; closing goes on."""
    command("pause", settings, author, market, broker, wait, as_json, reason=reason)


@app.command()
def resume(
    settings: SettingsFile = None,
    author: Author = None,
    market: Market = None,
    broker: BrokerAddress = None,
    wait: Wait = 10.0,
    as_json: Json = False,
) -> None:
    """Undo a pause."""
    command("resume", settings, author, market, broker, wait, as_json)


@app.command()
def close(
    symbol: Annotated[str, typer.Argument(help="The coin, such as BTCUSDT.")],
    settings: SettingsFile = None,
    author: Author = None,
    market: Market = None,
    broker: BrokerAddress = None,
    wait: Wait = 10.0,
    as_json: Json = False,
) -> None:
    """Close one coin's position and cancel its entry orders, at once."""
    command("close", settings, author, market, broker, wait, as_json, symbol=symbol)


@app.command("close-all")
def close_all(
    settings: SettingsFile = None,
    reason: Annotated[str, typer.Option(help="Shown wherever its effect is.")] = "",
    author: Author = None,
    market: Market = None,
    broker: BrokerAddress = None,
    wait: Wait = 10.0,
    as_json: Json = False,
) -> None:
    """Emergency: cancel every entry order, close every position, and pause."""
    command("close-all", settings, author, market, broker, wait, as_json, reason=reason)


@app.command()
def preflight(
    settings: SettingsFile = None,
    kernels: Annotated[bool, typer.Option(help="Compile and run the kernels in a child process.")] = True,
    as_json: Json = False,
) -> None:
    """Check dependencies, settings, broker, disk, ports, clock and kernels before a start."""
    import msgspec

    from infra.preflight import preflight as look

    checks = look(settings, kernels=kernels)
    if as_json:
        say(msgspec.json.encode(checks).decode())
    else:
        for check in checks:
            say(f"{check.result:<8} {check.name:<9} {check.detail}")
    broken = [check.name for check in checks if check.result == "failed"]
    if broken:
        fail(f"preflight: {', '.join(broken)} failed")


@broker_app.command("start")
def broker_start(
    kind: BrokerKind = None,
    port: Annotated[
        int | None, typer.Option(help="Port on loopback; else the settings' one.", min=1, max=65_535)
    ] = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Start it in the background and create the topics."""
    found = broker_here(settings, kind, port)
    print_broker(found.start(), as_json)


@broker_app.command("stop")
def broker_stop(settings: SettingsFile = None, as_json: Json = False) -> None:
    """Stop it in order, whichever kind runs."""
    found = broker_here(settings, None, None)
    print_broker(found.stop(), as_json)


@broker_app.command("status")
def broker_status(settings: SettingsFile = None, as_json: Json = False) -> None:
    """Say whether it runs, where, and whether it answers. Exit status 1 if it does not run."""
    status = broker_here(settings, None, None).status()
    print_broker(status, as_json)
    if not status.running:
        raise typer.Exit(1)


@broker_app.command("topics")
def broker_topics(settings: SettingsFile = None, broker: BrokerAddress = None, as_json: Json = False) -> None:
    """Create the topics that a broker lacks; what is there stays as it is."""
    import msgspec

    from contracts.settings import load_settings
    from contracts.topics import TOPICS
    from infra.effective import broker_address
    from infra.topics import ensure_topics

    address = broker_address(load_settings(settings), broker)
    made = ensure_topics(address, TOPICS.values())
    said = f"{address}: created {', '.join(made) or 'nothing'}, {len(TOPICS) - len(made)} were there"
    say(msgspec.json.encode({"address": address, "created": made}).decode() if as_json else said)


def broker_here(path: Path | None, kind: str | None, port: int | None) -> Any:
    """The local broker meant: the one chosen, else the one that runs, else the one of the settings."""
    from contracts.settings import load_settings
    from infra.broker import broker_of_kind
    from infra.broker.local import running_broker

    loaded = load_settings(path)
    folder = Path(loaded.run.folder)
    running = running_broker(folder)
    if kind is None:
        kind = running.kind if running is not None else loaded.broker.kind
        kind = "embedded" if kind == "external" else kind
    address = running.address if running is not None and port is None else loaded.broker.address
    return broker_of_kind(kind, folder, port if port is not None else int(address.rpartition(":")[2]))


def command(
    name: str,
    path: Path | None,
    author: str | None,
    market: str | None,
    broker: str | None,
    wait_s: float,
    as_json: bool,
    *,
    symbol: str | None = None,
    reason: str = "",
) -> None:
    """Send one command and print what came of it."""
    import getpass

    import msgspec

    from contracts.errors import CommandError
    from contracts.settings import load_settings
    from infra.commands import CommandChannel, build_command
    from infra.effective import broker_address

    settings = load_settings(path)
    chosen = market if market is not None else next(iter(settings.markets))
    if chosen not in settings.markets:
        raise CommandError(f"--market: expected one of {', '.join(settings.markets)}, was {chosen}")
    channel = CommandChannel(broker_address(settings, broker), chosen, settings.markets[chosen].partition)
    event = build_command(name, author or getpass.getuser(), symbol=symbol, reason=reason)
    result = channel.send(event, wait_s)
    say(msgspec.json.encode(result).decode() if as_json else describe_result(result))


def describe_result(result: CommandResult) -> str:
    """A command's result in one line."""
    detail = ", ".join(f"{key} {value}" for key, value in result.detail.items())
    said = f"{result.command}: done{': ' + detail if detail else ''}"
    return f"{said}  (command {result.command_id} by {result.author}, log {result.partition}/{result.offset})"


def print_units(statuses: list[UnitStatus]) -> None:
    """The table of what runs."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("part", "state", "pid", "where"):
        table.add_column(heading, no_wrap=True, overflow="fold")
    for status in statuses:
        table.add_row(status.name, status.state, str(status.pid or ""), status.about)
    Console(highlight=False).print(table)


def print_broker(status: Any, as_json: bool) -> None:
    """One line about a broker."""
    import msgspec

    if as_json:
        say(msgspec.json.encode(status).decode())
    elif status.running:
        health = "answers" if status.answers else "does not answer"
        say(f"{status.kind} broker on {status.address}, pid {status.pid}, {health}, log {status.log}")
    else:
        say(f"{status.kind} broker does not run")


def open_browser(url: str) -> None:
    """Open the cockpit where there is a screen; a text browser in this terminal would only be in the way."""
    import os
    import webbrowser

    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def say(line: str) -> None:
    """One line on stdout, at once."""
    print(line, flush=True)


def fail(line: str) -> NoReturn:
    """One line on stderr, exit status 1."""
    print(line, file=sys.stderr, flush=True)
    raise typer.Exit(1)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `ember`."""
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    from contracts.errors import EmberlineError

    # The parser's own class of errors is not public; every public one derives from it.
    usage_error: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        status = app(arguments, prog_name="ember", standalone_mode=False)
    except EmberlineError as e:
        print(e, file=sys.stderr, flush=True)
        return 1
    except usage_error as e:
        print(f"ember: {e.format_message()}", file=sys.stderr, flush=True)  # type: ignore[attr-defined]
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return 0  # `ember tap ... | head` has what it wanted
    return int(status) if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
