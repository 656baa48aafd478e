"""`start/step` operators as Bytewax steps, one state per market."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

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


class _StepLogic(StatefulBatchLogic[Slice, Slice, Dumped]):
    def __init__(self, make: Callable[[str], Operator[Any]], dumped: Dumped | None) -> None:
        self._make = make
        self._operator: Operator[Any] | None = None
        self._dumped = dumped
        self._state: Any = None

    def on_batch(self, values: list[Slice]) -> tuple[Iterable[Slice], bool]:
        for piece in values:
            if self._operator is None:
                self._operator = self._make(piece.market)
                fresh = self._dumped is None
                with stopping():
                    self._state = self._operator.start() if fresh else self._operator.state_type.load(self._dumped)
                self._dumped = None
            self._operator.step(self._state, piece)
        return values, StatefulBatchLogic.RETAIN

    def snapshot(self) -> Dumped:
        if self._state is None:
            assert self._dumped is not None  # a step is only kept once it has seen a slice or was resumed
            return self._dumped
        dumped: Dumped = self._state.dump()
        return dumped


def cut(step_id: str, up: KeyedStream[MarketBatch], make: Callable[[str], Cut]) -> KeyedStream[Slice]:
    """Decode batches of the log. `make` builds the cut step of a market."""
    return op.stateful_batch(step_id, up, lambda dumped: _CutLogic(make, dumped))


def step(step_id: str, up: KeyedStream[Slice], make: Callable[[str], Operator[Any]]) -> KeyedStream[Slice]:
    """Send slices through an operator. `make` builds the operator of a market; its state is written down at every epoch."""
    return op.stateful_batch(step_id, up, lambda dumped: _StepLogic(make, dumped))
