"""Indicators against the recorded values of another library, and the rules all of them share."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.indicators import Indicators, IndicatorSettings, IndicatorState, Out
from operators.indicators.layout import VOLUME_WINDOW
from operators.slices import F8, I8, SECOND
from tests.recorded import recorded

DAY = 86_400 * SECOND

# output -> (file, field). The recorded values have 15 to 17 digits; sums in another order differ in the last two.
ORACLES = {
    Out.EMA: ("ema", "ema"),
    Out.RSI: ("rsi", "rsi"),
    Out.MACD: ("macd", "macd"),
    Out.MACD_SIGNAL: ("macd", "signal"),
    Out.MACD_HISTOGRAM: ("macd", "histogram"),
    Out.BOLLINGER_MIDDLE: ("bb", "sma"),
    Out.BOLLINGER_UPPER: ("bb", "upperBand"),
    Out.BOLLINGER_LOWER: ("bb", "lowerBand"),
    Out.ATR: ("atr", "atr"),
    Out.PLUS_DI: ("adx", "pdi"),
    Out.MINUS_DI: ("adx", "mdi"),
    Out.ADX: ("adx", "adx"),
    Out.STOCHASTIC_K: ("stoch", "oscillator"),
    Out.STOCHASTIC_D: ("stoch", "signal"),
    Out.OBV: ("obv", "obv"),
    Out.VWAP: ("vwap", "vwap"),
    Out.DONCHIAN_UPPER: ("donchian", "upperBand"),
    Out.DONCHIAN_LOWER: ("donchian", "lowerBand"),
    Out.KELTNER_UPPER: ("keltner", "upperBand"),
    Out.KELTNER_LOWER: ("keltner", "lowerBand"),
    Out.SUPERTREND: ("supertrend", "superTrend"),
    Out.CMF: ("cmf", "cmf"),
    Out.MFI: ("mfi", "mfi"),
    Out.ROC: ("roc", "roc"),
}


def quotes(path: Path) -> tuple[I8, F8, F8, F8, F8]:
    """Open times counted in days (the exchange's holidays are no holes), highs, lows, closes, volumes."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    start = int(datetime(2017, 1, 3, tzinfo=UTC).timestamp()) * SECOND
    ts = start + np.arange(len(rows), dtype=np.int64) * DAY
    high, low, close, volume = (
        np.array([float(row[name]) for row in rows]) for name in ("high", "low", "close", "volume")
    )
    return ts, high, low, close, volume


@pytest.fixture(scope="module")
def daily() -> tuple[I8, F8, F8, F8, F8]:
    return quotes(recorded("indicator_oracles/skender/quotes/default.csv"))


@pytest.fixture(scope="module")
def outputs(daily: tuple[I8, F8, F8, F8, F8]) -> F8:
    """(bars, outputs) of the whole recording."""
    indicators = Indicators(86_400, IndicatorSettings(vwap_session_s=0))
    state = indicators.start()
    rows = []
    for ts, *bar in zip(*daily, strict=True):
        indicators.advance(state, int(ts), *(np.array([x]) for x in bar))
        rows.append(state.values[:, 0].copy())
    return np.array(rows)


@pytest.mark.parametrize("out", ORACLES, ids=lambda out: out.name.lower())
def test_equals_the_recorded_value_on_every_bar_and_is_silent_before_it(out: Out, outputs: F8) -> None:
    name, field = ORACLES[out]
    rows = json.loads(recorded(f"indicator_oracles/skender/results/{name}.standard.json").read_text())
    expected = np.array([math.nan if row[field] is None else float(row[field]) for row in rows])
    np.testing.assert_array_equal(np.isnan(outputs[:, out]), np.isnan(expected))
    np.testing.assert_allclose(outputs[:, out], expected, rtol=1e-12, atol=1e-10, equal_nan=True)


def test_every_output_has_an_oracle_but_the_side_of_supertrend() -> None:
    assert set(Out) - set(ORACLES) == {Out.SUPERTREND_SIDE}


def walk(bars: int, symbols: int, seed: int = 7) -> tuple[F8, F8, F8, F8]:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.004, (bars, symbols)), axis=0))
    reach = np.abs(rng.normal(0, 0.002, (2, bars, symbols)))
    return close * (1 + reach[0]), close * (1 - reach[1]), close, rng.gamma(2.0, 50.0, (bars, symbols))


