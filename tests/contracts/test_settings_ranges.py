"""Every number of the settings has a range, every rule its line: path, what was expected, what was there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from contracts.errors import SettingsError
from contracts.settings import DeskSettings, Settings, parse_settings
from contracts.settings.root import SERVICES

INF, NAN = math.inf, math.nan


def tables(path: str, value: object) -> dict[str, Any]:
    """A settings file's tables with one value at a dotted path."""
    raw: Any = value
    for name in reversed(path.split(".")):
        raw = {name: raw}
    return dict(raw)


def refusal(raw: object) -> str:
    """The one line with which settings are refused."""
    with pytest.raises(SettingsError) as error:
        parse_settings(raw, "file")
    said = str(error.value)
    assert said.startswith("file: ")
    assert "\n" not in said
    return said.removeprefix("file: ")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("exits.stop_loss", [NAN, 0.0, 1.0, -0.02, INF]),
        ("exits.trailing_distance", [-0.5, 0.0, 1.0, NAN]),
        ("exits.black_swan_5m", [0.0, -1.0, NAN]),
        ("exits.feed_lost_s", [0.0, -3.0, NAN]),
        ("exits.opposite_consensus", [0.9, 0.0, -1.1, NAN]),
        ("exits.max_holding_s", [NAN, INF, 1e12, 0.0]),
        ("exits.break_even_after", [NAN, -0.1]),
        ("exits.trailing_after", [NAN, -0.1]),
        ("exits.heat_faded_s", [NAN, -1.0, 1e12]),
        ("paper.slippage_bps", [20_000.0, -1.0, NAN]),
        ("paper.assumed_spread_bps", [20_000.0, -1.0, NAN]),
        ("paper.latency_ms", [-1, 10**17]),
        ("paper.volume_share", [0.0, -1.0, INF, 1.1]),
        ("paper.cash", [NAN, INF, 0.0, -1.0]),
        ("entry.rearm_s", [INF, NAN, 1e11, -1.0]),
        ("entry.group_hold_s", [INF, NAN, 1e11]),
        ("entry.valid_s", [NAN, INF, 0.0]),
        ("entry.heat_min", [NAN, -1.0, 101.0]),
        ("entry.edge_over_cost", [NAN, -1.0]),
        ("entry.consensus_min", [NAN, 1.5]),
        ("entry.cooldown_after_loss_s", [INF, NAN, -1.0]),
        ("entry.cooldown_after_exit_s", [INF, NAN, -1.0]),
        ("size.notional", [NAN, 0.0, -5.0]),
        ("risk.daily_loss_max", [NAN, 0.0, 1.5]),
        ("risk.max_exposure", [NAN, 0.0]),
        ("risk.max_positions", [0, -1]),
        ("risk.losses_alert", [0, -3]),
        ("engine.cycle_s", [0, -5]),
        ("engine.order_errors_degraded", [0]),
        ("engine.order_errors_blocked", [0]),
        ("engine.order_errors_window_s", [NAN, INF, 0.0]),
        ("engine.recover_degraded_cycles", [0]),
        ("engine.socket_down_s", [NAN, INF]),
        ("orders.entry_ttl_s", [NAN, INF, 0.0]),
        ("orders.retry_s", [NAN, INF, 0.0, -1.0]),
        ("orders.ticker_mute_s", [NAN, -1.0]),
        ("signals.flow_half_life_bars", [0.0, NAN, INF]),
        ("signals.repeat_s", [INF, NAN, -1.0]),
        ("signals.release", [1.5, -0.1, NAN]),
        ("guards.jump_hold_s", [INF, NAN]),
        ("guards.gap_hold_s", [INF, NAN]),
        ("guards.duplicate_hold_s", [INF, NAN]),
        ("guards.jump_max", [0.0, NAN]),
        ("outlook.samples", [0, 230]),
        ("outlook.trailing", [-1, 0, 240]),
        ("outlook.recent", [0, 240, 239]),
        ("outlook.scale_max", [0.0, -1.0, 0.5, NAN]),
        ("outlook.horizon", [0, 240]),
        ("indicators.donchian", [100_000_000, 0]),
        ("indicators.bollinger_width", [NAN, 0.0]),
        ("indicators.max_missing", [-1]),
        ("model.rate", [INF, NAN, 0.0]),
        ("model.health_half_life", [INF, 0.0]),
        ("strategy.local_timezone", ["Mars/Phobos", "", "../x", "Asia"]),
        ("cockpit.time_zone", ["Mars/Phobos", ""]),
        ("frame.skew_window_s", [1e12, NAN]),
        ("anomaly.least_notional", [NAN, -1.0]),
        ("broker.address", ["nowhere", "host:", ":99", "host:0", "host:99999"]),
        ("announcements.backoff_s", [[], [0.0], [NAN]]),
        ("candidates.least_quote_volume_24h", [0.0]),
        ("candidates.ranking.near_most", [0.0, NAN]),
        ("cockpit.port", [0, 70_000]),
        ("simulator.balances.USDT", ["much", "-1", "nan"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_out_of_its_range_is_refused_with_path_range_and_value(path: str, values: list[Any]) -> None:
    for value in values:
        said = refusal(tables(path, value))
        assert f"`{path}" in said
        assert re.search(r"expected|Expected", said)
        if not isinstance(value, list):
            assert f"was {value!r}" in said


@pytest.mark.parametrize("gain", [NAN, INF, 0.0, -0.1])
def test_a_tier_of_no_gain_is_refused(gain: float) -> None:
    assert "`exits.take_profit[0][0]`" in refusal({"exits": {"take_profit": [[gain, 0.5]]}})
    assert "`markets.m.symbols.AUSDT.exits.take_profit[0][0]`" in refusal(
        {"markets": {"m": {"partition": 0, "symbols": {"AUSDT": {"exits": {"take_profit": [[gain, 0.5]]}}}}}}
    )


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (
            {"model": {"name": "none"}, "guards": {"model_required": True}},
            "`model.name`: expected a model, as `guards.model_required` asks for one, was none",
        ),
        ({"engine": {"recovery": {"MOON": [1, 2]}}}, "`engine.recovery`: expected faults (WARMING_UP, FEED_STALE, "),
        ({"engine": {"recovery": {"STARTING": [1, 2]}}}, "`engine.recovery`: expected faults"),
        (
            {"engine": {"recovery": {"LOG_GAP": [1, 2], "FEED_LOST": [3, 0]}}},
            "Expected `int` >= 1 - at `engine.recovery.FEED_LOST[1]`, was 0",
        ),
        (
            {"strategy": {"options": {"hot_momentum": {"trend": 1.0, "volume": NAN}}}},
            "`strategy.options.hot_momentum.volume`: expected a finite number, was nan",
        ),
        (
            {"strategy": {"options": {"pullback": {"trend": 1.0}, "hot_momentum": {"trend": "much"}}}},
            "at `strategy.options.hot_momentum.trend`, was 'much'",
        ),
        (
            {"markets": {"m": {"partition": 0, "symbols": {"btcusdt": {}}}}},
            "`markets.m.symbols.btcusdt`: expected a symbol in capitals, BTCUSDT, was btcusdt",
        ),
        ({"outlook": {"window": 40}}, "`outlook.samples`: expected 1..25 (what `window` leaves), was 30"),
        ({"outlook": {"medium_risk_bps": 500.0}}, "`outlook.medium_risk_bps`: expected up to high_risk_bps (400.0), was 500.0"),
        ({"simulator": {"market": {"pump_percent_min": 20.0}}}, "`simulator.market.pump_percent_min`: expected up to pump_percent_max"),
        ({"heat": {"weights": {"volume": -1.0}}}, "at `heat.weights.volume`, was -1.0"),
        ({"mentions": {"feeds": [{"name": "a", "url": "http://a", "interval_s": 0}]}}, "at `mentions.feeds[0].interval_s`, was 0"),
    ],
)
def test_values_that_do_not_go_together_are_refused_with_their_path(raw: object, says: str) -> None:
    assert says in refusal(raw)


