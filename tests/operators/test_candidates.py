"""The pool: laws, life cycle, filters, the score against an independent computation, the adaptive threshold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from contracts.errors import InvalidTransition
from contracts.settings import DeskSettings
from contracts.settings.discovery import AlarmSettings, CandidateSettings
from flows.discovery_measure.candles import Panel, load_candles
from flows.discovery_measure.program import run_program
from operators import candidates as module
from operators.anomaly import AnomalyDetector
from operators.candidates import TRANSITIONS, Candidates, Stage, Trigger, dense
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.heat import Heat
from tests.builders import market_log, tickers
from tests.checks import Ran, check_laws, run
from tests.recorded import recorded

SETTINGS = DeskSettings()


def steps(settings: DeskSettings) -> list[Any]:
    return [Frame(settings), FreshnessGate(settings), AnomalyDetector(settings), Candidates(settings)]


def chain() -> list[Any]:
    return steps(SETTINGS)


def told(ran: Ran, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(message.value) for message in ran.facts]
    return [fact for fact in found if fact["type"] == kind]


def with_heat(settings: DeskSettings) -> Any:
    return lambda: [*steps(settings), Heat(settings)]


def quick(**changes: Any) -> DeskSettings:
    """Settings under which the small market's pump is an alarm."""
    alarm = AlarmSettings(start=-4.0, **changes.pop("alarm", {}))
    return DeskSettings(candidates=CandidateSettings(alarm=alarm, **changes))


def test_the_laws_hold() -> None:
    settings = quick()
    ran = check_laws(lambda: steps(settings), market_log(260, symbols=8, history_minutes=60), seed=2, settings=settings)
    assert told(ran, "score_bar")
    assert told(ran, "alarm")


def test_a_pumped_coin_walks_through_the_stages_in_order_and_stays_its_least_times() -> None:
    settings = quick(calm_s=20, hot_s=40, cooling_s=60)
    ran = run(with_heat(settings), market_log(700, symbols=8, dirty=False, history_minutes=60), settings=settings)
    moves = [fact for fact in told(ran, "stage_changed") if fact["symbol"] == "C01USDT"]
    walked = [moves[0]["previous"], *(fact["stage"] for fact in moves)]
    assert walked[:6] == ["out", "new", "watching", "hot", "cooling", "watching"]
    least = {"new": 5, "watching": 5, "hot": 40, "cooling": 60}
    for entered, left in pairwise(moves):
        assert entered["stage"] == left["previous"]
        assert (left["ts_event"] - entered["ts_event"]) / 1e9 >= least[left["previous"]]
    assert all(fact["reason"]["code"] for fact in moves)


def test_the_pool_never_exceeds_its_size() -> None:
    settings = quick(size=3, admit=2, keep=3)
    ran = run(lambda: steps(settings), market_log(200, symbols=9, history_minutes=60), settings=settings)
    pool = ran.pieces[0].pool
    assert pool is not None
    assert (pool.stage != Stage.OUT).sum(axis=1).max() <= 3
    assert any(move[4] == Trigger.EVICT for move in pool.moves) or (pool.stage != Stage.OUT).sum(axis=1).max() == 3


def test_every_stage_can_be_left_and_none_is_skipped() -> None:
    for stage in Stage:
        assert any(before == stage for before, _ in TRANSITIONS)
    assert TRANSITIONS[Stage.WATCHING, Trigger.IGNITE] == Stage.HOT
    assert Stage.HOT not in {after for (before, _), after in TRANSITIONS.items() if before in (Stage.OUT, Stage.NEW)}
    assert TRANSITIONS[Stage.HOT, Trigger.COOL] == Stage.COOLING


def test_a_pair_the_table_lacks_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = {pair: after for pair, after in TRANSITIONS.items() if pair != (Stage.NEW, Trigger.CONFIRM)}
    monkeypatch.setattr(module, "TRANSITIONS", lacking)
    with pytest.raises(InvalidTransition, match="CONFIRM"):
        run(chain, market_log(60, history_minutes=60))
    assert dense(lacking)[Stage.NEW, Trigger.CONFIRM] == 255


