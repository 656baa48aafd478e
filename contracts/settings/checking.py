"""Tables of a file become settings, or one line says where they are wrong: path, what was expected, what was there."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator
from typing import Any

import msgspec

from contracts.errors import SettingsError

_AT = re.compile(r"(?P<said>.*) - at `\$(?P<path>[^`]*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<field>\w+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_RULE = re.compile(r"`?(?P<field>[\w.]+)`?: (?P<rule>expected .*)", re.DOTALL)

Steps = tuple[str | int, ...]


def convert(raw: Any, kind: Any, path: str = "") -> Any:
    """Settings of type `kind` from the tables of a file; `path` is where these stand in it. Raises SettingsError.

    A number that is not finite is refused whatever its range.

    >>> class Own(msgspec.Struct):
    ...     part: dict[str, float] = {}
    >>> convert({"part": {"a": 1.0, "b": math.nan}}, Own, "own")
    Traceback (most recent call last):
    contracts.errors.SettingsError: `own.part.b`: expected a finite number, was nan
    """
    try:
        made = msgspec.convert(raw, kind)
    except msgspec.ValidationError as e:
        raise SettingsError(_told(str(e), raw, kind, path)) from e
    for steps, value in _floats(made, ()):
        if not math.isfinite(value):
            raise SettingsError(f"`{_joined(path, steps)}`: expected a finite number, was {value}")
    return made


def _floats(value: Any, steps: Steps) -> Iterator[tuple[Steps, float]]:
    if isinstance(value, float):
        yield steps, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _floats(getattr(value, name), (*steps, name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _floats(item, (*steps, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _floats(item, (*steps, index))


def _told(text: str, raw: Any, kind: Any, path: str) -> str:
    """The decoder's account with the whole path and the value that was there; that of a rule over fields opens with its field's path."""
    found = _AT.fullmatch(text)
    if found is None:
        text = text.replace("`$.", f"`{path}." if path else "`").replace("`$`", f"`{path or 'settings'}`")
        rule = _RULE.fullmatch(text)
        if rule is not None:
            return f"`{_joined(path, (rule['field'],))}`: {rule['rule']}"
        return f"{text} - at `{path}`" if path and " - at `" not in text else text
    steps, value = _resolve(found["path"], raw, kind, text)
    rule = _RULE.fullmatch(found["said"])
    if rule is not None:
        own = steps if steps and steps[-1] == rule["field"] else (*steps, rule["field"])
        return f"`{_joined(path, own)}`: {rule['rule']}"
    said = f"{found['said']} - at `{_joined(path, steps)}`"
    if isinstance(value, (str, int, float)) and not said.startswith("Object"):
        said += f", was {reprlib.repr(value)}"
    return said


def _resolve(path: str, raw: Any, kind: Any, text: str) -> tuple[Steps, Any]:
    """The steps of a decoder's path and the value there. It writes `[...]` for a table's key: whichever alone gives the same account."""
    steps: list[str | int] = []
    value = raw
    for step in _STEP.finditer(path):
        if step["field"] is not None:
            steps.append(step["field"])
        elif step["index"] is not None:
            steps.append(int(step["index"]))
        else:
            key = next((key for key in value if _account(_alone(raw, steps, key), kind) == text), "...")
            steps.append(key)
            if key == "...":
                return tuple(steps), None
        value = value[steps[-1]]
    return tuple(steps), value


def _alone(raw: Any, steps: list[str | int], key: Any) -> Any:
    """The tables with no other key than this one at `steps`."""
    if not steps:
        return {key: raw[key]}
    inner = _alone(raw[steps[0]], steps[1:], key)
    if isinstance(raw, dict):
        return {**raw, steps[0]: inner}
    return [inner if index == steps[0] else item for index, item in enumerate(raw)]


def _account(raw: Any, kind: Any) -> str:
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as e:
        return str(e)
    return ""


def _joined(path: str, steps: Steps) -> str:
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path
