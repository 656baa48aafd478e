"""The measure agrees with an independent evaluator, and its definitions hold on small cases."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from rich.console import Console

from contracts.settings import DeskSettings, load_settings
from flows.candle_source import candle_batches
from flows.discovery_measure.alarms import Sweep
from flows.discovery_measure.baselines import BASELINES, top_of_minute
from flows.discovery_measure.candles import BAR_MS, Panel, load_candles, panel_from_frame
from flows.discovery_measure.episodes import Episode, find_episodes
from flows.discovery_measure.figures import alarm_figures, at_budget, shares_ahead
from flows.discovery_measure.plot import write_plot
from flows.discovery_measure.program import run_program
from flows.discovery_measure.recorded_facts import is_facts_folder, program_from_facts, read_facts
from flows.discovery_measure.replayed import facts_of_log
from flows.discovery_measure.report import Report, judged_range
from flows.evaluate import evaluate_discovery, print_report, to_json
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.frame import Frame
from operators.freshness import FreshnessGate
from tests.builders import market_log
from tests.checks import run
from tests.recorded import recorded

SETTINGS = DeskSettings()

TIERS = ("0.15", "0.20", "0.30")
RANGES = {"dev_days_0_4": (60, 4 * 1440), "dev_days_4_7": (4 * 1440, 7 * 1440)}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return load_candles(recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet"))


@pytest.fixture(scope="module")
def episodes(panel: Panel) -> dict[str, list[Episode]]:
    return {tier: find_episodes(panel, float(tier)) for tier in TIERS}


def reference(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recorded(f"discovery_reference/{name}.json").read_text())
    return found


def close_time(panel: Panel, bar: int) -> str:
    return datetime.fromtimestamp((int(panel.open_ms[bar]) + BAR_MS) / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize("name", RANGES)
def test_episodes_equal_the_reference_to_the_last_one(
    panel: Panel, episodes: dict[str, list[Episode]], name: str
) -> None:
    begin, end = RANGES[name]
    ours = [
        {
            "symbol": panel.symbols[episode.symbol],
            "low": close_time(panel, episode.low),
            "peak": close_time(panel, episode.peak),
            "rise": round(episode.rise, 4),
            "minutes": float(episode.minutes),
            "kind": episode.kind,
            "market": round(episode.market, 4),
        }
        for episode in episodes["0.20"]
        if begin <= episode.low < end
    ]
    ours.sort(key=lambda row: (str(row["low"]), str(row["symbol"])))
    theirs = sorted(reference(name)["episodes"]["0.20"]["list"], key=lambda row: (row["low"], row["symbol"]))
    assert ours == theirs
    for tier in TIERS:
        kinds: dict[str, int] = {}
        for episode in episodes[tier]:
            if begin <= episode.low < end:
                kinds[episode.kind] = kinds.get(episode.kind, 0) + 1
        assert kinds == reference(name)["episodes"][tier]["kinds"]


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("baseline", BASELINES)
def test_baselines_equal_the_reference_to_the_fourth_decimal(
    panel: Panel, episodes: dict[str, list[Episode]], name: str, baseline: str
) -> None:
    sweep = Sweep(top_of_minute(BASELINES[baseline](panel)), *RANGES[name])
    expected = reference(name)["baselines"][baseline]
    captures = []
    for budget, figures in expected["budget"].items():
        ours = msgspec.to_builtins(at_budget(panel, episodes, sweep, RANGES[name], float(budget)))
        captures.append(ours["tiers"]["0.20"]["capture"])
        assert_equal(ours, figures, f"{baseline} at {budget}")
    assert np.mean(captures) == pytest.approx(expected["capture_score"], abs=6e-5)


def assert_equal(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, dict):
        for key, value in theirs.items():
            assert_equal(ours[key], value, f"{where} {key}")
    elif isinstance(theirs, list):
        assert ours == pytest.approx(theirs, abs=6e-5), where
    else:
        assert ours == pytest.approx(theirs, abs=6e-5), where


def small_panel(closes: list[float | None]) -> Panel:
    """Build a panel of WINUSDT (column 0; `None` is a missing bar) beside two coins that stand still."""
    columns = {"WINUSDT": closes, "XXXUSDT": [1.0] * len(closes), "YYYUSDT": [1.0] * len(closes)}
    rows = [
        {"symbol": symbol, "ts_ms": bar * BAR_MS, "open": x, "high": x, "low": x, "close": x, "volume": 1e6}
        for symbol, column in columns.items()
        for bar, x in enumerate(column)
        if x is not None
    ]
    return panel_from_frame(pl.DataFrame(rows))


def test_the_low_is_the_latest_of_tied_lows_and_the_peak_the_first_of_tied_peaks() -> None:
    closes: list[float | None] = [1.0] * 70 + [1.1, 1.25, 1.25, 1.2] + [1.24] * 60
    (episode,) = find_episodes(small_panel(closes), 0.20)
    assert (episode.low, episode.confirm, episode.peak) == (69, 71, 71)
    assert episode.kind == "ok"


def test_an_episode_ends_when_half_the_rise_is_given_back_and_the_next_low_may_not_lie_before() -> None:
    closes: list[float | None] = [1.0] * 70 + [1.25, 1.12, 1.36] + [1.3] * 10
    first, second = find_episodes(small_panel(closes), 0.20)
    assert (first.low, first.peak, first.end) == (69, 70, 71)
    assert (second.low, second.confirm) == (71, 72)


def test_a_low_in_the_first_hour_is_warmup_and_missing_bars_are_a_gap() -> None:
    (warmup,) = find_episodes(small_panel([1.0] * 30 + [1.3]), 0.20)
    assert warmup.kind == "warmup"
    (gap,) = find_episodes(small_panel([1.0] * 70 + [1.1] + [None] * 6 + [1.3, 1.3]), 0.20)
    assert gap.kind == "gap"


def test_a_dip_bought_back_is_a_recovery() -> None:
    closes: list[float | None] = [1.0] * 61 + [0.8] * 6 + [1.0]
    (episode,) = find_episodes(small_panel(closes), 0.20)
    assert episode.kind == "recovery"


def test_credit_goes_to_the_first_alarm_below_the_peak_and_is_cut_to_one() -> None:
    (episode,) = find_episodes(small_panel([1.0] * 70 + [1.1, 1.2, 1.4] + [1.3] * 5), 0.20)
    alarms = np.array([[60, 0], [71, 0]])
    shares, leads = shares_ahead([episode], alarms, np.array([1.0, 1.2]))
    assert shares.tolist() == [1.0]
    assert leads.tolist() == [12.0]
    shares, leads = shares_ahead([episode], alarms[1:], np.array([1.2]))
    assert shares[0] == pytest.approx(0.5)
    assert leads.tolist() == [1.0]
    assert np.isnan(shares_ahead([episode], np.array([[72, 0]]), np.array([1.4]))[1]).all()


def test_an_alarm_outside_every_episode_is_false_and_both_levels_in_one_bar_is_a_loss() -> None:
    panel = small_panel([1.0] * 200)
    wide = msgspec.structs.replace(panel, high=panel.high * 1.06, low=panel.low * 0.94)
    figures = alarm_figures(wide, {"0.20": []}, np.array([[100, 0]]), (0, 200))
    assert figures.down5_first == 1.0
    assert figures.precision_up5 == 0.0
    assert figures.tiers["0.20"].false_alarms_per_day == pytest.approx(7.2)


def test_the_budget_keeps_a_cooldown_and_never_raises_more_than_asked() -> None:
    score = np.full((300, 2), np.nan)
    score[[10, 20, 100], 0] = [3.0, 9.0, 2.0]
    score[[15, 200], 1] = [1.0, 4.0]
    sweep = Sweep(score, 0, 300)
    assert sweep.threshold_for(3) == 2.0
    assert sweep.alarms(2.0).tolist() == [[10, 0], [100, 0], [200, 1]]
    assert sweep.alarms(sweep.threshold_for(0)).shape == (0, 2)


def test_fiat_stable_and_leveraged_symbols_are_no_part_of_the_universe() -> None:
    rows = [
        {"symbol": name, "ts_ms": 0, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}
        for name in ("AUDUSDT", "USDCUSDT", "BTCUPUSDT", "JUPUSDT")
    ]
    panel = panel_from_frame(pl.DataFrame(rows))
    assert panel.symbols == ("JUPUSDT",)
    assert panel.excluded == ("AUDUSDT", "BTCUPUSDT", "USDCUSDT")


def test_an_episode_of_unknown_or_too_little_volume_is_illiquid() -> None:
    panel = small_panel([1.0] * 70 + [1.1, 1.3] + [1.25] * 10)
    (episode,) = find_episodes(panel, 0.20)
    assert episode.kind == "ok"
    volume = panel.volume.copy()
    volume[69:72, 0] = [np.nan, 1e5, 1e5]  # known is 240,000 of 250,000
    (episode,) = find_episodes(msgspec.structs.replace(panel, volume=volume), 0.20)
    assert episode.kind == "illiquid"


def calm_coins(minutes: int, seed: int = 0) -> pl.DataFrame:
    """Twelve coins; C03USDT rises by a third from minute 150 on."""
    rng = np.random.default_rng(seed)
    rows = []
    for coin in range(12):
        steps = rng.normal(0.0, 0.0005, minutes)
        if coin == 3:
            steps[150:190] += 0.008
        for bar, x in enumerate(np.exp(np.cumsum(steps)).tolist()):
            rows.append((f"C{coin:02d}USDT", bar * BAR_MS, x, x, x, x, 50_000.0))
    return pl.DataFrame(rows, schema=["symbol", "ts_ms", "open", "high", "low", "close", "volume"], orient="row")


def test_one_unknown_volume_silences_no_alarm() -> None:
    candles = calm_coins(240)
    whole = run_program(panel_from_frame(candles), SETTINGS)
    assert "C03USDT" in [panel_symbol(symbol) for symbol in whole.alarms[:, 1]]
    for unknown in (None, float("nan")):
        holed = candles.with_columns(
            volume=pl.when(pl.col("ts_ms") == 20 * BAR_MS).then(unknown).otherwise(pl.col("volume"))
        )
        panel = panel_from_frame(holed)
        assert panel.unknown == {"volume": 12}
        assert run_program(panel, SETTINGS).alarms.tolist() == whole.alarms.tolist()
        report = evaluate_discovery(panel)
        assert report.unknown == {"volume": 12}
        console = Console(record=True, width=200, file=io.StringIO())
        print_report(report, console)
        assert "unknown values in the candles: 12 of volume (counted as 0)" in console.export_text()


def panel_symbol(column: int) -> str:
    return f"C{column:02d}USDT"


def test_a_coin_that_trades_no_more_rings_nothing_when_the_others_fall(tmp_path: Path) -> None:
    fall = pl.max_horizontal(pl.lit(0.85), 1.0 - 0.015 * ((pl.col("ts_ms") // BAR_MS) - 199).clip(0))
    candles = calm_coins(260).with_columns(pl.col("open", "high", "low", "close") * fall)
    candles = candles.filter((pl.col("symbol") != "C07USDT") | (pl.col("ts_ms") < 190 * BAR_MS))
    path = tmp_path / "delisted.parquet"
    candles.with_columns(pl.col("ts_ms") + DAY_5).write_parquet(path)
    panel = load_candles(path)
    dead = panel.symbols.index("C07USDT")
    bars = run_program(panel, SETTINGS)
    assert len(bars.alarms)
    assert dead not in bars.alarms[:, 1]
    settings = load_settings(None)
    log, live = program_from_facts(facts_of_log(settings, "binance.spot", candle_batches(path)))
    assert log.symbols == panel.symbols
    assert live.alarms.tolist() == bars.alarms.tolist()
    patient = msgspec.structs.replace(SETTINGS.freshness, symbol_stale_ms=3_600_000)
    carried = run_program(panel, msgspec.structs.replace(SETTINGS, freshness=patient))
    assert dead in carried.alarms[:, 1]  # else nothing would be shown above


DAY_5 = 1_617_667_200_000  # 2021-04-06
DEV_WEEK = "freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet"


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    source = recorded(DEV_WEEK)
    return {
        "1-4": evaluate_discovery(source, end_ms=DAY_5),
        "5-7": evaluate_discovery(source, begin_ms=DAY_5),
        "all": evaluate_discovery(source),
    }


def test_the_program_beats_the_baselines_it_has_to_beat(reports: dict[str, Report]) -> None:
    early, late = reports["1-4"], reports["5-7"]
    assert early.program.capture_score >= early.baselines["change_5m"].capture_score + 0.08
    assert early.program.capture_score >= early.baselines["change_15m_minus_market"].capture_score
    assert late.program.capture_score >= late.baselines["change_15m_minus_market"].capture_score


def test_every_scored_episode_of_the_highest_tier_is_found_at_ten_alarms_a_day(reports: dict[str, Report]) -> None:
    assert reports["all"].program.budget["10"].tiers["0.30"].recall == 1.0
    assert reports["all"].own.tiers["0.30"].recall == 1.0


def test_a_listing_is_reported_within_five_minutes(reports: dict[str, Report]) -> None:
    assert reports["all"].listings["TKOUSDT"] <= "2021-04-07T13:05"
    assert reports["all"].listings["TKOUSDT"] > "2021-04-07T13:00"


def test_the_report_prints_writes_json_and_a_picture(reports: dict[str, Report], tmp_path: Path) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    print_report(reports["all"], console)
    text = console.export_text()
    assert "program" in text
    assert "gain over change 15m minus market" in text
    decoded = json.loads(to_json(reports["all"]))
    assert decoded["program"]["capture_score"] == round(reports["all"].program.capture_score, 4)
    write_plot(reports["all"], tmp_path / "curve.html")
    assert (tmp_path / "curve.html").stat().st_size > 100_000


def test_matched_baselines_have_no_more_alarms_than_the_program(reports: dict[str, Report]) -> None:
    for baseline in reports["all"].baselines.values():
        assert baseline.matched is not None
        assert baseline.matched.alarms <= reports["all"].own.alarms


def test_facts_of_a_replay_are_judged_as_they_stand(tmp_path: Path) -> None:
    ran = run(lambda: [Frame(SETTINGS), FreshnessGate(SETTINGS), AnomalyDetector(SETTINGS), Candidates(SETTINGS)],
              market_log(400, symbols=8, dirty=False, history_minutes=60))  # fmt: skip
    for topic in ("bar.v1", "candidate_snapshot.v1"):
        lines = [message.value for message in ran.facts if message.topic == topic]
        (tmp_path / f"{topic}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    assert is_facts_folder(tmp_path)
    panel, program = program_from_facts(read_facts(tmp_path))
    score_bars = [json.loads(m.value) for m in ran.facts if b'"type":"score_bar"' in m.value]
    for fact in score_bars:
        bar = int(np.flatnonzero(panel.open_ms == fact["ts_open"] // 1_000_000)[0])
        column = panel.symbols.index(fact["symbols"][1])
        assert program.score[bar, column] == fact["score"][1]
        assert panel.close[bar, column] == fact["close"][1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.parquet", None, "no such file"),
        ("bad.parquet", b"not parquet", "not readable"),
        ("empty", None, "no such file"),
    ],
)
def test_a_source_that_is_none_gives_one_clear_line(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        evaluate_discovery(path)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_the_log_derived_from_candles_gives_the_scores_of_the_candles(tmp_path: Path) -> None:
    candles = pl.read_parquet(recorded(DEV_WEEK))
    names = candles["symbol"].unique().sort().to_list()[:12]
    start = int(candles["ts_ms"].min())  # type: ignore[arg-type]
    few = candles.filter(pl.col("symbol").is_in(names) & (pl.col("ts_ms") < start + 150 * BAR_MS))
    few.write_parquet(tmp_path / "few.parquet")
    settings = load_settings(None)
    panel, live = program_from_facts(facts_of_log(settings, "binance.spot", candle_batches(tmp_path / "few.parquet")))
    bars = run_program(load_candles(tmp_path / "few.parquet"), settings.markets["binance.spot"].desk)
    assert panel.symbols == load_candles(tmp_path / "few.parquet").symbols
    known = ~np.isnan(live.score) & ~np.isnan(bars.score[: panel.bars])
    assert known[40:].mean() > 0.95
    np.testing.assert_allclose(live.score[known], bars.score[: panel.bars][known], atol=2e-6)


def test_the_recorded_universe_is_what_it_was(panel: Panel) -> None:
    assert len(panel.symbols) == 88
    assert panel.excluded == ("AUDUSDT", "GBPUSDT")
    assert panel.unknown == {}


def test_a_range_outside_the_data_is_told_beside_the_data(panel: Panel) -> None:
    week = 7 * 86_400_000
    with pytest.raises(ValueError, match="nothing to judge from 2021-04-13T00:00: candles go from 2021-04-02T00:00 to"):
        judged_range(panel, begin_ms=DAY_5 + week)
    with pytest.raises(ValueError, match="nothing to judge to 2021-03-30T00:00: candles go from 2021-04-02T00:00 to"):
        judged_range(panel, end_ms=DAY_5 - week)


def test_a_range_without_an_hour_before_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="2021-04-02T00:00 to 2021-04-08T23:59"):
        evaluate_discovery(recorded(DEV_WEEK), end_ms=DAY_5 - 4 * 86_400_000 + 60_000)


@pytest.mark.parametrize("coins", [1, 6])
def test_a_coin_that_rings_every_hour_of_a_day_is_told_each_time(coins: int) -> None:
    """Bar by bar a frame is a minute: room for alarms goes by time, not by frames."""
    rng = np.random.default_rng(8)
    start = 1_617_321_600_000
    rows = [
        pl.DataFrame(
            {
                "symbol": [f"C{coin}USDT"] * 2880, "ts_ms": start + BAR_MS * np.arange(2880), "open": close, "high": close, "low": close,
                "close": close, "volume": np.full(2880, 1e6),
            }
        )
        for coin in range(coins)
        for close in [np.exp(np.cumsum(rng.normal(0.001, 0.002, 2880)))]
    ]  # fmt: skip
    alarm = msgspec.structs.replace(SETTINGS.candidates.alarm, per_day_per_100=4000.0)
    candidates = msgspec.structs.replace(SETTINGS.candidates, alarm=alarm)
    told = run_program(panel_from_frame(pl.concat(rows)), msgspec.structs.replace(SETTINGS, candidates=candidates))
    of_a_day = [sum(1440 <= bar < 2880 and symbol == coin for bar, symbol in told.alarms) for coin in range(coins)]
    assert min(of_a_day) > 20
