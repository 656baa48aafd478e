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
from operators.groups import LONG, Groups, GroupState, form, learn, seated
from operators.pair_sums import PairSums, add_up, correlation
from operators.slices import HistoryBars
from tests.builders import MILLI, SECOND, START, heartbeat, tickers
from tests.checks import Ran, check_laws, run
from tests.recorded import recorded

SETTINGS = DeskSettings(candidates=CandidateSettings(least_quote_volume_24h=1.0))
QUARTER = 900 * SECOND
FIRST = START // QUARTER * QUARTER


def chain() -> list[Any]:
    return [Frame(SETTINGS), FreshnessGate(SETTINGS), AnomalyDetector(SETTINGS), Candidates(SETTINGS), Groups(SETTINGS)]


def log(
    bars: int = 60, seconds: int = 1200, *, alone: str = "CCCUSDT", late: int = 0, every: str = "15m"
) -> list[bytes]:
    """Three coins of which two move as one, the third its own way; their history, then live seconds over a quarter's end.

    The history is of quarters or, by `every`, of hours; that of BBBUSDT comes `late` seconds after the others'.
    """
    rng = np.random.default_rng(5)
    shared = rng.normal(0.0, 0.01, bars)
    step = {"15m": QUARTER, "1h": 4 * QUARTER}[every]
    history: list[bytes] = []
    delayed: list[bytes] = []
    prices = {}
    for symbol in ("AAAUSDT", "BBBUSDT", "CCCUSDT"):
        own = rng.normal(0.0, 1.0, bars)
        changes = 0.01 * own if symbol == alone else shared + 0.002 * own
        closes = 100.0 * np.exp(np.cumsum(changes))
        prices[symbol] = float(closes[-1])
        minutes = [
            (START - (40 - n) * 60 * SECOND, c, c, c, c, 1e3, 1e5, 10, 5e2) for n, c in enumerate([prices[symbol]] * 40)
        ]
        history.append(
            encode_event(events.Klines(ts_recv=START - 100 * MILLI, symbol=symbol, interval="1m", rows=minutes))
        )
        rows = [(FIRST - (bars - n) * step, c, c, c, c, 1e3, 1e5, 10, 5e2) for n, c in enumerate(closes.tolist())]
        wait = late if symbol == "BBBUSDT" else 0
        event = events.Klines(ts_recv=START + wait * SECOND - 100 * MILLI, symbol=symbol, interval=every, rows=rows)
        (delayed if wait else history).append(encode_event(event))
    found = history
    for second in range(0, seconds, 3):
        if late and late <= second < late + 3:
            found.extend(delayed)
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
    ran = check_laws(chain, log(40, 2400, late=900), seed=1, settings=SETTINGS)
    assert last_groups(ran) == {"AAAUSDT": "AAA", "BBBUSDT": "AAA", "CCCUSDT": ""}


@pytest.mark.parametrize(("every", "bars"), [("15m", 60), ("1h", 200)])
def test_coins_that_move_together_are_one_group_named_after_the_most_liquid(every: str, bars: int) -> None:
    assert last_groups(run(chain, log(bars, every=every), settings=SETTINGS)) == {
        "AAAUSDT": "AAA",
        "BBBUSDT": "AAA",
        "CCCUSDT": "",
    }


def test_sector_tags_of_the_settings_are_told_by_symbol_or_by_base() -> None:
    tagged = msgspec.structs.replace(SETTINGS, groups=GroupSettings(sectors={"AAA": "meme", "BBBUSDT": "ai"}))
    piece = run(lambda: [*chain()[:-1], Groups(tagged)], log(2, seconds=60), settings=tagged).pieces[0]
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
    coins = np.arange(len(names))
    long = PairSums(LONG - 1).follow(state.long, state.long_stamps, hour, coins)
    for i in range(len(names)):
        for j in range(i):
            assert correlation(long, i, j, 720) == pytest.approx(expected[i, j], abs=1e-4)
    nothing = np.zeros((4, len(names), len(names)))
    strongest = np.sort(expected[np.triu_indices(len(names), 1)])
    leader = np.zeros(64, dtype=np.int32)
    form(coins, coins, nothing, long, 32, 168, float(strongest[-2:].mean()), leader)
    assert sorted((leader[: len(names)] >= 0).tolist()) == [False, True, True]


def test_too_little_history_makes_no_group() -> None:
    assert set(last_groups(run(chain, log(20), settings=SETTINGS)).values()) == {""}


def test_the_long_window_alone_can_bind_two_coins() -> None:
    rng = np.random.default_rng(0)
    short, long = np.empty((2, 4, 3, 3))
    add_up(rng.integers(-999, 999, (96, 3), dtype=np.int32), short)
    hourly = rng.integers(-999, 999, (720, 3), dtype=np.int32)
    hourly[:, 2] = hourly[:, 0]
    add_up(hourly, long)
    leader = np.zeros(64, dtype=np.int32)
    form(np.array([4, 2]), np.array([2, 0]), short, long, 32, 168, 0.8, leader)
    assert leader[4] == 4
    assert leader[2] == 4
    assert (leader[[0, 1, 3]] == -1).all()


def test_a_coin_keeps_its_place_in_the_sums_and_a_new_one_takes_that_of_one_no_longer_looked_at() -> None:
    seats = seated(np.empty(0, dtype=np.int64), np.array([7, 3, 9]), 4)
    assert seats.tolist() == [7, 3, 9, -1]
    seats = seated(seats, np.array([9, 5, 7]), 4)
    assert seats.tolist() == [7, 5, 9, -1]
    seats = seated(seats, np.array([9, 1, 7, 2]), 4)
    assert seats.tolist() == [7, 1, 9, 2]
    assert seated(seats, np.arange(65), 300).shape == (128,)


def test_one_operator_serves_the_states_of_two_logs_in_turn() -> None:
    logs = [log(60, 2000, alone=alone) for alone in ("CCCUSDT", "BBBUSDT")]
    cuts = range(0, len(logs[0]), 40)
    ran = [run(lambda: chain()[:-1], part, cuts, settings=SETTINGS).pieces for part in logs]
    shared = Groups(SETTINGS)
    states = [shared.start(), shared.start()]
    for pieces in zip(*ran, strict=True):
        for state, piece in zip(states, pieces, strict=True):
            shared.step(state, piece)
    assert last_groups(Ran([], [], ran[0])) == {"AAAUSDT": "AAA", "BBBUSDT": "AAA", "CCCUSDT": ""}
    assert last_groups(Ran([], [], ran[1])) == {"AAAUSDT": "AAA", "BBBUSDT": "", "CCCUSDT": "AAA"}


@pytest.mark.parametrize(("key", "value"), [("threshold", 1.5), ("most", 0)])
def test_settings_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert({key: value}, GroupSettings)
