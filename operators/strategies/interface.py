"""What a strategy is, and how it reads its options."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeVar

import msgspec
import numpy as np

from contracts.errors import SettingsError
from contracts.settings import DeskSettings
from operators.gates import Judgement, Seen
from operators.signals import TIMEFRAMES, Family
from operators.slices import F8

Options = TypeVar("Options")


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
    """Read the options of a strategy from the settings. Raises SettingsError on an unknown key or a wrong type."""
    raw: dict[str, Any] = settings.strategy.options.get(name, {})
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as e:
        raise SettingsError(f"`strategy.options.{name}`: {e}") from e


def weigh(families: dict[Family, float], timeframes: tuple[float, ...]) -> F8:
    """Weight of each family times weight of each timeframe (1m, 5m, 15m)."""
    weights = np.zeros((len(Family), len(TIMEFRAMES)))
    for family, weight in families.items():
        weights[family] = weight * np.array(timeframes)
    return weights
