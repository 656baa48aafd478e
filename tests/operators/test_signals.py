"""Votes and consensus."""

from __future__ import annotations

import numpy as np
import pytest

from operators.indicators import Indicators
from operators.indicators.layout import Out
from operators.signals import (
    ANCHORS,
    TIMEFRAMES,
    Family,
    agree,
    ask_all,
    breakout,
    no_anchors,
    no_votes,
    remember_flow,
    vote_all,
)
from operators.slices import F8, SECOND
from operators.strategies.interface import weigh

WEIGHTS = weigh("test", dict.fromkeys(Family, 1.0), (0.5, 0.3, 0.2))
NO_FLOW = (np.zeros((2, 72)), np.zeros((3, 2, 72)))


def asked(
    votes: F8, anchors: F8, minute: F8, flow: F8, price: float, family: Family, volume: float = 0.0
) -> tuple[float, float]:
    """The 1m vote and confidence of a family at this second's price."""
    now, sure = np.empty((6, 3)), np.empty((6, 3))
    ask_all(votes, anchors, minute, flow, 0, price, volume, now, sure)
    return float(now[family, 0]), float(sure[family, 0])


def votes_after(closes: F8, volume: F8 | None = None) -> tuple[F8, F8, F8]:
    """Votes, anchors and indicator values of one coin after one-minute bars with these closes."""
    indicators = Indicators(60)
    state = indicators.start()
    volume = volume if volume is not None else np.full(len(closes), 100.0)
    times = np.arange(len(closes), dtype=np.int64) * 60 * SECOND
    reach = 0.001 * closes
    indicators.replay(state, 0, times, closes + reach, closes - reach, closes, volume)
    votes, anchors = no_votes(), no_anchors()
    vote_all(state.values, state.memory, state.ring, state.count, 0, votes, anchors)
    return votes, anchors, state.values[:, 0]


def test_a_steady_rise_is_voted_up_and_its_mirror_down() -> None:
    rise = 100.0 * np.exp(np.linspace(0.0, 0.3, 80))
    up, _, _ = votes_after(rise)
    down, _, _ = votes_after(100.0 * np.exp(-np.linspace(0.0, 0.3, 80)))
    for family in (Family.TREND, Family.MOMENTUM, Family.BREAKOUT, Family.VOLUME):
        assert up[0, family, 0, 0] >= 0.0 >= down[0, family, 0, 0]
    assert up[0, Family.TREND, 0, 0] > 0.8
    assert down[0, Family.TREND, 0, 0] < -0.8


def test_mean_reversion_votes_against_a_spike() -> None:
    calm = 100.0 + 0.05 * np.sin(np.arange(60.0))
    assert votes_after(np.append(calm, 103.0))[0][0, Family.MEAN_REVERSION, 0, 0] <= -0.5
    assert votes_after(np.append(calm, 97.0))[0][0, Family.MEAN_REVERSION, 0, 0] >= 0.5


def test_votes_stay_absent_until_their_indicators_are_warm() -> None:
    votes, _, _ = votes_after(np.linspace(100.0, 101.0, 12))
    assert np.isnan(votes[0, : Family.ORDER_FLOW, 0, 0]).all()
    assert np.isnan(votes[0, :, 1:, 0]).all()


def test_trend_is_its_formula_of_the_indicators() -> None:
    rng = np.random.default_rng(5)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, 90)))
    votes, _, v = votes_after(closes)
    away = closes[-1] - v[Out.EMA]
    share = (v[Out.PLUS_DI] - v[Out.MINUS_DI]) / (v[Out.PLUS_DI] + v[Out.MINUS_DI])
    expected = 0.4 * v[Out.SUPERTREND_SIDE] + 0.3 * away / (abs(away) + v[Out.ATR]) + 0.3 * share
    assert votes[0, Family.TREND, 0, 0] == pytest.approx(expected)
    assert votes[1, Family.TREND, 0, 0] == pytest.approx(np.clip(v[Out.ADX] / 50.0, 0.2, 1.0))


