"""The alarm's level: learned from history as if it had been live, braked on wild days, indifferent to cuts."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from contracts.settings import DeskSettings
from contracts.settings.discovery import AlarmSettings, CandidateSettings, RankingSettings
from flows.discovery_measure.candles import load_candles, panel_from_frame
from flows.discovery_measure.program import _piece, bar_ages, rolling_quote_volume, run_program
from operators.alarm_level import PAST, AlarmLevel, AlarmLevelState, alarm_rules, fade, follow, level, lower, ring
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.ranking import Ranking
from operators.slices import SECOND, HistoryBars, Slice
from tests.builders import market_log
from tests.checks import Ran, check_laws, run
from tests.recorded import recorded

OWN = AlarmSettings()
LEAST_SPEED = RankingSettings().least_speed
RULES = alarm_rules(OWN, LEAST_SPEED)


def steps(settings: DeskSettings) -> list[Any]:
    return [Frame(settings), FreshnessGate(settings), AnomalyDetector(settings), Candidates(settings)]


def unreachable(history_least_min: int) -> DeskSettings:
    """Settings whose level before a market's own is known lets nothing ring."""
    alarm = AlarmSettings(start=0.0, per_day_per_100=4000.0, history_least_min=history_least_min)
    return DeskSettings(candidates=CandidateSettings(alarm=alarm))


def alarms(ran: Ran) -> int:
    return sum(json.loads(message.value)["type"] == "alarm" for message in ran.facts)


def test_the_laws_hold_while_history_is_learned() -> None:
    settings = unreachable(40)
    log = market_log(200, symbols=8, history_minutes=60)
    assert alarms(check_laws(lambda: steps(settings), log, seed=3, settings=settings))


def test_history_that_is_too_short_teaches_nothing() -> None:
    settings = unreachable(90)
    log = market_log(200, symbols=8, history_minutes=60)
    assert not alarms(run(lambda: steps(settings), log, settings=settings))


def test_an_alarm_lifts_the_level_and_the_lift_fades() -> None:
    state = AlarmLevelState(threshold=np.array([-2.5]))
    for _ in range(10):  # a day's wanted alarms at once
        ring(100, state.threshold, state.lift, state.level_marks, RULES)
    lasting = -2.5 + 10 * OWN.step
    assert level(state.threshold, state.lift) == pytest.approx(lasting + OWN.brake)
    fade(OWN.brake_h * 3600, state.lift, RULES)
    assert level(state.threshold, state.lift) == pytest.approx(lasting + OWN.brake / np.e)


def test_the_threshold_follows_the_hotter_coins_once_their_level_is_known_and_a_market_that_stands_still_never() -> None:
    state = AlarmLevelState(threshold=np.array([-2.0]))
    calm = np.linspace(-9.0, -4.0, 101)

    def minutes(count: int, scores: np.ndarray) -> None:
        for _ in range(count):
            follow(scores.copy(), len(scores), state.market, state.threshold, state.level_marks, RULES)

    minutes(OWN.market_min, calm)
    assert state.market[0] == pytest.approx(np.quantile(calm, OWN.market_part))
    assert state.threshold[0] == -2.0
    minutes(10 * OWN.market_min, calm + np.log(4.0))  # four times as fast
    assert state.threshold[0] == pytest.approx(-2.0 + np.log(4.0), abs=0.001)
    before = state.threshold[0]
    minutes(10, np.full(101, np.log(LEAST_SPEED)))
    assert state.threshold[0] == before


def test_time_without_an_alarm_lowers_the_threshold_ever_faster() -> None:
    state = AlarmLevelState(threshold=np.array([0.0]))
    fallen = []
    for _ in range(24):
        before = state.threshold[0]
        lower(3600, 100, state.threshold, state.level_marks, RULES)
        fallen.append(before - state.threshold[0])
    assert fallen[0] == pytest.approx(OWN.step * 10 / 24)
    assert all(later >= earlier for earlier, later in pairwise(fallen))
    assert fallen[-1] > 10 * fallen[0]


def test_a_day_of_history_leads_to_the_level_that_the_live_day_led_to() -> None:
    panel = load_candles(recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet"))
    settings = DeskSettings()
    live = run_program(panel, settings).threshold
    ranking = Ranking(settings.candidates.ranking)
    teacher = AlarmLevel(OWN, ranking.rules, ranking.horizons, 0.0)
    for day in (1, 2, 4, 5):
        state = AlarmLevelState()
        state.reserve(len(panel.symbols))
        span = slice(day * PAST - PAST, day * PAST)
        for symbol in range(len(panel.symbols)):
            close = panel.close[span, symbol]
            known = ~np.isnan(close)
            zeros = np.zeros(int(known.sum()))
            ts_open = panel.open_ms[span][known] * 1_000_000
            bars = HistoryBars(0, symbol, 60, ts_open, zeros, zeros, zeros, close[known], zeros, zeros, zeros)
            teacher.learn(state, bars, int(panel.open_ms[day * PAST]) * 1_000_000 + SECOND)
        first = int(panel.open_ms[day * PAST]) // 1000
        nobody = np.zeros(len(panel.symbols), dtype=np.uint8)
        teacher.rehearse(state, first, nobody, np.ones(len(panel.symbols)))
        assert abs(level(state.threshold, state.lift) - live[day * PAST]) < 0.3


def test_a_clock_that_is_set_back_by_days_lifts_no_level() -> None:
    def day(start_ms: int) -> Slice:
        close = np.exp(np.linspace(0.0, 0.01, 90))
        panel = panel_from_frame(
            pl.concat(
                pl.DataFrame(
                    {
                        "symbol": [name] * 90, "ts_ms": start_ms + 60_000 * np.arange(90), "open": close, "high": close, "low": close,
                        "close": close, "volume": np.full(90, 1e6),
                    }
                )
                for name in ("AAAUSDT", "BBBUSDT")
            )
        )  # fmt: skip
        return _piece(panel, rolling_quote_volume(panel), *bar_ages(panel), 0, 90)

    step = Candidates(DeskSettings())
    state = step.start()
    step.step(state, day(1_617_321_600_000 + 20 * 86_400_000))
    state.lift[0] = 1.0
    before = state.threshold[0]
    step.step(state, day(1_617_321_600_000))
    assert 0.0 < state.lift[0] <= 1.0
    assert abs(state.threshold[0] - before) < 1.0

