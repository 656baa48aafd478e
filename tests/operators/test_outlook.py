"""Expected edge and risk against a plain computation of the same definition."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.settings.decisions import OutlookSettings
from operators.outlook import CLOSE_1M, CLOSE_5M, EDGE, RISK, SAMPLES, SCALE, Outlook, look, remember
from operators.slices import F8


def market(bars: int, seed: int = 1) -> tuple[F8, F8, F8]:
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, bars)))
    return close * (1 + rng.uniform(0, 0.002, bars)), close * (1 - rng.uniform(0, 0.002, bars)), close


def known(settings: OutlookSettings, high: F8, low: F8, close: F8) -> F8:
    outlook = Outlook(settings)
    state = outlook.start()
    outlook.replay(state, 0, high, low, close)
    look(state.count, state.bars, state.asked, state.known, 0, outlook.whole, outlook.parts)
    return state.known[:, 0].copy()


def plain(settings: OutlookSettings, high: F8, low: F8, close: F8) -> tuple[float, float, float, int]:
    high, low, close = high[-settings.window :], low[-settings.window :], close[-settings.window :]
    moves = np.abs(np.diff(close) / close[:-1])
    scale = moves[-settings.recent :].mean() / moves.mean()
    scale = min(max(scale, 1.0 / settings.scale_max), settings.scale_max)
    h, n = settings.horizon, len(close)
    direction = 1.0 if close[-1] >= close[-1 - settings.trailing] else -1.0
    starts = [i for i in range(settings.trailing, n - h) if direction * (close[i] - close[i - settings.trailing]) > 0.0]
    if len(starts) < settings.samples:
        starts = list(range(n - h))
    gains = [high[i + 1 : i + 1 + h].max() / close[i] - 1.0 for i in starts]
    losses = [1.0 - low[i + 1 : i + 1 + h].min() / close[i] for i in starts]
    gains = np.maximum(gains, 0.0)
    losses = np.maximum(losses, 0.0)
    edge = scale * np.quantile(gains, settings.edge_quantile)
    return scale, edge, scale * np.quantile(losses, settings.risk_quantile), len(starts)


@pytest.mark.parametrize("bars", [60, 120, 240, 400])
@pytest.mark.parametrize("seed", range(3))
def test_edge_and_risk_equal_the_definition_computed_plainly(bars: int, seed: int) -> None:
    settings = OutlookSettings()
    told = known(settings, *market(bars, seed))
    scale, edge, risk, samples = plain(settings, *market(bars, seed))
    assert told[SCALE] == pytest.approx(scale)
    assert told[EDGE] == pytest.approx(edge)
    assert told[RISK] == pytest.approx(risk)
    assert told[SAMPLES] == samples


def test_too_few_bars_tell_nothing() -> None:
    told = known(OutlookSettings(), *market(40))
    assert np.isnan(told[[SCALE, EDGE, RISK]]).all()


def test_the_closes_of_minutes_before_are_held() -> None:
    high, low, close = market(60)
    told = known(OutlookSettings(), high, low, close)
    assert told[CLOSE_1M] == close[-2]
    assert told[CLOSE_5M] == close[-6]


def test_shares_of_the_past_that_reached_a_gain_or_a_loss() -> None:
    settings = OutlookSettings(scale_max=1.0)
    outlook = Outlook(settings)
    state = outlook.start()
    high, low, close = market(200)
    outlook.replay(state, 0, high, low, close)
    look(state.count, state.bars, state.asked, state.known, 0, outlook.whole, outlook.parts)
    won, lost = outlook.reach(state, 0, 0.004, 0.003)
    h = settings.horizon
    starts = range(len(close) - h)
    assert won == pytest.approx(np.mean([high[i + 1 : i + 1 + h].max() / close[i] - 1 >= 0.004 for i in starts]))
    assert lost == pytest.approx(np.mean([1 - low[i + 1 : i + 1 + h].min() / close[i] >= 0.003 for i in starts]))


def test_a_horizon_longer_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon"):
        OutlookSettings(window=10, horizon=10)


@pytest.mark.parametrize(("before", "after", "bars"), [(60, 200, 400), (240, 100, 400), (240, 100, 70), (100, 240, 50)])
def test_a_state_made_with_another_window_goes_on_with_the_bars_both_hold(before: int, after: int, bars: int) -> None:
    old, new = OutlookSettings(window=before), OutlookSettings(window=after)
    first, second = Outlook(old), Outlook(new)
    high, low, close = market(bars + 300)
    state = first.start()
    first.replay(state, 0, high[:bars], low[:bars], close[:bars])
    assert second.adopt(state)
    assert not second.adopt(state)
    assert state.count[0] == min(before, after, bars)
    seen = np.full(64, 2)
    for i in range(bars, bars + 300):
        remember(state.count, state.bars, seen, 0, high[i], low[i], close[i])
    look(state.count, state.bars, state.asked, state.known, 0, second.whole, second.parts)
    assert np.array_equal(state.known[:, 0], known(new, high, low, close), equal_nan=True)


def test_other_quantiles_are_told_at_once() -> None:
    first, second = Outlook(OutlookSettings()), Outlook(OutlookSettings(risk_quantile=0.9))
    high, low, close = market(240)
    state = first.start()
    first.replay(state, 0, high, low, close)
    look(state.count, state.bars, state.asked, state.known, 0, first.whole, first.parts)
    assert second.adopt(state)
    look(state.count, state.bars, state.asked, state.known, 0, second.whole, second.parts)
    assert np.array_equal(state.known[:, 0], known(second.settings, high, low, close), equal_nan=True)
