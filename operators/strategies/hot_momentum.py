"""hot_momentum: buy a hot coin while its move goes on."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from contracts.settings import DeskSettings
from contracts.settings.ranges import Change
from operators.gates import Column, Gate, Judgement, Seen, entry_gates
from operators.signals import Family
from operators.strategies.interface import Weight, options, weigh


class HotMomentumOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights are relative. A move that starts shows first on the short timeframe, so it weighs most."""

    trend: Weight = 1.0
    momentum: Weight = 1.5
    mean_reversion: Weight = 0.5
    breakout: Weight = 1.5
    volume: Weight = 1.0
    order_flow: Weight = 1.0
    weight_1m: Weight = 0.5
    weight_5m: Weight = 0.3
    weight_15m: Weight = 0.2
    change_1m_min: Change = 0.0  # fraction; the price must stand above the close of the minute before last by more


class HotMomentum:
    """Long only. Setup: the price still rises. Strength: half heat, half consensus.

    judge: see `interface.Strategy`.
    """

    name: ClassVar[str] = "hot_momentum"
    timeframe: ClassVar[str] = "1m"

    def __init__(self, settings: DeskSettings) -> None:
        own = options(settings, self.name, HotMomentumOptions)
        families = {family: float(getattr(own, family.name.lower())) for family in Family}
        self.weights = weigh(self.name, families, (own.weight_1m, own.weight_5m, own.weight_15m))
        self.setup = {"above": own.change_1m_min}
        self._change_min = own.change_1m_min
        self._guards = settings.guards

    def judge(self, seen: Seen) -> Judgement:
        """Ask the shared gates for a long entry, and whether the price still rises."""
        gates = entry_gates(seen, self._guards, 1.0)
        gates[Gate.SETUP] = seen.columns[Column.CHANGE_1M] > self._change_min
        pull = np.minimum(np.maximum(seen.consensus, 0.0), 1.0)
        strength = 0.5 * (seen.columns[Column.HEAT] / 100.0) + 0.5 * pull
        return Judgement(np.ones_like(strength), strength, gates)
