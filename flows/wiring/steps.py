"""`start/step` operators in Bytewax steps, one state per market and operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from contracts.errors import StateError
from flows.wiring.launch import stopping
from operators.cut import Cut, CutState
from operators.slices import ColumnBatch, RawBatch, Slice
from operators.state import Dumped, Operator

Batch: TypeAlias = RawBatch | ColumnBatch
MarketBatch: TypeAlias = tuple[str, Batch]


class _CutLogic(StatefulBatchLogic[MarketBatch, Slice, Dumped]):
    def __init__(self, make: Callable[[str], Cut], dumped: Dumped | None) -> None:
        self._make = make
        self._cut: Cut | None = None
        with stopping():
            self._state = CutState.load(dumped) if dumped is not None else None

    def on_batch(self, values: list[MarketBatch]) -> tuple[Iterable[Slice], bool]:
        pieces = []
        for market, batch in values:
            if self._cut is None:
                self._cut = self._make(market)
            if self._state is None:
                self._state = self._cut.start()
            pieces.append(self._cut.read(self._state, batch))
        return pieces, StatefulBatchLogic.RETAIN

    def snapshot(self) -> Dumped:
        return (self._state or CutState()).dump()


class _WalkLogic(StatefulBatchLogic[Slice, Slice, dict[str, Dumped]]):
    def __init__(self, makes: Sequence[Callable[[str], Operator[Any]]], dumped: dict[str, Dumped] | None) -> None:
        self._makes = makes
        self._dumped = dumped
        self._walk: list[tuple[Operator[Any], Any]] = []

    def on_batch(self, values: list[Slice]) -> tuple[Iterable[Slice], bool]:
        for piece in values:
            if not self._walk:
                with stopping():
                    self._walk = [_resumed(make(piece.market), self._dumped) for make in self._makes]
                self._dumped = None
            for operator, state in self._walk:
                operator.step(state, piece)
        return values, StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Dumped]:
        if self._dumped is not None:
            return self._dumped
        return {operator.name: state.dump() for operator, state in self._walk}


def _resumed(operator: Operator[Any], dumped: dict[str, Dumped] | None) -> tuple[Operator[Any], Any]:
    if dumped is None:
        return operator, operator.start()
    if operator.name not in dumped:
        raise StateError(
            f"stored state: none of step {operator.name}; rebuild it from the log with `ember run desk --rebuild`"
        )
    return operator, operator.state_type.load(dumped[operator.name])


def cut(step_id: str, up: KeyedStream[MarketBatch], make: Callable[[str], Cut]) -> KeyedStream[Slice]:
    """Decode batches of the log. `make` builds the cut step of a market."""
    return op.stateful_batch(step_id, up, lambda dumped: _CutLogic(make, dumped))


def walk(step_id: str, up: KeyedStream[Slice], makes: Sequence[Callable[[str], Operator[Any]]]) -> KeyedStream[Slice]:
    """Send each slice through operators, one after the other. `makes` build those of a market.

    The state of each is written down under its name at every epoch. They are one Bytewax step, since handing a slice from step to step
    costs more than most operators take for it.
    """
    return op.stateful_batch(step_id, up, lambda dumped: _WalkLogic(makes, dumped))
