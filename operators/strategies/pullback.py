"""pullback: buy a hot coin that rests, while the longer timeframes still point up."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from contracts.settings import DeskSettings
from contracts.settings.ranges import Change
from operators.gates import Column, Gate, Judgement, Seen, entry_gates
from operators.signals import Family
from operators.strategies.interface import Weight, options, weigh


class PullbackOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights are relative. The longer timeframes say whether the move lives; the shortest is expected to disagree."""

    trend: Weight = 1.5
    momentum: Weight = 1.0
    mean_reversion: Weight = 1.0
    breakout: Weight = 0.5
    volume: Weight = 1.0
    order_flow: Weight = 1.0
    weight_1m: Weight = 0.1
    weight_5m: Weight = 0.5
    weight_15m: Weight = 0.4
    dip_min: Change = 0.002  # fraction below the close of the minute before last; below 0: above it
    dip_max: Change = 0.03  # a deeper fall is no rest

    def __post_init__(self) -> None:
        """Refuse a rest of no size. Raises ValueError."""
        if not self.dip_min <= self.dip_max:
            raise ValueError(f"`dip_min`: expected up to dip_max ({self.dip_max}), was {self.dip_min}")


class Pullback:
    """Long only. Setup: the price stands a little below where it stood. Strength: half heat, half consensus.

    judge: see `interface.Strategy`.
    """

    name: ClassVar[str] = "pullback"
    timeframe: ClassVar[str] = "5m"

    def __init__(self, settings: DeskSettings) -> None:
        own = options(settings, self.name, PullbackOptions)
        families = {family: float(getattr(own, family.name.lower())) for family in Family}
        self.weights = weigh(self.name, families, (own.weight_1m, own.weight_5m, own.weight_15m))
        self.setup = {"least": -own.dip_max, "most": -own.dip_min}
        self._own = own
        self._guards = settings.guards

    def judge(self, seen: Seen) -> Judgement:
        """Ask the shared gates for a long entry, and whether the price rests."""
        gates = entry_gates(seen, self._guards, 1.0)
        change = seen.columns[Column.CHANGE_1M]
        gates[Gate.SETUP] = (change <= -self._own.dip_min) & (change >= -self._own.dip_max)
        pull = np.minimum(np.maximum(seen.consensus, 0.0), 1.0)
        strength = 0.5 * (seen.columns[Column.HEAT] / 100.0) + 0.5 * pull
        return Judgement(np.ones_like(strength), strength, gates)