def test_an_illiquid_coin_is_ranked_but_not_let_through_and_a_new_listing_needs_a_tenth() -> None:
    settings = msgspec.structs.replace(
        SETTINGS, candidates=CandidateSettings(settle_s=30, listing_h=24.0, least_quote_volume_24h=1_000_000.0)
    )

    def log(old: float, fresh: float) -> Iterable[bytes]:
        for second in range(120):
            rows = [("AAAUSDT", 1.0, old)] + ([("NEWUSDT", 1.0, fresh)] if second > 60 else [])
            yield tickers(second + 0.9, rows)

    ran = run(lambda: steps(settings), list(log(900_000.0, 150_000.0)), settings=settings)
    pool = ran.pieces[0].pool
    assert pool is not None
    assert pool.first_seen[1] > 0
    assert pool.first_seen[0] == 0
    assert [fact["symbol"] for fact in told(ran, "alert")] == ["NEWUSDT"]
    assert pool.stage[-1, 1] == Stage.WATCHING


def test_fiat_stable_and_leveraged_coins_never_enter() -> None:
    log = [
        tickers(
            second + 0.9, [(name, 1.0 + second / 100, 1e9) for name in ("EURUSDT", "USDCUSDT", "BTCUPUSDT", "AAAUSDT")]
        )
        for second in range(60)
    ]
    pool = run(chain, log).pieces[0].pool
    assert pool is not None
    assert (pool.stage[:, :3] == Stage.OUT).all()
    assert (pool.failed[:, :3] == module.Filter.EXCLUDED).all()
    assert np.isneginf(pool.raw[:, :3]).all()


@pytest.fixture(scope="module")
def week() -> Panel:
    """A week of recorded candles of 88 coins."""
    return load_candles(recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet"))


@pytest.fixture(scope="module")
def panel(week: Panel) -> Panel:
    """Three days of 40 of them."""
    whole = week
    bars, columns = slice(0, 3 * 1440), slice(0, 40)
    return Panel(
        symbols=whole.symbols[columns], open_ms=whole.open_ms[bars], open=whole.open[bars, columns],
        high=whole.high[bars, columns], low=whole.low[bars, columns], close=whole.close[bars, columns],
        volume=whole.volume[bars, columns], present=whole.present[bars, columns], first=whole.first[columns],
    )  # fmt: skip


def test_the_score_equals_the_formula_in_plain_numpy(panel: Panel) -> None:
    score = run_program(panel, SETTINGS).score
    own = SETTINGS.candidates.ranking
    x = np.log(panel.close)
    for bar in (100, 777, 1439, 1440, 2880, 4000):
        changes = {h: x[bar] - x[bar - h] for h in own.horizons_min}
        speed = sum((change - np.nanmedian(change)) / np.sqrt(h) for h, change in changes.items())
        begin = ((bar - 1) // 30 - 47) * 30  # 24 h in half hours, as of the last closed minute
        window = x[max(0, begin) : bar + 1]
        highest = np.fmax.reduce(window)
        expected = np.log(np.maximum(speed, own.least_speed)) + own.near_weight * np.maximum(
            x[bar] - highest, -own.near_most
        )
        np.testing.assert_allclose(score[bar], expected, rtol=1e-9, atol=1e-9, err_msg=str(bar))


@pytest.mark.parametrize("rate", [10.0, 20.0, 40.0])
def test_the_alarm_rate_of_each_day_stays_within_a_factor_of_two_of_its_setting(week: Panel, rate: float) -> None:
    settings = DeskSettings(candidates=CandidateSettings(alarm=AlarmSettings(per_day_per_100=rate)))
    alarms = run_program(week, settings).alarms
    wanted = rate * len(week.symbols) / 100
    raised = np.bincount(alarms[:, 0] // 1440, minlength=7)
    assert (raised >= wanted / 2).all(), raised
    assert (raised <= wanted * 2).all(), raised


def test_alarms_keep_their_cooldown_and_are_above_the_threshold(panel: Panel) -> None:
    program = run_program(panel, SETTINGS)
    for symbol in set(program.alarms[:, 1].tolist()):
        bars = program.alarms[program.alarms[:, 1] == symbol, 0]
        assert (np.diff(bars) >= 60).all()
    for bar, symbol in program.alarms.tolist():
        assert program.score[bar, symbol] >= program.threshold[bar]


def test_history_makes_changes_known_from_the_first_second_on() -> None:
    ran = run(chain, market_log(20, symbols=4, dirty=False, history_minutes=60))
    block, frames = ran.pieces[0].anomaly, ran.pieces[0].frames
    assert block is not None
    assert frames is not None
    bars = [bars for bars in ran.pieces[0].history if bars.symbol == 2]
    assert block.change_5m[-1, 2] == pytest.approx(np.log(frames.close[-1, 2] / bars[0].close[-5]))
