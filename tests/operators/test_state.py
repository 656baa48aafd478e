"""State that is written down: copies with a version, read back whole or refused."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from contracts.errors import StateError
from contracts.settings import DeskSettings
from flows.desk import operators
from operators.cut import CutState
from operators.frame import FrameState
from operators.slices import F8
from operators.state import State, capacity, grow
from tests.builders import market_log
from tests.checks import first_difference, run


@dataclass
class Kept(State):
    VERSION: ClassVar[int] = 3
    values: F8 = field(default_factory=lambda: np.zeros(2))
    names: dict[str, list[int]] = field(default_factory=dict)
    later: int = 7


def test_what_was_written_does_not_change_when_the_step_goes_on() -> None:
    state = Kept(names={"a": [1]})
    dumped = state.dump()
    state.values[0] = 5.0
    state.names["a"].append(2)
    assert dumped[2]["values"].tolist() == [0.0, 0.0]
    assert dumped[2]["names"] == {"a": [1]}
    back = Kept.load(dumped)
    back.values[1] = 9.0
    assert dumped[2]["values"].tolist() == [0.0, 0.0]


def test_a_later_field_takes_its_default_and_a_dropped_one_is_passed_over() -> None:
    state = Kept.load(("Kept", 3, {"values": np.ones(1), "dropped": 1}))
    assert state.later == 7
    assert state.values.tolist() == [1.0]


@pytest.mark.parametrize(("name", "version"), [("Kept", 2), ("Kept", 4), ("Other", 3)])
def test_a_state_of_another_version_is_refused_with_the_way_out(name: str, version: int) -> None:
    expected = rf"expected Kept version 3, was {name} version {version}; .*`ember run desk --rebuild`"
    with pytest.raises(StateError, match=expected):
        Kept.load((name, version, {}))


@pytest.mark.parametrize("dumped", [("Kept", 3), None, "Kept", ("Kept", 3, [1])])
def test_what_is_no_state_is_refused_with_the_way_out(dumped: Any) -> None:
    with pytest.raises(StateError, match="--rebuild"):
        Kept.load(dumped)


@dataclass
class Bare(State):
    values: F8


def test_a_field_that_was_not_written_is_refused_with_the_way_out() -> None:
    with pytest.raises(StateError, match=r"Bare version 1: .*'values'; .*--rebuild"):
        Bare.load(("Bare", 1, {}))


def test_room_grows_in_powers_of_two_and_keeps_what_is_there() -> None:
    assert [capacity(n) for n in (0, 1, 64, 65, 128, 5000)] == [64, 64, 64, 128, 128, 8192]
    rows = np.arange(128, dtype=np.int64).reshape(2, 64)
    assert grow(rows, 64, -1) is rows
    wider = grow(rows, 65, -1)
    assert wider.shape == (2, 128)
    assert wider.dtype == rows.dtype
    assert np.array_equal(wider[:, :64], rows)
    assert (wider[:, 64:] == -1).all()


def test_a_state_written_before_a_field_was_added_makes_room_for_it() -> None:
    old = FrameState()
    old.reserve(200)
    name, version, values = old.dump()
    for later in ("told", "past", "until"):
        del values[later]
    state = FrameState.load((name, version, values))
    state.reserve(200)
    assert state.past.shape[-1] == state.until.shape[-1] == state.last.shape[-1] == 256


def test_every_state_of_the_desk_is_plain() -> None:
    """Names, numbers, tuples, dicts, arrays and message structs: a moved class must not make a snapshot unreadable."""
    settings = DeskSettings()
    ran = run(lambda: [make(settings) for make in operators()], market_log(90))
    assert len(ran.states) == len(operators()) + 1
    for dumped in ran.states:
        again = pickle.loads(pickle.dumps(dumped))  # noqa: S301 - our own bytes
        assert first_difference(dumped, again, dumped[0]) is None
        for cls in _classes(dumped):
            assert cls.__module__ in {"builtins", "numpy", "decimal"} or issubclass(cls, msgspec.Struct), (
                dumped[0],
                cls,
            )


def _classes(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {dict}.union(*(_classes(part) for pair in value.items() for part in pair))
    if isinstance(value, list | tuple):
        return {type(value)}.union(*(_classes(part) for part in value))
    return {type(value)}


def test_the_symbol_table_is_its_names() -> None:
    state = CutState()
    for name in ("BUSDT", "AUSDT", "BUSDT"):
        state.intern(name)
    assert state.dump() == ("CutState", 1, {"symbols": ["BUSDT", "AUSDT"]})
    assert CutState.load(state.dump()).intern("AUSDT") == 1
