"""`ember redeploy FILE`: the desk of a running `ember up` goes on under other settings. Positions, orders and its place on the log stay."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contracts.settings import Settings

DESK_WITHIN_S = 120.0


def redeploy(
    settings: Annotated[
        Path, typer.Argument(metavar="FILE", help="Settings file (YAML or TOML) with the other strategy.")
    ],
    within: Annotated[
        float, typer.Option("--within", help="Seconds to wait for the new desk.", min=1.0)
    ] = DESK_WITHIN_S,
) -> None:
    """Restart the desk of `ember up` with another strategy or other rules; what it holds is managed on."""
    before, after = redeploy_desk(settings, within)
    for name, market in after.markets.items():
        old, new = before.markets[name].desk, market.desk
        shadows = f" (in shadow: {', '.join(new.strategy.shadow)})" if new.strategy.shadow else ""
        typer.echo(
            f"{name}: {old.strategy.name} -> {new.strategy.name}{shadows}, settings {old.hash()} -> {new.hash()}"
        )


def redeploy_desk(file: Path, within_s: float) -> tuple[Settings, Settings]:
    """Check the file, put what concerns the desk into the settings of the run, restart the desk; returns settings before and after.

    Sections of other parts stay as they run. Raises EmberlineError or SettingsError with everything as it was; where the new desk does
    not come up, the settings before are put back, and the supervisor starts the desk with them.
    """
    import msgspec

    from contracts.errors import EmberlineError
    from contracts.settings import load_settings, parse_settings
    from contracts.settings.root import SERVICES
    from contracts.settings.sectors import inline_sectors
    from flows.desk import check
    from infra.effective import read_raw
    from infra.processes import read_record
    from infra.up import EFFECTIVE

    asked = load_settings(file)
    folder = Path(asked.run.folder).absolute()
    target, record_path, ready = folder / EFFECTIVE, folder / "run" / "desk.json", folder / "run" / "desk.ready"
    running = read_record(record_path)
    if running is None or not target.is_file():
        raise EmberlineError(
            f"redeploy: no desk of `ember up` runs in {folder}; start it with `ember up --settings {file}`"
        )
    content = target.read_bytes()
    before, kept = load_settings(target), read_raw(target)
    raw = {key: value for key, value in inline_sectors(read_raw(file), str(file)).items() if key not in SERVICES}
    after = parse_settings({**{key: kept[key] for key in SERVICES if key in kept}, **raw}, str(file))
    places = [{name: market.partition for name, market in each.markets.items()} for each in (before, after)]
    if places[0] != places[1]:
        raise EmberlineError(
            f"redeploy: {file}: expected the markets that run ({', '.join(places[0])}), was {', '.join(places[1])}"
        )
    check(after, str(file))
    _replace(
        target,
        msgspec.json.format(msgspec.json.encode({**{k: kept[k] for k in SERVICES if k in kept}, **raw}), indent=2)
        + b"\n",
    )
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = read_record(record_path)
        if found is not None and found.pid != running.pid and ready.exists():
            return before, after
        time.sleep(0.05)
    _replace(target, content)
    raise EmberlineError(
        f"redeploy: the desk did not come up within {within_s:.0f} s, its settings were put back; see {running.log}"
    )


def _replace(target: Path, content: bytes) -> None:
    draft = target.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(target)
