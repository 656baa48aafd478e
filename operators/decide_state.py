"""What deciding remembers between slices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from contracts.errors import StateError
from operators.aggregate import AggregateState
from operators.edge_model import EdgeModelState
from operators.indicators import IndicatorState
from operators.outlook import OutlookState
from operators.slices import F8, I8
from operators.state import Dumped, State, grow
from operators.strided import widen_strided

NEVER: Final = -(1 << 62)
"""A time before all times, ns."""

# Rows of `until`: event times, ns, until which a coin is held back.
JUMP: Final = 0
GAP: Final = 1
DUPLICATE: Final = 2

# Rows of `pace`, per strategy: when a coin was decided on; when its verdict was told, and which it was (-1: none).
DECIDED_AT: Final = 0
TOLD_AT: Final = 1
TOLD: Final = 2


@dataclass
class DecideState(State):
    """Columns over S symbols; the order of the axes stands at each.

    indicators and bars by seconds of the bar; votes (2, families, timeframes, S) votes and confidences; anchors
    (timeframes, ANCHORS, S); minute (2, S) and flow (timeframes, 2, S) quote volume bought and sold; last_close,
    last_trade (S,); until (3, S) and pace (strategies, 3, S) as named above; side (strategies, S) consensus with
    hysteresis; followed (S,) until when the consensus is told of a coin decided on; untradeable: status of symbols that
    the venue does not trade; strategies: the names that the rows belong to; model: what was learned of edge and risk; judged_at
    (S,) the second, ns, in which a coin was last a candidate.
    """

    strategies: list[str]
    indicators: dict[int, IndicatorState]
    bars: dict[int, AggregateState]
    outlook: OutlookState
    votes: F8
    anchors: F8
    minute: F8
    flow: F8
    last_close: F8
    last_trade: I8
    until: I8
    pace: I8
    side: F8
    followed: I8
    untradeable: dict[str, str]
    model: EdgeModelState = field(default_factory=EdgeModelState)
    judged_at: I8 = field(default_factory=lambda: np.zeros(0, np.int64))

    def widen(self, symbols: int) -> None:
        """Make room for so many symbols in the columns kept here."""
        if self.last_close.shape[0] >= symbols and self.judged_at.shape[0] >= symbols:
            return
        self.votes = widen_strided(self.votes, symbols)
        self.anchors = widen_strided(self.anchors, symbols)
        self.last_close = grow(self.last_close, symbols, np.nan)
        for name in ("minute", "flow", "last_trade", "side"):
            setattr(self, name, grow(getattr(self, name), symbols, 0))
        for name in ("until", "followed", "judged_at"):
            setattr(self, name, grow(getattr(self, name), symbols, NEVER))
        before = self.pace.shape[2]
        self.pace = grow(self.pace, symbols, NEVER)
        self.pace[:, TOLD, before:] = -1

    def dump(self) -> Dumped:
        """As `State.dump`, the nested states as their own dumps."""
        own = dict(self.__dict__)
        nested = {
            "indicators": {seconds: state.dump() for seconds, state in own.pop("indicators").items()},
            "bars": {seconds: state.dump() for seconds, state in own.pop("bars").items()},
            "outlook": own.pop("outlook").dump(),
            "model": own.pop("model").dump(),
        }
        return type(self).__name__, self.VERSION, {**_copies(own), **nested}

    @classmethod
    def load(cls, dumped: Dumped) -> Self:
        """Rebuild from `dump`. Raises StateError when it was written by another version."""
        name, version, values = dumped
        if name != cls.__name__ or version != cls.VERSION:
            raise StateError(
                f"stored state: expected {cls.__name__} version {cls.VERSION}, was {name} version {version}; "
                "rebuild it from the log with `ember run desk --rebuild`"
            )
        own = dict(values)
        nested: dict[str, Any] = {
            "indicators": {s: IndicatorState.load(state) for s, state in own.pop("indicators").items()},
            "bars": {s: AggregateState.load(state) for s, state in own.pop("bars").items()},
            "outlook": OutlookState.load(own.pop("outlook")),
        }
        if "model" in own:  # absent in what was written before there was one
            nested["model"] = EdgeModelState.load(own.pop("model"))
        return cls(**_copies(own), **nested)

    def arrange(self, strategies: list[str]) -> None:
        """Give the rows of `pace` and `side` to these strategies by name.

        What a strategy remembers survives a swap, new ones start.
        """
        if strategies == self.strategies:
            return
        pace = np.full((len(strategies), *self.pace.shape[1:]), NEVER, np.int64)
        pace[:, TOLD] = -1
        side = np.zeros((len(strategies), self.side.shape[1]))
        for row, name in enumerate(strategies):
            if name in self.strategies:
                pace[row] = self.pace[self.strategies.index(name)]
                side[row] = self.side[self.strategies.index(name)]
        self.strategies, self.pace, self.side = list(strategies), pace, side


def _copies(values: dict[str, Any]) -> dict[str, Any]:
    copies: dict[str, Any] = {}
    for key, value in values.items():
        copies[key] = value.copy() if isinstance(value, np.ndarray | dict | list) else value
    return copies