def run(indicators: Indicators, bars: tuple[F8, F8, F8, F8], times: I8) -> IndicatorState:
    state = indicators.start()
    for b, ts in enumerate(times):
        indicators.advance(state, int(ts), *(np.ascontiguousarray(column[b]) for column in bars))
    return state


def test_symbols_do_not_touch_each_other() -> None:
    bars = walk(90, 5)
    times = np.arange(90, dtype=np.int64) * 60 * SECOND
    together = run(Indicators(60), bars, times)
    for s in range(5):
        alone = run(Indicators(60), tuple(column[:, s : s + 1] for column in bars), times)  # type: ignore[arg-type]
        np.testing.assert_array_equal(together.values[:, s], alone.values[:, 0])


def test_history_bar_by_bar_equals_the_live_path_to_the_bit() -> None:
    bars = walk(90, 1)
    times = np.arange(90, dtype=np.int64) * 60 * SECOND
    live = run(Indicators(60), bars, times)
    indicators = Indicators(60)
    state = indicators.start()
    indicators.replay(state, 0, times, *(np.ascontiguousarray(column[:, 0]) for column in bars))
    np.testing.assert_array_equal(live.values, state.values)
    np.testing.assert_array_equal(live.memory, state.memory)


def test_a_bar_without_a_price_leaves_everything_as_it_was() -> None:
    indicators = Indicators(60)
    state = run(indicators, walk(60, 1), np.arange(60, dtype=np.int64) * 60 * SECOND)
    before = state.dump()
    indicators.advance(state, 60 * 60 * SECOND, *(np.array([np.nan]) for _ in range(4)))
    after = state.dump()
    for name, value in before[2].items():
        np.testing.assert_array_equal(value, after[2][name])


def test_the_same_bar_twice_counts_once() -> None:
    indicators = Indicators(60)
    bars = walk(60, 1)
    state = run(indicators, bars, np.arange(60, dtype=np.int64) * 60 * SECOND)
    before = state.values.copy()
    indicators.advance(state, 59 * 60 * SECOND, *(np.ascontiguousarray(column[59]) for column in bars))
    np.testing.assert_array_equal(before, state.values)


@pytest.mark.parametrize(("missing", "survives"), [(0, True), (3, True), (4, False)])
def test_a_hole_of_more_than_three_bars_starts_the_symbol_over(missing: int, survives: bool) -> None:
    indicators = Indicators(60)
    bars = walk(61, 1)
    times = np.arange(61, dtype=np.int64) * 60 * SECOND
    times[60] += missing * 60 * SECOND
    state = run(indicators, bars, times)
    assert state.count[0] == (61 if survives else 1)
    assert np.isnan(state.values[Out.EMA, 0]) == (not survives)


def test_vwap_starts_anew_at_each_session() -> None:
    indicators = Indicators(3600)
    state = indicators.start()
    for hour, price in ((22, 10.0), (23, 10.0), (24, 20.0)):
        column = np.array([price])
        indicators.advance(state, hour * 3600 * SECOND, column, column, column, np.array([5.0]))
    assert state.values[Out.VWAP, 0] == 20.0


@pytest.mark.parametrize("name", ["zeros", "penny"])
def test_odd_quotes_never_give_an_infinity(name: str) -> None:
    ts, high, low, close, volume = quotes(recorded(f"indicator_oracles/skender/quotes/{name}.csv"))
    indicators = Indicators(86_400)
    state = indicators.start()
    for b in range(len(ts)):
        indicators.advance(state, int(ts[b]), high[b : b + 1], low[b : b + 1], close[b : b + 1], volume[b : b + 1])
        assert not np.isinf(state.values[:, 0]).any()


