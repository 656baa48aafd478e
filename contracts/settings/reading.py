"""A YAML or TOML file as the tables it holds; what cannot be read is one line with file, line and column."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.errors import SettingsError

SUFFIXES: Final = (".toml", ".yaml", ".yml")

_PLACE = re.compile(r"line (\d+), column (\d+)")
_POSITION = re.compile(r"position (\d+)")


def read_tables(file: Path) -> Any:
    """What the file holds; None if it is empty. Raises SettingsError."""
    try:
        content = file.read_bytes()
    except OSError as e:
        raise SettingsError(f"{file}: cannot be read: {e.strerror}") from e
    if file.suffix not in SUFFIXES:
        raise SettingsError(f"{file}: expected a .toml, .yaml or .yml file")
    return decode_tables(content, file)


def decode_tables(content: bytes, file: Path) -> Any:
    """What the content of a file of this name holds. Raises SettingsError."""
    try:
        return msgspec.toml.decode(content) if file.suffix == ".toml" else msgspec.yaml.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as e:  # a date without such a day is a ValueError
        raise SettingsError(f"{file}: {_place(e, content)}not readable: {_said(e)}") from e


def _place(error: Exception, content: bytes) -> str:
    """`line 3, column 7: `; empty where the decoder does not tell."""
    text = str(error)
    marks = _PLACE.findall(text)
    if marks:
        line, column = marks[-1]
        return f"line {line}, column {column}: "
    position = _POSITION.search(text)
    if position is not None:
        before = content[: int(position[1])]
    elif "end of document" in text:
        before = content
    else:
        return ""
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    return f"line {line}, column {column}: "


def _said(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    told = ", ".join(line for line in lines if line and not line.startswith('in "'))
    return re.sub(r" \(at (line \d+, column \d+|end of document)\)$", "", told)
