"""Correlation groups: laws, the correlation against numpy, who leads, what history is worth."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from contracts import events
from contracts.events import encode_event
from contracts.settings import DeskSettings
from contracts.settings.discovery import CandidateSettings, GroupSettings
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.groups import Groups, GroupState, correlation, form, learn, returns_of
from operators.slices import HistoryBars
from tests.builders import MILLI, SECOND, START, heartbeat, tickers
from tests.checks import Ran, check_laws, run
from tests.recorded import recorded

SETTINGS = DeskSettings(candidates=CandidateSettings(least_quote_volume_24h=1.0))
QUARTER = 900 * SECOND
FIRST = START // QUARTER * QUARTER


def chain() -> list[Any]:
    return [Frame(SETTINGS), FreshnessGate(SETTINGS), AnomalyDetector(SETTINGS), Candidates(SETTINGS), Groups(SETTINGS)]


def log(quarters: int = 60, seconds: int = 1200) -> list[bytes]:
    """Two coins that move as one, one that goes its own way; their history, then live seconds over a quarter's end."""
    rng = np.random.default_rng(5)
    shared = rng.normal(0.0, 0.01, quarters)
    moves = {
        "AAAUSDT": shared,
        "BBBUSDT": shared + rng.normal(0.0, 0.002, quarters),
        "CCCUSDT": rng.normal(0.0, 0.01, quarters),
    }
    found: list[bytes] = []
    prices = {}
    for symbol, changes in moves.items():
        closes = 100.0 * np.exp(np.cumsum(changes))
        prices[symbol] = float(closes[-1])
        rows = [
            (FIRST - (quarters - n) * QUARTER, c, c, c, c, 1e3, 1e5, 10, 5e2) for n, c in enumerate(closes.tolist())
        ]
        event = events.Klines(ts_recv=START - 100 * MILLI, symbol=symbol, interval="15m", rows=rows)
        found.append(encode_event(event))
        minutes = [
            (START - (40 - n) * 60 * SECOND, c, c, c, c, 1e3, 1e5, 10, 5e2) for n, c in enumerate([prices[symbol]] * 40)
        ]
        found.append(
            encode_event(events.Klines(ts_recv=START - 100 * MILLI, symbol=symbol, interval="1m", rows=minutes))
        )
    for second in range(0, seconds, 3):
        found.append(heartbeat(second, second))
        volumes = {"AAAUSDT": 9e7, "BBBUSDT": 5e7, "CCCUSDT": 7e7}
        found.append(
            tickers(
                second + 0.9, [(name, prices[name] * (1 + second / 1e6), volume) for name, volume in volumes.items()]
            )
        )
    return found


def last_groups(ran: Ran) -> dict[str, str]:
    piece = ran.pieces[-1]
    assert piece.groups is not None
    return dict(zip(piece.symbols, piece.groups[-1], strict=False))


def test_the_laws_hold() -> None:
    check_laws(chain, log(40, 700), seed=1, settings=SETTINGS)


def test_coins_that_move_together_are_one_group_named_after_the_most_liquid() -> None:
    assert last_groups(run(chain, log(), settings=SETTINGS)) == {"AAAUSDT": "AAA", "BBBUSDT": "AAA", "CCCUSDT": ""}


def test_sector_tags_of_the_settings_are_told_by_symbol_or_by_base() -> None:
    tagged = msgspec.structs.replace(SETTINGS, groups=GroupSettings(sectors={"AAA": "meme", "BBBUSDT": "ai"}))
    piece = run(lambda: [*chain()[:-1], Groups(tagged)], log(quarters=2, seconds=60), settings=tagged).pieces[0]
    assert dict(zip(piece.symbols, piece.sectors or [], strict=True)) == {
        "AAAUSDT": "meme",
        "BBBUSDT": "ai",
        "CCCUSDT": "",
    }


