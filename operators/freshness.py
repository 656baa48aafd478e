"""Freshness: may this market and this coin be trusted now? (RG-01: stale data never yields a tradeable signal.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from contracts.settings import DeskSettings
from operators.slices import Freshness, Slice
from operators.state import State

FRESH, STALE, LOST = 0, 1, 2


@dataclass
class FreshnessState(State):
    """Nothing is carried: ages are measured by the frame step."""

    VERSION: ClassVar[int] = 1


class FreshnessGate:
    """Grade each closed second.

    The market's age is receive time since the newest trade or ticker of any symbol; beyond `ticker_stale_ms` it is stale, beyond
    `ticker_lost_ms` lost. A coin's age is event time since its own last price; beyond `symbol_stale_ms` it is not opened. A gap in time
    makes its first second stale for every coin without a price in it.
    """

    name = "freshness"
    state_type = FreshnessState

    def __init__(self, settings: DeskSettings) -> None:
        self._rules = settings.freshness

    def start(self) -> FreshnessState:
        """Nothing to carry."""
        return FreshnessState()

    def step(self, state: FreshnessState, piece: Slice) -> None:
        """Add `freshness` for the frames of this slice."""
        frames = piece.frames
        if frames is None:
            return
        age = np.where(frames.feed_recv > 0, (frames.ts_recv - frames.feed_recv) / 1e6, np.inf)
        status = (age >= self._rules.ticker_stale_ms).astype(np.uint8) + (age >= self._rules.ticker_lost_ms).astype(np.uint8)
        symbol_ok = frames.age_ms <= self._rules.symbol_stale_ms
        symbol_ok &= (status == FRESH)[:, None]
        symbol_ok &= ~frames.restart[:, None] | (frames.updates > 0)
        piece.freshness = Freshness(status, age, frames.lag_ms, frames.skew_ms, symbol_ok)
