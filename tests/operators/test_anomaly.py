"""Anomalies: the laws, the formula against numpy and scipy, and what must never read as one."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from contracts.settings import DeskSettings
from contracts.settings.discovery import AnomalySettings
from operators import anomaly_walk as walking
from operators.anomaly import AnomalyDetector, AnomalyState
from operators.frame import Frame
from operators.robust import median
from operators.slices import SECOND
from tests.builders import history, market_log, tickers, trade
from tests.checks import check_laws, run

SETTINGS = DeskSettings()


def chain() -> list[Any]:
    return [Frame(SETTINGS), AnomalyDetector(SETTINGS)]


def anomalies(ran: Any) -> list[dict[str, Any]]:
    found = [json.loads(message.value) for message in ran.facts if message.topic == "candidate_snapshot.v1"]
    return [fact for fact in found if fact["type"] == "anomaly"]


def ticker_log(
    seconds: int, pumped: range = range(0), *, jump: float = 1.0, silent: range = range(0), reset_at: int | None = None
) -> list[bytes]:
    """Three calm coins from a warm history; the first trades 60 times as much while `pumped`, and steps to `jump` times its price."""
    rng = np.random.default_rng(3)
    log = [history(name, 90, 100.0) for name in ("AAAUSDT", "BBBUSDT", "CCCUSDT")]
    volumes = np.array([5e7, 5e7, 5e7])
    prices = np.array([100.0, 100.0, 100.0])
    for second in range(seconds):
        traded = 500.0 * rng.lognormal(0.0, 0.3, 3)
        if second in pumped:
            traded[0] *= 60.0
        volumes += traded
        prices *= np.exp(rng.normal(0.0, 0.00005, 3))
        if pumped and second == pumped.start:
            prices[0] *= jump
        if reset_at == second:
            volumes -= 4e7
        if second not in silent:
            rows = [
                (name, float(prices[n]), float(volumes[n])) for n, name in enumerate(("AAAUSDT", "BBBUSDT", "CCCUSDT"))
            ]
            log.append(tickers(second + 0.9, rows))
    return log


def test_the_laws_hold() -> None:
    ran = check_laws(chain, market_log(330, history_minutes=70), seed=4)
    assert anomalies(ran)


def test_a_surge_is_found_with_its_measure_distance_and_beginning() -> None:
    found = anomalies(run(chain, ticker_log(120, range(80, 120))))
    assert {fact["symbol"] for fact in found} == {"AAAUSDT"}
    volume = next(fact for fact in found if fact["measure"] == "volume_1m")
    assert volume["score"] >= volume["threshold"]
    assert volume["since"] <= volume["ts_event"]
    assert volume["value"] == pytest.approx(sum([500.0] * 60), rel=20)


def test_a_jump_in_price_is_found_up_and_down() -> None:
    up = anomalies(run(chain, ticker_log(120, range(80, 81), jump=1.03)))
    down = anomalies(run(chain, ticker_log(120, range(80, 81), jump=0.97)))
    assert any(fact["measure"] == "change_1m" and fact["score"] > 6 for fact in up)
    assert any(fact["measure"] == "change_1m" and fact["score"] < -6 for fact in down)


def test_calm_coins_raise_nothing() -> None:
    assert anomalies(run(chain, ticker_log(200))) == []


def test_the_daily_reset_of_the_24_hour_volume_is_no_surge() -> None:
    assert anomalies(run(chain, ticker_log(200, reset_at=100))) == []


def test_a_feed_gap_is_warmed_up_over_not_exploded_on() -> None:
    silent = range(70, 470)
    found = anomalies(run(chain, ticker_log(900, range(400, 401), jump=1.3, silent=silent)))
    assert found == []


def test_a_coin_without_history_is_silent_until_it_has_samples() -> None:
    rng = np.random.default_rng(0)
    log = [
        trade(
            second + 0.5,
            price=100.0 * (1.1 if second == 400 else 1.0),
            quantity=float(rng.lognormal(3.0, 0.3)),
            trade_id=second,
        )
        for second in range(500)
    ]
    assert anomalies(run(chain, log)) == []


def test_the_cooldown_keeps_one_measure_of_one_coin_quiet() -> None:
    found = anomalies(run(chain, ticker_log(290, range(80, 290))))
    for measure in {fact["measure"] for fact in found}:
        times = [fact["ts_event"] // SECOND for fact in found if fact["measure"] == measure]
        assert all(b - a >= SETTINGS.anomaly.cooldown_s for a, b in pairwise(times))


def test_coins_do_not_influence_each_other() -> None:
    log = ticker_log(120, range(80, 120))
    alone = [message for message in log if b"klines" not in message or b"AAAUSDT" in message]
    assert anomalies(run(chain, alone)) == [
        {**fact, "offset": fact["offset"] - 2} for fact in anomalies(run(chain, log))
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 20, 59, 60])
def test_the_median_equals_numpys(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(200):
        values = np.round(rng.normal(size=count), 1)
        assert median(values.copy(), count) == np.median(values)


def test_middle_and_scale_equal_scipys_median_and_mad() -> None:
    rng = np.random.default_rng(1)
    samples = rng.lognormal(size=(walking.COUNT, walking.SAMPLES, 7)).astype(np.float32)
    samples[2, :30, 3] = np.nan
    middle = np.empty((walking.COUNT, 7))
    scale = np.empty((walking.COUNT, 7))
    lower, upper = np.empty_like(middle), np.empty_like(middle)
    walking.refresh(samples, 20.0, 6.0, np.zeros(walking.COUNT), middle, scale, lower, upper, 7)
    wide = samples.astype(np.float64)
    np.testing.assert_allclose(middle, np.nanmedian(wide, axis=1), rtol=1e-12)
    expected = stats.median_abs_deviation(wide, axis=1, scale=1 / 1.4826, nan_policy="omit")
    np.testing.assert_allclose(scale, expected, rtol=1e-12)
    np.testing.assert_allclose(upper[walking.SPREAD], middle[walking.SPREAD] + 6.0 * scale[walking.SPREAD], rtol=1e-8)
    volumes = [walking.VOLUME_1S, walking.VOLUME_1M, walking.VOLUME_5M, walking.TRADE_RATE]
    np.testing.assert_allclose(np.log1p(upper[volumes]), (middle + 6.0 * scale)[volumes], rtol=1e-8)


def test_a_measure_equals_its_formula_recomputed_from_the_frames() -> None:
    ran = run(chain, ticker_log(200, range(150, 200)))
    piece = ran.pieces[0]
    frames, block = piece.frames, piece.anomaly
    assert frames is not None
    assert block is not None
    at = 180
    expected = np.log(frames.close[at] / frames.close[at - 60])
    np.testing.assert_allclose(block.change_1m[at], expected, rtol=1e-9)
    fact = next(one for one in anomalies(ran) if one["measure"] == "volume_1m")
    second = int(np.flatnonzero(frames.ts_open + SECOND == fact["ts_event"])[0])
    column = piece.symbols.index(fact["symbol"])
    assert fact["value"] == pytest.approx(frames.quote_volume[second - 59 : second + 1, column].sum(), rel=1e-6)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="threshold"):
        msgspec.convert({"threshold": -1.0}, AnomalySettings)


def test_growth_keeps_what_was_known() -> None:
    state = AnomalyState()
    state.sums[0, 3] = 5.0
    state.reserve(100)
    assert state.sums.shape[-1] == 128
    assert state.sums[0, 3] == 5.0
    assert np.isnan(state.closes[:, 64:]).all()
