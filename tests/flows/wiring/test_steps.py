"""The walk of slices through operators as one Bytewax step: what it writes down, and what it refuses to go on from."""

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from contracts.errors import StateError
from contracts.settings import DeskSettings
from flows.desk import operators
from flows.wiring.steps import _WalkLogic
from operators.cut import Cut
from operators.slices import RawBatch, Slice
from tests.builders import market_log
from tests.checks import MARKET, first_difference


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    return market_log(60)


def slices_of(log: list[bytes]) -> list[Slice]:
    cutter = Cut(DeskSettings(), MARKET, 0)
    state = cutter.start()
    edges = [*range(0, len(log), 200), len(log)]
    return [
        cutter.read(state, RawBatch(np.arange(begin, end, dtype=np.int64), log[begin:end]))
        for begin, end in pairwise(edges)
    ]


def walker(dumped: dict[str, Any] | None = None) -> _WalkLogic:
    return _WalkLogic([lambda _, make=make: make(DeskSettings()) for make in operators()], dumped)


def test_every_operator_s_state_is_written_under_its_name_and_goes_on_from_there(log: list[bytes]):
    whole, first = walker(), walker()
    pieces = slices_of(log)
    whole.on_batch(slices_of(log))
    first.on_batch(pieces[:2])
    written = pickle.loads(pickle.dumps(first.snapshot()))  # noqa: S301 - our own, written a moment ago
    assert list(written) == [make(DeskSettings()).name for make in operators()]
    second = walker(written)
    assert second.snapshot() is written  # resumed, and no slice seen since
    second.on_batch(pieces[2:])
    assert first_difference(second.snapshot(), whole.snapshot(), "state") is None


def test_a_store_without_one_of_the_steps_is_refused_with_the_way_out(log: list[bytes]):
    pieces = slices_of(log)
    first = walker()
    first.on_batch(pieces[:1])
    written = {name: state for name, state in first.snapshot().items() if name != "heat"}
    with pytest.raises(StateError, match=r"none of step heat; .*--rebuild"):
        walker(written).on_batch(pieces[1:2])
