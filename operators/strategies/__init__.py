"""Strategies: each a module with options and one small class; all judge the same candidates, side by side if wanted.

A strategy says how much each signal weighs, which way it would go, how strongly, and which gates it closes. It keeps no
state: hysteresis, re-arming and pace belong to the decide step, so that exchanging the strategy leaves nothing behind
and loses nothing. To add one: a module here with a class shaped like `interface.Strategy`, and its line in
`STRATEGIES`; then `strategy.name` in the settings file names it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from contracts.errors import SettingsError
from contracts.settings import DeskSettings
from operators.strategies.hot_momentum import HotMomentum
from operators.strategies.interface import Strategy
from operators.strategies.pullback import Pullback

STRATEGIES: Final[dict[str, Callable[[DeskSettings], Strategy]]] = {
    HotMomentum.name: HotMomentum,
    Pullback.name: Pullback,
}


def build(name: str, settings: DeskSettings) -> Strategy:
    """Make the strategy of this name. Raises SettingsError when there is none."""
    if name not in STRATEGIES:
        raise SettingsError(f"`strategy`: expected one of {', '.join(sorted(STRATEGIES))}, was {name!r}")
    return STRATEGIES[name](settings)


__all__ = ["STRATEGIES", "Strategy", "build"]
