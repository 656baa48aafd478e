"""Sector tags of coins from a file, taken into the settings when they are loaded: what the desk sees, and its hash, hold the tags."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Final

import yaml

from contracts.errors import SettingsError
from contracts.settings.reading import decode_tables

SHIPPED: Final = "default"
"""Names the file that comes with the program."""
SHIPPED_FILE: Final = Path(__file__).with_name("sectors.yaml")
MOST: Final = 20_000
HEADER: Final = ["coin", "sector"]

_COIN = re.compile(r"[A-Z0-9]{1,20}")


def read_sectors(name: str) -> dict[str, str]:
    """Base asset or symbol -> sector.

    name: "default", or the path of a file. YAML: `BTC: layer1`, the coin first, or `layer1: [BTC, ETH]` a line, each key once;
    `layer1: BTC`, small letters before capitals, may be meant either way and is refused. CSV: a header `coin,sector`, then a coin a
    line; lines that begin with # are left out. Coins are told in any case and kept in capitals. Raises SettingsError.
    """
    file = SHIPPED_FILE if name == SHIPPED else Path(name)
    try:
        text = file.read_text(encoding="utf-8-sig")  # Excel begins a CSV file with a byte order mark
    except OSError as e:
        raise SettingsError(f"{file}: cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise SettingsError(f"{file}: expected UTF-8: {e}") from e
    if file.suffix in {".yaml", ".yml"}:
        pairs = _yaml_pairs(text, file)
    elif file.suffix == ".csv":
        pairs = _csv_pairs(text, file)
    else:
        raise SettingsError(f"{file}: expected a .yaml, .yml or .csv file of sector tags")
    tags: dict[str, str] = {}
    for coin, sector in pairs:
        known = tags.setdefault(coin, sector)
        if known != sector:
            raise SettingsError(f"{file}: {coin}: expected one sector, was {known} and {sector}")
    if not 0 < len(tags) <= MOST:
        raise SettingsError(f"{file}: expected 1 to {MOST} tagged coins, was {len(tags)}")
    return tags


def inline_sectors(raw: dict[str, Any], where: str) -> dict[str, Any]:
    """The tables of a settings file with every `groups.sectors_file` replaced by the tags it holds.

    Tags under `groups.sectors` beside it go before those of the file. What is no table is left to the checks that follow.
    """
    taken = _inlined(raw, where, "")
    markets = taken.get("markets")
    if isinstance(markets, dict):
        own = {
            name: _inlined(table, where, f"markets.{name}.") if isinstance(table, dict) else table
            for name, table in markets.items()
        }
        taken = {**taken, "markets": own}
    return taken


def _inlined(table: dict[str, Any], where: str, path: str) -> dict[str, Any]:
    groups = table.get("groups")
    if not isinstance(groups, dict) or not isinstance(groups.get("sectors_file"), str):
        return table
    try:
        tags = read_sectors(groups["sectors_file"])
    except SettingsError as e:
        raise SettingsError(f"{where}: `{path}groups.sectors_file`: {e}") from e
    own = groups.get("sectors", {})
    kept = {key: value for key, value in groups.items() if key != "sectors_file"}
    return {**table, "groups": {**kept, "sectors": {**tags, **own} if isinstance(own, dict) else own}}


def _yaml_pairs(text: str, file: Path) -> list[tuple[str, str]]:
    raw = decode_tables(text.encode(), file)
    if not isinstance(raw, dict):
        raise SettingsError(f"{file}: expected a table of coins or sectors, was {type(raw).__name__}")
    lines = _lines_of_keys(text, file)
    pairs = []
    for key, value in raw.items():
        where = f"{file}:{lines[key]}" if key in lines else str(file)
        if isinstance(value, list):
            pairs += [(_coin(coin, where), _sector(key, where)) for coin in value]
        else:
            _check_order(key, value, where)
            pairs.append((_coin(key, where), _sector(value, where)))
    return pairs


def _lines_of_keys(text: str, file: Path) -> dict[str, int]:
    """Line of each key of a table; a decoder would take the last of equal ones without a word."""
    table = yaml.compose(text, Loader=yaml.SafeLoader)
    lines: dict[str, int] = {}
    for key, _ in table.value if isinstance(table, yaml.MappingNode) else ():
        line = key.start_mark.line + 1
        if key.value in lines:
            raise SettingsError(f"{file}:{line}: {key.value}: expected each key once, was in line {lines[key.value]} already")
        lines[key.value] = line
    return lines


def _check_order(key: Any, value: Any, where: str) -> None:
    """Refuse `layer1: BTC`: it reads as coin LAYER1 of sector BTC, and is hardly meant so."""
    if not isinstance(key, str) or not isinstance(value, str):
        return
    coin = value.strip()
    if _COIN.fullmatch(coin) and coin.isupper() and not key.isupper():
        raise SettingsError(
            f"{where}: `{key}: {coin}`: expected the coin first; "
            f"write `{key}: [{coin}]` if {coin} is the coin, `{key.upper()}: {coin}` if not"
        )


def _csv_pairs(text: str, file: Path) -> list[tuple[str, str]]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    rows = [(number, [cell.strip() for cell in next(csv.reader([line]))]) for number, line in lines]
    if not rows or rows[0][1] != HEADER:
        raise SettingsError(f"{file}: expected the header `{','.join(HEADER)}`, was {','.join(rows[0][1]) if rows else 'nothing'}")
    pairs = []
    for number, row in rows[1:]:
        where = f"{file}:{number}"
        if len(row) != len(HEADER):
            raise SettingsError(f"{where}: expected a coin and a sector, was {len(row)} cells")
        pairs.append((_coin(row[0], where), _sector(row[1], where)))
    return pairs


def _coin(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{where}: expected the name of a coin, was {value!r}; quote it")
    coin = value.strip().upper()
    if not _COIN.fullmatch(coin):
        raise SettingsError(f"{where}: expected the name of a coin, such as BTC or BTCUSDT, was {value!r}")
    return coin


def _sector(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 40:
        raise SettingsError(f"{where}: expected a sector's name of 1 to 40 letters, was {value!r}")
    return value.strip()