def test_periods_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="rsi"):
        IndicatorSettings(rsi=0)
    with pytest.raises(ValueError, match="macd_fast"):
        IndicatorSettings(macd_fast=30)


bar_lists = st.lists(
    st.tuples(
        st.floats(1e-8, 1e6),  # low
        st.floats(0.0, 0.5),  # range over low
        st.floats(0.0, 1.0),  # where in the range it closed
        st.sampled_from([0.0, 1e-6, 1.0, 1e9]),  # volume
        st.integers(1, 6),  # minutes since the bar before
    ),
    max_size=90,
)


@settings(max_examples=60, deadline=None)
@given(bars=bar_lists)
def test_whatever_the_bars_bounded_outputs_stay_in_their_bounds(
    bars: list[tuple[float, float, float, float, int]],
) -> None:
    indicators = Indicators(60)
    state = indicators.start()
    minute = 0
    for low, reach, at, volume, gap in bars:
        minute += gap
        high = low * (1.0 + reach)
        close = low + at * (high - low)
        indicators.advance(state, minute * 60 * SECOND, *(np.array([x]) for x in (high, low, close, volume)))
        values = state.values[:, 0]
        assert not np.isinf(values).any()
        for out in (Out.RSI, Out.PLUS_DI, Out.MINUS_DI, Out.ADX, Out.STOCHASTIC_K, Out.STOCHASTIC_D, Out.MFI):
            assert np.isnan(values[out]) or -1e-6 <= values[out] <= 100.0 + 1e-6, out.name
        assert np.isnan(values[Out.CMF]) or abs(values[Out.CMF]) <= 1.0 + 1e-9
        assert np.isnan(values[Out.BOLLINGER_UPPER]) or values[Out.BOLLINGER_UPPER] >= values[Out.BOLLINGER_LOWER]
        assert np.isnan(values[Out.DONCHIAN_UPPER]) or values[Out.DONCHIAN_UPPER] >= values[Out.DONCHIAN_LOWER]


@pytest.mark.parametrize("other", [{"ema": 200}, {"donchian": 50}, {"bollinger_width": 3.0}, {"max_missing": 1}, {"vwap_session_s": 0}])
def test_a_state_made_with_other_settings_starts_over(other: dict[str, float]) -> None:
    ts, high, low, close, volume = quotes(recorded("indicator_oracles/skender/quotes/default.csv"))
    old, new = Indicators(86_400), Indicators(86_400, IndicatorSettings(**other))  # type: ignore[arg-type]
    state, fresh = old.start(), new.start()
    old.replay(state, 0, ts[:100], high[:100], low[:100], close[:100], volume[:100])
    assert not old.adopt(state)
    assert not Indicators(86_400).adopt(IndicatorState.load(state.dump()))
    assert new.adopt(state)
    assert not new.adopt(state)
    for one in (state, fresh):
        new.replay(one, 0, ts[100:], high[100:], low[100:], close[100:], volume[100:])
    assert np.array_equal(state.values, fresh.values, equal_nan=True)
    assert state.count[0] == len(ts) - 100


def test_a_state_written_before_settings_were_kept_with_it_goes_on() -> None:
    ts, high, low, close, volume = quotes(recorded("indicator_oracles/skender/quotes/default.csv"))
    indicators = Indicators(86_400)
    state = indicators.start()
    indicators.replay(state, 0, ts, high, low, close, volume)
    name, version, values = state.dump()
    older = IndicatorState.load((name, version, {key: value for key, value in values.items() if key != "made_with"}))
    assert not indicators.adopt(older)
    assert older.count[0] == len(ts)
    assert Indicators(86_400, IndicatorSettings(donchian=50)).adopt(older)


def test_rings_hold_the_mean_volume_of_votes_however_short_the_windows() -> None:
    short = IndicatorSettings(bollinger=10, stochastic=10, donchian=10, cmf=10, mfi=10, roc=10)
    assert Indicators(60, short).start().ring.shape[1] > VOLUME_WINDOW
