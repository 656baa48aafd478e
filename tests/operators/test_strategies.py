"""Strategies and their options: what exists, and in which range, is known here alone."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from contracts.errors import SettingsError
from contracts.settings import DeskSettings
from contracts.settings.trading import StrategySettings
from operators.strategies import STRATEGIES, build
from operators.strategies.hot_momentum import HotMomentumOptions
from operators.strategies.pullback import PullbackOptions

OPTIONS: dict[str, Any] = {"hot_momentum": HotMomentumOptions, "pullback": PullbackOptions}
FAMILIES = ("trend", "momentum", "mean_reversion", "breakout", "volume", "order_flow")


def asked(**strategy: Any) -> DeskSettings:
    return DeskSettings(strategy=StrategySettings(**strategy))


def test_the_acting_strategy_comes_first_and_each_once() -> None:
    made = build(asked(name="pullback", shadow=["hot_momentum", "pullback"]))
    assert [strategy.name for strategy in made] == ["pullback", "hot_momentum"]


@pytest.mark.parametrize(
    ("strategy", "path"),
    [
        ({"name": "moon"}, "strategy.name"),
        ({"shadow": ["pullback", "moon"]}, "strategy.shadow[1]"),
        ({"options": {"moon": {}}}, "strategy.options.moon"),
    ],
)
def test_a_name_that_no_strategy_has_is_refused_with_its_path(strategy: dict[str, Any], path: str) -> None:
    with pytest.raises(SettingsError) as error:
        build(asked(**strategy))
    assert str(error.value) == f"`{path}`: expected one of hot_momentum, pullback, was 'moon'"


@pytest.mark.parametrize(
    ("name", "option"), [(name, field) for name, kind in OPTIONS.items() for field in kind.__struct_fields__], ids=str
)
def test_every_option_is_finite_and_has_a_range_whether_its_strategy_decides_or_not(name: str, option: str) -> None:
    assert set(OPTIONS) == set(STRATEGIES)
    other = next(each for each in STRATEGIES if each != name)
    for value in (math.nan, math.inf, -math.inf, -1e300, 1e300):
        for acting in (name, other):
            with pytest.raises(SettingsError, match=rf"`strategy\.options\.{name}\.{option}`"):
                build(asked(name=acting, options={name: {option: value}}))


@pytest.mark.parametrize("option", [*FAMILIES, "weight_1m", "weight_5m", "weight_15m"])
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_a_weight_below_zero_is_refused(name: str, option: str) -> None:
    with pytest.raises(SettingsError, match=rf"at `strategy\.options\.{name}\.{option}`, was -0\.1"):
        build(asked(options={name: {option: -0.1}}))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_a_strategy_in_which_nothing_weighs_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"`strategy\.options\.{name}`: expected a weight above 0"):
        build(asked(options={name: dict.fromkeys(FAMILIES, 0.0)}))


def test_a_rest_of_no_size_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"`strategy\.options\.pullback\.dip_min`: expected up to dip_max \(0\.03\), was 0\.05"):
        build(asked(options={"pullback": {"dip_min": 0.05}}))


def test_an_unknown_option_is_refused_with_its_path() -> None:
    with pytest.raises(SettingsError, match=r"`moon` - at `strategy\.options\.hot_momentum`"):
        build(asked(options={"hot_momentum": {"moon": 1.0}}))


def test_the_options_of_a_strategy_are_numbers_that_the_settings_may_hold() -> None:
    for name, kind in OPTIONS.items():
        defaults = {field: float(getattr(kind(), field)) for field in kind.__struct_fields__}
        held = msgspec.convert({"options": {name: defaults}}, StrategySettings)
        assert build(DeskSettings(strategy=held))
