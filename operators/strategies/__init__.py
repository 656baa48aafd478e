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


def build(settings: DeskSettings) -> list[Strategy]:
    """Make the acting strategy and those in shadow, each once, in this order.

    Raises SettingsError, with the path, for a name that no strategy has, and for options that are wrong, of whichever strategy.
    """
    own = settings.strategy
    named = [("strategy.name", own.name)]
    named += [(f"strategy.shadow[{number}]", name) for number, name in enumerate(own.shadow)]
    named += [(f"strategy.options.{name}", name) for name in own.options]
    for path, name in named:
        if name not in STRATEGIES:
            raise SettingsError(f"`{path}`: expected one of {', '.join(sorted(STRATEGIES))}, was {name!r}")
    made = {name: STRATEGIES[name](settings) for _, name in named}
    return [made[name] for name in dict.fromkeys([own.name, *own.shadow])]


__all__ = ["STRATEGIES", "Strategy", "build"]
