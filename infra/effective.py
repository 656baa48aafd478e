"""Settings as one run uses them: the file a person wrote, what the command line changed, and where the broker is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from contracts.errors import SettingsError
from contracts.settings import Settings, load_settings, parse_settings
from contracts.settings.sectors import inline_sectors
from infra.broker.local import running_broker

SETTINGS_ENV = "EMBERLINE_SETTINGS"


def broker_address(settings: Settings, chosen: str | None = None) -> str:
    """HOST:PORT for clients: the one chosen, else the local broker that runs, else the one of the settings.

    Raises SettingsError if `chosen` is no HOST:PORT.
    """
    if chosen is not None:
        host, _, port = chosen.rpartition(":")
        if not host or not port.isdigit():
            raise SettingsError(f"--broker: expected HOST:PORT, was {chosen}")
        return chosen
    running = running_broker(Path(settings.run.folder))
    return running.address if running is not None else settings.broker.address


def with_broker(settings: Settings, chosen: str | None) -> Settings:
    """The settings with the broker's address filled in."""
    broker = msgspec.structs.replace(settings.broker, address=broker_address(settings, chosen))
    return msgspec.structs.replace(settings, broker=broker)


def read_raw(path: Path | None) -> dict[str, Any]:
    """A settings file as the tables it holds. It was checked by `load_settings`; None gives no tables."""
    if path is None:
        return {}
    content = path.read_bytes()
    raw = msgspec.toml.decode(content) if path.suffix == ".toml" else msgspec.yaml.decode(content)
    return dict(raw) if raw else {}


def write_effective(path: Path | None, changes: dict[str, dict[str, Any]], target: Path) -> Settings:
    """Merge `changes` (section -> key -> value) over a settings file, write the result to `target`, return it checked.

    Children of the supervisor all read this one file, in which the sector tags stand as they are now. JSON is YAML, so the suffix
    is .yaml. Raises SettingsError.
    """
    load_settings(path)
    raw = inline_sectors(read_raw(path), str(path or "defaults"))
    for section, values in changes.items():
        raw[section] = {**raw.get(section, {}), **values}
    settings = parse_settings(raw, str(path or "defaults"))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n")
    return settings


BrokerKind = Literal["embedded", "kafka", "external"]


def broker_choice(text: str) -> tuple[BrokerKind, str | None]:
    """`embedded`, `kafka` or HOST:PORT as kind and address. Raises SettingsError for anything else."""
    if text == "embedded":
        return "embedded", None
    if text == "kafka":
        return "kafka", None
    host, _, port = text.rpartition(":")
    if host and port.isdigit():
        return "external", text
    raise SettingsError(f"--broker: expected embedded, kafka or HOST:PORT, was {text}")
