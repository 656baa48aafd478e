"""A heat step for tests of what follows it: every coin that rises is hot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from operators.candidates import Stage
from operators.slices import F8, HeatBlock, Slice
from operators.state import State, capacity, grow


@dataclass
class RisingState(State):
    """First price of each symbol."""

    first: F8 = field(default_factory=lambda: np.full(capacity(1), np.nan))


class Rising:
    """Heat is 50 plus 1,000 times the change since a coin's first price, within 0..100; hot from 55 on."""

    name = "heat"
    state_type = RisingState

    def __init__(
        self, top: int = 4, groups: dict[str, str] | None = None, sectors: dict[str, str] | None = None
    ) -> None:
        self._top = top
        self._groups = groups
        self._sectors = sectors

    def start(self) -> RisingState:
        return RisingState()

    def step(self, state: RisingState, piece: Slice) -> None:
        frames = piece.frames
        if frames is None:
            return
        f, s = frames.close.shape
        state.first = grow(state.first, s, np.nan)
        total = np.zeros((f, s))
        top = np.full((f, self._top), -1, np.int32)
        for i in range(f):
            unseen = np.isnan(state.first[:s])
            state.first[:s][unseen] = frames.close[i][unseen]
            change = np.nan_to_num(frames.close[i] / state.first[:s] - 1.0)
            total[i] = np.clip(50.0 + 1000.0 * change, 0.0, 100.0)
            order = np.argsort(-total[i], kind="stable")[: self._top]
            top[i, : len(order)] = order
        if self._groups is not None:
            piece.groups = [[self._groups.get(name, "") for name in piece.symbols[: piece.width]]] * f
        if self._sectors is not None:
            piece.sectors = [self._sectors.get(name, "") for name in piece.symbols[: piece.width]]
        piece.heat = HeatBlock(
            scores=np.zeros((f, 6, s), np.float32),
            total=total,
            raw=total,
            stage=np.where(total >= 55.0, int(Stage.HOT), int(Stage.WATCHING)).astype(np.uint8),
            top=top,
            passed=np.ones((f, s), np.bool_),
        )