@pytest.mark.parametrize(
    ("close", "vote"), [(99.0, 0.0), (101.0, 0.5), (101.5, 0.75), (104.0, 1.0), (97.0, -0.5), (90.0, -1.0)]
)
def test_breakout_grows_with_the_distance_beyond_the_channel(close: float, vote: float) -> None:
    above = close + 1e-9 if close == 101.0 else close - 1e-9 if close == 97.0 else close
    assert breakout(above, 101.0, 97.0, 2.0) == pytest.approx(vote, abs=1e-6)


def test_every_vote_and_confidence_stays_in_its_range() -> None:
    rng = np.random.default_rng(11)
    for _ in range(30):
        closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, rng.uniform(1e-5, 0.05), 60)))
        votes, anchors, _ = votes_after(closes, rng.gamma(0.3, 100.0, 60))
        now, sure = np.empty((6, 3)), np.empty((6, 3))
        ask_all(votes, anchors, *NO_FLOW, 0, closes[-1] * rng.uniform(0.8, 1.2), 500.0, now, sure)
        known = ~np.isnan(now)
        assert known.any()
        assert np.abs(now[known]).max() <= 1.0
        assert sure[known].min() >= 0.2
        assert sure[known].max() <= 1.0


def test_order_flow_is_bought_less_sold_over_both_and_forgets_by_half() -> None:
    minute, flow = np.zeros((2, 1)), np.zeros((3, 2, 1))
    keep = np.array([0.5, 1.0, 1.0])
    minute[:, 0] = 300.0, 100.0
    assert asked(no_votes(), no_anchors(), minute, flow, 1.0, Family.ORDER_FLOW)[0] == 0.5
    remember_flow(minute, flow, keep)
    minute[:, 0] = 0.0, 400.0
    remember_flow(minute, flow, keep)
    assert flow[0, :, 0].tolist() == [150.0, 450.0]
    assert asked(no_votes(), no_anchors(), minute, flow, 1.0, Family.ORDER_FLOW) == (-0.5, 1.0)


def test_without_trades_order_flow_is_absent() -> None:
    assert np.isnan(asked(no_votes(), no_anchors(), *NO_FLOW, 1.0, Family.ORDER_FLOW)[0])


def test_between_closes_trend_and_momentum_lean_on_the_price_of_this_second() -> None:
    votes, anchors, _ = votes_after(100.0 + 0.05 * np.sin(np.arange(60.0)))
    at = [asked(votes, anchors, *NO_FLOW, price, Family.MOMENTUM)[0] for price in (97.0, 100.0, 103.0)]
    assert at[0] < -0.8 < 0.8 < at[2]
    assert at[0] < at[1] < at[2]


def test_consensus_is_the_mean_weighted_by_weight_and_confidence() -> None:
    now, sure = np.full((6, 3), np.nan), np.full((6, 3), np.nan)
    now[Family.TREND, 0], sure[Family.TREND, 0] = 1.0, 0.5
    now[Family.VOLUME, 1], sure[Family.VOLUME, 1] = -0.5, 1.0
    consensus, confidence = agree(now, sure, WEIGHTS)
    assert consensus == pytest.approx((0.5 * 0.5 * 1.0 - 0.3 * 1.0 * 0.5) / (0.5 * 0.5 + 0.3))
    assert confidence == pytest.approx((0.25 + 0.3) / WEIGHTS.sum())


def test_nobody_voting_is_no_consensus() -> None:
    assert agree(np.full((6, 3), np.nan), np.full((6, 3), np.nan), WEIGHTS) == (0.0, 0.0)


def test_anchors_hold_what_the_votes_lean_on() -> None:
    closes = np.linspace(100.0, 110.0, 60)
    _, anchors, values = votes_after(closes)
    assert anchors.shape[:2] == (len(TIMEFRAMES), ANCHORS)
    assert anchors[0, 0, 0] == closes[-1]
    assert anchors[0, 1, 0] == values[Out.ATR]
    assert anchors[0, 2, 0] == pytest.approx(closes[-1] * 1.001)
