"""State that can be written down: plain tuples with a version, never pickled classes."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from contracts.errors import StateError
from operators.slices import Slice

Dumped = tuple[str, int, dict[str, Any]]


class State:
    """Base of operator states: a dataclass of numbers, strings, dicts, msgspec structs and numpy arrays.

    `dump` copies everything, so that what was written down does not change when the step goes on. A field added later must have a
    default; a changed meaning raises `VERSION`, and a state of another version is not guessed at.
    """

    VERSION: ClassVar[int] = 1

    def dump(self) -> Dumped:
        """(name, version, {field: copy})."""
        return type(self).__name__, self.VERSION, {f.name: _copy(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def load(cls, dumped: Dumped) -> Self:
        """Rebuild from `dump`. Raises StateError when it was written by another version, or is no state at all."""
        try:
            name, version, values = dumped
            keys = values.keys()
        except (TypeError, ValueError, AttributeError) as e:
            raise StateError(
                f"stored state: expected {cls.__name__} version {cls.VERSION}, was {type(dumped).__name__}; "
                "rebuild it from the log with `ember run desk --rebuild`"
            ) from e
        if name != cls.__name__ or version != cls.VERSION:
            raise StateError(
                f"stored state: expected {cls.__name__} version {cls.VERSION}, was {name} version {version}; "
                "rebuild it from the log with `ember run desk --rebuild`"
            )
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        try:
            return cls(**{key: _copy(values[key]) for key in keys if key in known})
        except TypeError as e:  # a field that has no default was not written then
            raise StateError(
                f"stored state: {cls.__name__} version {version}: {e}; rebuild it from the log with `ember run desk --rebuild`"
            ) from e


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, int | float | str | bytes | None):
        return value
    return copy.deepcopy(value)


S = TypeVar("S", bound=State)


class Operator(Protocol[S]):
    """One step of the desk. `name` keys the recovery store and is never changed."""

    name: str
    state_type: type[S]

    def start(self) -> S:
        """The state before the first event."""
        ...

    def step(self, state: S, piece: Slice) -> None:
        """Walk the slice: move `state` on and add conclusions and facts to `piece`."""
        ...


def grow(array: np.ndarray[Any, Any], size: int, fill: float) -> np.ndarray[Any, Any]:
    """Widen the last axis to at least `size` in powers of two (>= 64), filling with `fill`; the same array if wide enough."""
    width = array.shape[-1]
    if width >= size:
        return array
    wanted = capacity(size)
    wider = np.full((*array.shape[:-1], wanted), fill, dtype=array.dtype)
    wider[..., :width] = array
    return wider


def capacity(size: int) -> int:
    """Columns kept for so many symbols: the next power of two, at least 64, so that growth does not depend on cuts."""
    return max(64, 1 << max(0, size - 1).bit_length())