def numbers(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, type, Callable[[Any], Any]]]:
    """(path, int or float, what makes tables with a number there) of every number that settings of this type hold."""
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        yield path, int if isinstance(kind, inspect.IntType) else float, lambda value: value
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from numbers(each, path)
    elif isinstance(kind, inspect.StructType):
        needed = {f.name: "http://x" for f in kind.fields if f.required and isinstance(f.type, inspect.StrType)}
        for field in kind.fields:
            for name, of, make in numbers(field.type, f"{path}.{field.name}" if path else field.name):
                yield name, of, lambda value, make=make, key=field.name: {**needed, key: make(value)}
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        for name, of, make in numbers(kind.item_type, f"{path}[0]"):
            yield name, of, lambda value, make=make: [make(value)]
    elif isinstance(kind, inspect.TupleType):
        for at, item in enumerate(kind.item_types):
            for name, of, make in numbers(item, f"{path}[{at}]"):
                others = [1] * len(kind.item_types)
                yield name, of, lambda value, make=make, at=at, others=others: [*others[:at], make(value), *others[at + 1 :]]
    elif isinstance(kind, inspect.DictType):
        for name, of, make in numbers(kind.value_type, f"{path}.LOG_GAP"):
            yield name, of, lambda value, make=make: {"LOG_GAP": make(value)}
    else:
        assert isinstance(kind, inspect.StrType | inspect.BoolType | inspect.NoneType | inspect.LiteralType), kind


def all_numbers() -> list[tuple[str, type, Callable[[Any], Any]]]:
    services = msgspec.inspect.type_info(Settings)
    assert isinstance(services, inspect.StructType)
    fields = {field.name: field.type for field in services.fields if field.name in SERVICES}
    found = [*numbers(inspect.type_info(DeskSettings))]
    found = [each for each in found if not each[0].startswith("symbols.")]  # entry, exits and size, which stand there too
    for section, kind in fields.items():
        for name, of, make in numbers(kind, section):
            found.append((name, of, lambda value, make=make, key=section: {key: make(value)}))
    return found


NUMBERS = all_numbers()


def test_the_walk_finds_the_numbers_of_all_sections() -> None:
    assert len(NUMBERS) > 250
    assert {"entry.heat_min", "exits.take_profit[0][1]", "engine.recovery.LOG_GAP[0]", "run.epoch_s"} <= {path for path, *_ in NUMBERS}


@pytest.mark.parametrize(("path", "of", "make"), NUMBERS, ids=[path for path, *_ in NUMBERS])
def test_every_number_is_finite_and_has_a_least_and_a_most(path: str, of: type, make: Callable[[Any], Any]) -> None:
    option = path.startswith("strategy.options.")  # the ranges of options are their strategy's
    for value in (NAN, INF, -INF, *(() if option else (of(-1e300), of(1e300)))):
        assert f"`{path}`" in refusal(make(value))
