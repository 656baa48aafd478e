"""What a strategy is, and how it reads its options."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Protocol, TypeAlias, TypeVar

import numpy as np
from msgspec import Meta

from contracts.errors import SettingsError
from contracts.settings import DeskSettings
from contracts.settings.checking import convert
from operators.gates import Judgement, Seen
from operators.signals import TIMEFRAMES, Family
from operators.slices import F8

Options = TypeVar("Options")

Weight: TypeAlias = Annotated[float, Meta(ge=0.0, le=1000.0)]
"""Relative to the other weights."""


class Strategy(Protocol):
    """What the decide step asks of a strategy. `timeframe` is the bar it looks at first.

    Weights (families, timeframes) are >= 0. `setup` holds the numbers of its own condition as arguments of `NO_SETUP`:
    `above`, or `least` and `most`, all of the change since the minute before last.
    """

    name: ClassVar[str]
    timeframe: ClassVar[str]
    weights: F8
    setup: dict[str, float]

    def judge(self, seen: Seen) -> Judgement:
        """Judge F frames by K candidates, elementwise: no place may influence another."""
        ...


def options(settings: DeskSettings, name: str, kind: type[Options]) -> Options:
    """Read the options of a strategy from the settings. Raises SettingsError on an unknown key, a wrong type or number."""
    raw: dict[str, Any] = settings.strategy.options.get(name, {})
    made: Options = convert(raw, kind, f"strategy.options.{name}")
    return made


def weigh(name: str, families: dict[Family, float], timeframes: tuple[float, ...]) -> F8:
    """Weight of each family times weight of each timeframe (1m, 5m, 15m). Raises SettingsError where nothing weighs."""
    weights = np.zeros((len(Family), len(TIMEFRAMES)))
    for family, weight in families.items():
        weights[family] = weight * np.array(timeframes)
    if not weights.any():
        raise SettingsError(f"`strategy.options.{name}`: expected a weight above 0 of a family and of a timeframe, was 0 for all")
    return weights
