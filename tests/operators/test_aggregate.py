"""Longer bars from shorter ones equal the exchange's own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from operators.aggregate import CLOSE, HIGH, LOW, NONE, OPEN, VOLUME, Aggregator, aggregate
from operators.slices import F8, I8, MINUTE
from tests.recorded import recorded

MS = 1_000_000
SECONDS = {"15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}


def candles(frame: pl.DataFrame, symbol: str, tf: str) -> tuple[I8, F8]:
    rows = frame.filter((pl.col("symbol") == symbol) & (pl.col("tf") == tf)).sort("ts_ms")
    columns = [rows[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    return rows["ts_ms"].to_numpy() * MS, np.array([*columns, columns[3] * columns[4]])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "OMUSDT", "PEPEUSDT"])
@pytest.mark.parametrize("tf", SECONDS)
def test_a_month_of_five_minute_bars_gives_the_exchanges_own_candles(symbol: str, tf: str) -> None:
    frame = pl.read_parquet(recorded("freqtrade_binance_2024/spot_usdt_multitf_3sym_202401.parquet"))
    ts, bars = aggregate(*candles(frame, symbol, "5m"), part_s=300, seconds=SECONDS[tf])
    expected_ts, expected = candles(frame, symbol, tf)
    np.testing.assert_array_equal(ts, expected_ts)
    np.testing.assert_array_equal(bars[:VOLUME], expected[:VOLUME])
    np.testing.assert_allclose(bars[VOLUME], expected[VOLUME], rtol=1e-12)


def part(open_: float, high: float, low: float, close: float, volume: float) -> F8:
    return np.array([[open_], [high], [low], [close], [volume], [volume * close]])


def test_open_high_and_low_come_from_traded_parts_only() -> None:
    aggregator = Aggregator(60, 300)
    state = aggregator.start()
    parts = [part(9, 9, 9, 9, 0), part(5, 6, 4, 5, 10), part(5, 5, 5, 5, 0), part(5, 7, 5, 6, 2), part(6, 6, 6, 6, 0)]
    for minute, columns in enumerate(parts):
        starts, bars = aggregator.take(state, minute * MINUTE, columns)
    assert starts[0] == 0
    assert bars[[OPEN, HIGH, LOW, CLOSE, VOLUME], 0].tolist() == [5, 7, 4, 6, 12]


def test_a_window_without_trades_repeats_the_close() -> None:
    ts = np.arange(5, dtype=np.int64) * MINUTE
    _, bars = aggregate(ts, np.repeat(part(3, 3, 3, 3, 0), 5, axis=1), 60, 300)
    assert bars[:, 0].tolist() == [3, 3, 3, 3, 0, 0]


def test_a_missing_last_part_hands_the_bar_out_with_the_next_window() -> None:
    aggregator = Aggregator(60, 300)
    state = aggregator.start()
    for minute in range(4):
        starts, _ = aggregator.take(state, minute * MINUTE, part(1, 1, 1, 1, 1))
        assert starts[0] == NONE
    starts, bars = aggregator.take(state, 5 * MINUTE, part(2, 2, 2, 2, 2))
    assert (starts[0], bars[VOLUME, 0]) == (0, 4.0)


def test_columns_and_history_give_the_same_bars_to_the_bit() -> None:
    rng = np.random.default_rng(3)
    n = 200
    close = 10 + np.cumsum(rng.normal(0, 0.1, n))
    columns = np.array([close, close + 0.1, close - 0.1, close, rng.poisson(1.0, n), close])
    ts = np.arange(n, dtype=np.int64) * MINUTE
    keep = rng.random(n) > 0.1
    joined = aggregate(ts[keep], np.ascontiguousarray(columns[:, keep]), 60, 900)
    aggregator = Aggregator(60, 900)
    state = aggregator.start()
    made = []
    for i in np.flatnonzero(keep):
        starts, bars = aggregator.take(state, int(ts[i]), np.ascontiguousarray(columns[:, i : i + 1]))
        if starts[0] != NONE:
            made.append((int(starts[0]), bars[:, 0]))
    assert [start for start, _ in made] == joined[0].tolist()
    np.testing.assert_array_equal(np.array([bar for _, bar in made]).T, joined[1])


def test_an_interval_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        Aggregator(60, 90)