@pytest.mark.parametrize("sectors", [{"btc": "layer1"}, {"BTC": ""}, {"": "layer1"}])
def test_a_tag_without_a_coin_in_capitals_or_a_sector_is_refused(sectors: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError, match="sectors: expected coins in capitals"):
        msgspec.convert({"sectors": sectors}, GroupSettings)


def test_groups_change_at_a_quarters_end_or_with_the_minute_in_which_history_came() -> None:
    piece = run(chain, log(), settings=SETTINGS).pieces[0]
    assert piece.groups is not None
    assert piece.frames is not None
    assert len(piece.groups) == len(piece.frames)
    ends = piece.frames.ts_open + SECOND
    changed = [f for f in range(1, len(piece.groups)) if piece.groups[f] != piece.groups[f - 1]]
    assert ends[changed[0]] == (START // (60 * SECOND) + 1) * 60 * SECOND
    assert all(ends[f] % QUARTER == 0 for f in changed[1:])


def test_a_month_of_hourly_history_binds_coins_as_numpys_correlation_does() -> None:
    source = recorded("freqtrade_binance_2024/spot_usdt_multitf_3sym_202401.parquet")
    hourly = pl.read_parquet(source).filter(pl.col("tf") == "1h").sort("symbol", "ts_ms")
    names = sorted(hourly["symbol"].unique().to_list())
    closes = np.array([hourly.filter(pl.col("symbol") == name)["close"].to_numpy()[-721:] for name in names])
    expected = np.corrcoef(np.diff(np.log(closes)))
    state = GroupState()
    hour = int(hourly["ts_ms"].max()) // 3_600_000 + 1  # type: ignore[arg-type]
    ts_open = (np.arange(hour - 721, hour) * 3600 * SECOND).astype(np.int64)
    for number, close in enumerate(closes):
        for part in (slice(0, 500), slice(500, None)):
            zeros = np.zeros(len(close[part]))
            learn(
                state,
                HistoryBars(0, number, 3600, ts_open[part], zeros, zeros, zeros, close[part], zeros, zeros, zeros),
                hour * 3600 * SECOND,
            )
    long = np.empty((len(names), 720))
    coins = np.arange(len(names))
    returns_of(state.long, state.long_stamps, hour, coins, long)
    assert not np.isnan(long).any()
    for i in range(len(names)):
        for j in range(i):
            assert correlation(long[i], long[j], 168) == pytest.approx(expected[i, j], abs=1e-4)
    nothing = np.full((len(names), 96), np.nan)
    strongest = np.sort(expected[np.triu_indices(len(names), 1)])
    leader = np.zeros(64, dtype=np.int32)
    form(coins, nothing, long, 32, 168, float(strongest[-2:].mean()), leader)
    assert sorted((leader[: len(names)] >= 0).tolist()) == [False, True, True]


def test_too_little_history_makes_no_group() -> None:
    assert set(last_groups(run(chain, log(quarters=20), settings=SETTINGS)).values()) == {""}


@pytest.mark.parametrize("seed", range(5))
def test_the_correlation_equals_numpys_over_the_known_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 96))
    y = 0.7 * x + y
    x[rng.integers(0, 96, 9)] = np.nan
    y[rng.integers(0, 96, 9)] = np.nan
    known = ~np.isnan(x) & ~np.isnan(y)
    assert correlation(x, y, 32) == pytest.approx(np.corrcoef(x[known], y[known])[0, 1], rel=1e-12)
    assert np.isnan(correlation(x, y, 97))
    assert np.isnan(correlation(np.zeros(96), y, 32))


def test_the_long_window_alone_can_bind_two_coins() -> None:
    rng = np.random.default_rng(0)
    short = rng.normal(size=(2, 96))
    long = np.repeat(rng.normal(size=(1, 720)), 2, axis=0)
    leader = np.zeros(64, dtype=np.int32)
    form(np.array([4, 2]), short, long, 32, 168, 0.8, leader)
    assert leader[4] == 4
    assert leader[2] == 4
    assert (leader[[0, 1, 3]] == -1).all()


def test_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="threshold"):
        msgspec.convert({"threshold": 1.5}, GroupSettings)
