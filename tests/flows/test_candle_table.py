"""Tables of candles as people hand them in: what is refused, in which words, and what is put right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from contracts.errors import ArchiveError
from flows.candle_source import read_candles
from flows.candle_table import clean, with_types
from flows.discovery_measure.candles import Panel, load_candles, panel_from_frame

START = 1_617_321_600_000  # 2021-04-02
MINUTE = 60_000
PRICES = ["open", "high", "low", "close"]


def table(minutes: int = 70, symbols: tuple[str, ...] = ("AUSDT", "BUSDT"), step: int = 1) -> pl.DataFrame:
    rows = [
        {
            "symbol": name,
            "ts_ms": START + bar * step * MINUTE,
            "open": 1.0,
            "high": 2.0,
            "low": 0.5,
            "close": 1.5,
            "volume": 9.0,
        }
        for name in symbols
        for bar in range(minutes)
    ]
    return pl.DataFrame(rows)


def with_value(column: str, value: Any, row: int = 5, frame: pl.DataFrame | None = None) -> pl.DataFrame:
    """The table with one value replaced."""
    frame = table() if frame is None else frame
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, dtype=frame.schema[column])).otherwise(pl.col(column)).alias(column)
    )


def refusal(frame: pl.DataFrame) -> str:
    with pytest.raises(ValueError, match="expected") as error:
        panel_from_frame(frame)
    assert type(error.value) is ValueError
    assert "\n" not in str(error.value)
    return str(error.value)


def assert_same(one: Panel, other: Panel) -> None:
    assert one.symbols == other.symbols
    for name in ("open_ms", *PRICES, "volume", "present", "first"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("column", PRICES)
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf")])
def test_a_price_that_is_none_is_refused_with_column_symbol_time_and_count(column: str, value: float) -> None:
    text = refusal(with_value(column, value, 75, with_value(column, value)))
    assert text == (
        f"{column}: expected finite prices above 0, was {value} for AUSDT at 2021-04-02T00:05 UTC; rows like it: 2 of 140"
    )


@pytest.mark.parametrize("value", [-5.0, float("inf")])
def test_a_volume_that_is_none_is_refused(value: float) -> None:
    assert refusal(with_value("volume", value)).startswith("volume: expected finite volumes of 0 or more, was")


@pytest.mark.parametrize("value", [None, float("nan")])
def test_unknown_values_are_counted_and_stand_for_nothing_new(value: float | None) -> None:
    frame = table()
    for column, row in (("volume", 5), ("open", 6), ("high", 6), ("low", 7), ("close", 8)):
        frame = with_value(column, value, row, frame)
    panel = panel_from_frame(frame)
    assert panel.unknown == {"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    assert panel.volume[5:9, 0].tolist() == [0.0, 9.0, 9.0, 0.0]
    assert panel.open[5:8, 0].tolist() == [1.0, 1.5, 1.0]
    assert (panel.high[6, 0], panel.low[7, 0], panel.close[8, 0]) == (1.5, 1.5, 1.5)
    assert panel.present[:10, 0].tolist() == [True] * 8 + [False, True]
    assert panel_from_frame(table()).unknown == {}


def test_closes_that_are_all_unknown_are_refused() -> None:
    assert refusal(table().with_columns(close=float("nan"))) == "close: expected prices, was none known"


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_times_as_datetime_are_taken(unit: Any, zone: str | None) -> None:
    time = pl.from_epoch("ts_ms", "ms").cast(pl.Datetime(unit))
    if zone is not None:
        time = time.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    assert_same(panel_from_frame(table().with_columns(ts_ms=time)), panel_from_frame(table()))


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (["ts_ms"], pl.Float64), (["ts_ms"], pl.UInt64), (["symbol"], pl.Categorical),
        ([*PRICES, "volume"], pl.Float32), ([*PRICES, "volume"], pl.Decimal(20, 8)),
    ],
)  # fmt: skip
def test_other_types_that_mean_the_same_are_taken(columns: list[str], kind: Any) -> None:
    assert_same(panel_from_frame(table().with_columns(pl.col(columns).cast(kind))), panel_from_frame(table()))


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("ts_ms", "ts_ms: expected Unix milliseconds or a datetime, was of type String"),
        ("close", "close: expected numbers, was of type String"),
    ],
)
def test_text_for_numbers_is_refused_with_column_and_type(column: str, text: str) -> None:
    assert refusal(table().with_columns(pl.col(column).cast(pl.String))) == text


def test_symbols_that_are_none_are_refused() -> None:
    assert refusal(table().with_columns(symbol=5)) == "symbol: expected names such as BTCUSDT, was of type Int32"
    text = refusal(with_value("symbol", None))
    assert text == "symbol: expected no nulls, was null in 1 of 140 rows, first beside ts_ms 1617321900000"


def test_a_missing_time_is_refused_beside_its_symbol() -> None:
    text = refusal(with_value("ts_ms", None))
    assert text == "ts_ms: expected no nulls, was null in 1 of 140 rows, first beside symbol AUSDT"


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (pl.col("ts_ms") * 1000, "was 1617321600000000 (AUSDT), which looks like microseconds"),
        (pl.col("ts_ms") * 1_000_000, "was 1617321600000000000 (AUSDT), which looks like nanoseconds"),
        (pl.col("ts_ms") // 1000, "was 1617321600 (AUSDT), which looks like seconds"),
        (pl.col("ts_ms") + 59_999, "was 1617321659999 (AUSDT), which looks like a closing time"),
        (pl.col("ts_ms") + 1, "was 1617321600001 (AUSDT), 140 of 140 rows like it"),
        (-pl.col("ts_ms"), "expected times since 1970, was -1617321600000 (AUSDT)"),
        (pl.lit(-(2**63)), "expected times since 1970, was -9223372036854775808 (AUSDT)"),
        (pl.col("ts_ms").cast(pl.UInt64) + 2**63, "beyond 64 bits"),
    ],
)
def test_times_in_another_unit_are_refused_by_its_name(times: pl.Expr, text: str) -> None:
    assert text in refusal(table().with_columns(ts_ms=times))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            0,
            "without any bar from 1970-01-01T00:00 to 2021-04-02T00:00 UTC; 1 of 140 rows lie before that, such as AUSDT at 0",
        ),
        (START + 3650 * 86_400_000, "1 of 140 rows lie after that, such as AUSDT at 1932681600000"),
    ],
)
def test_a_stray_time_is_named_instead_of_filling_memory(value: int, text: str) -> None:
    assert text in refusal(with_value("ts_ms", value))


def test_gaps_that_data_may_have_are_no_stray_times() -> None:
    frame = table(3000)
    assert (
        panel_from_frame(frame.filter(~pl.col("ts_ms").is_between(START + 60 * MINUTE, START + 1500 * MINUTE))).bars
        == 3000
    )


@pytest.mark.parametrize("step", [2, 3, 5, 15])
def test_candles_longer_than_a_minute_are_refused_with_symbol_and_step(step: int) -> None:
    text = refusal(pl.concat([table(40), table(40, ("LONGUSDT",), step)]))
    assert text == f"expected one-minute candles, was LONGUSDT with a step of {step} minutes"
    text = refusal(table(40, step=step))
    assert text == f"expected one-minute candles, was AUSDT with a step of {step} minutes; symbols like it: 2"


def test_a_day_of_longer_candles_is_refused_too() -> None:
    days = table(4000)
    text = refusal(days.filter((pl.col("ts_ms") < START + 2880 * MINUTE) | (pl.col("ts_ms") % (5 * MINUTE) == 0)))
    assert "AUSDT with a step of 5 minutes on 2021-04-04" in text


def test_a_thin_coin_whose_quiet_minutes_are_left_out_is_taken() -> None:
    traded = np.random.default_rng(0).random(4000) < 0.3
    thin = table(4000, ("THINUSDT",)).filter(pl.Series(traded))
    panel = panel_from_frame(pl.concat([table(4000), thin]))
    assert int(panel.present[:, panel.symbols.index("THINUSDT")].sum()) == int(traded.sum())


def test_the_last_of_bars_told_twice_counts_unless_many_differ() -> None:
    again = table().with_columns(close=pl.when(pl.col("ts_ms") == START).then(1.75).otherwise(pl.col("close")))
    assert panel_from_frame(pl.concat([table(), again])).close[:2, 0].tolist() == [1.75, 1.5]
    text = refusal(pl.concat([table(), table().with_columns(close=pl.col("close") + 0.25)]))
    assert "was 140 of 140 with different values, first AUSDT at 2021-04-02T00:00 UTC" in text


def test_missing_columns_are_named_beside_those_found() -> None:
    text = refusal(table().rename({"ts_ms": "timestamp"}))
    assert text.endswith("; missing ts_ms, found symbol, timestamp, open, high, low, close, volume")


def test_a_folder_may_mix_the_types_of_a_column_and_names_the_file_that_is_wrong(tmp_path: Path) -> None:
    table(40).write_parquet(tmp_path / "a.parquet")
    later = table().filter(pl.col("ts_ms") >= START + 40 * MINUTE)
    later.with_columns(ts_ms=pl.from_epoch("ts_ms", "ms"), trades=1).write_parquet(tmp_path / "b.parquet")
    assert_same(load_candles(tmp_path), panel_from_frame(table()))
    table().drop("low").write_parquet(tmp_path / "c.parquet")
    with pytest.raises(ValueError, match=r"c\.parquet: .*missing low, found"):
        load_candles(tmp_path)


def test_a_log_is_derived_from_the_same_table(tmp_path: Path) -> None:
    frame = with_value("volume", None, 5, with_value("close", None))
    frame.with_columns(ts_ms=pl.from_epoch("ts_ms", "ms")).write_parquet(tmp_path / "a.parquet")
    candles = read_candles(tmp_path / "a.parquet")
    assert int(candles.present.sum()) == clean(frame).frame.height == 139
    with_value("low", 0.0).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(ArchiveError, match=r"b\.parquet: low: expected finite prices above 0, was 0\.0 for AUSDT"):
        read_candles(tmp_path / "b.parquet")


def test_types_alone_change_no_value() -> None:
    assert with_types(table()).equals(table())
