"""A table of one-minute candles as people hand it in: what is refused, what is put right, what is only counted.

Refused with one line that names column, value and row: times, symbols or prices that are none, and times that cannot be minutes
of one stretch. Put right: times as datetime, numbers of any width, symbols as categories, bars told twice (the last one
counts). A value nobody knows, null or NaN, is counted in `unknown`: a volume counts as 0, an open, high or low as the bar's close, and
a bar without close is no bar.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np
import polars as pl

NEEDED: Final = ("symbol", "ts_ms", "open", "high", "low", "close", "volume")
PRICES: Final = ("open", "high", "low", "close")
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
LAST_MS: Final = 10**14
"""Unix milliseconds of the year 5138: a time from here on is counted in smaller units."""
MOST_DIFFERENT: Final = 0.02
"""Part of the bars that may be told twice with different values: an overlap of downloads, not a mixture of intervals."""
LEAST_STEPS: Final = 10
"""Steps from bar to bar that tell the interval of candles."""
SAME_STEPS: Final = 0.9
"""Part of the steps that are multiples of the median one in candles longer than a minute; thin coins' steps are of all lengths."""


class CandleTable(msgspec.Struct, frozen=True, kw_only=True):
    """Columns `NEEDED`, one row per symbol and minute, every value finite; `unknown` counts by column what was null or NaN."""

    frame: pl.DataFrame
    unknown: dict[str, int]


def clean(frame: pl.DataFrame) -> CandleTable:
    """Check and put right the rows of a table, kept in their order. Raises `ValueError` saying what is wrong with which column."""
    typed = with_types(frame)
    _check_keys(typed)
    unknown = {name: int((typed[name].is_null() | typed[name].is_nan()).sum()) for name in NEEDED[2:]}
    known = typed.with_columns(pl.col(NEEDED[2:]).fill_nan(None)).drop_nulls("close")
    if known.is_empty():
        raise ValueError("close: expected prices, was none known")
    known = known.with_columns(pl.col(PRICES).fill_null(pl.col("close")), pl.col("volume").fill_null(0.0))
    for name in PRICES:
        _refuse(known, name, (pl.col(name) <= 0.0) | pl.col(name).is_infinite(), "finite prices above 0")
    _refuse(known, "volume", (pl.col("volume") < 0.0) | pl.col("volume").is_infinite(), "finite volumes of 0 or more")
    _check_stretch(known)
    return CandleTable(frame=_once(known), unknown={name: count for name, count in unknown.items() if count})


def with_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the needed columns as text, Unix milliseconds and floats. Raises `ValueError` where one is missing or nothing such."""
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise ValueError(
            f"expected candles with columns {', '.join(NEEDED)}; missing {', '.join(missing)}, found {', '.join(frame.columns) or 'none'}"
        )
    if frame.is_empty():
        raise ValueError("expected candles, was a table without rows")
    symbol, ts = frame.schema["symbol"], frame.schema["ts_ms"]
    if not isinstance(symbol, pl.String | pl.Categorical | pl.Enum | pl.Null):
        raise ValueError(f"symbol: expected names such as BTCUSDT, was of type {symbol}")  # noqa: TRY004 - bad data, not a bad call
    if isinstance(ts, pl.Datetime | pl.Date):
        time = pl.col("ts_ms").dt.epoch("ms")
    elif ts.is_integer() or ts.is_float() or isinstance(ts, pl.Null):
        time = pl.col("ts_ms").fill_nan(None) if ts.is_float() else pl.col("ts_ms")
    else:
        raise ValueError(f"ts_ms: expected Unix milliseconds or a datetime, was of type {ts}")
    for name in NEEDED[2:]:
        if not (frame.schema[name].is_numeric() or isinstance(frame.schema[name], pl.Null)):
            raise ValueError(f"{name}: expected numbers, was of type {frame.schema[name]}")
    try:
        return frame.select(
            pl.col("symbol").cast(pl.String),
            time.cast(pl.Int64),
            *(pl.col(name).cast(pl.Float64) for name in NEEDED[2:]),
        )
    except pl.exceptions.PolarsError as e:  # unsigned or infinite times beyond 64 bits
        raise ValueError(f"ts_ms: expected Unix milliseconds, was beyond 64 bits: {str(e).splitlines()[0]}") from e


def check_minutes(frame: pl.DataFrame) -> None:
    """Refuse candles longer than a minute, of one symbol or of one day of it too. Raises `ValueError` naming symbol and step."""
    steps = (
        frame.sort("symbol", "ts_ms")
        .with_columns(step=pl.col("ts_ms").diff().over("symbol"), day=pl.col("ts_ms") // DAY_MS)
        .drop_nulls("step")
    )
    median = pl.col("step").quantile(0.5, "lower").cast(pl.Int64)
    for by in (["symbol"], ["symbol", "day"]):
        longer = (
            steps.group_by(by, maintain_order=True)
            .agg(median.alias("median"), (pl.col("step") % median == 0).mean().alias("same"), pl.len().alias("count"))
            .filter(pl.col("count") >= LEAST_STEPS, pl.col("median") > MINUTE_MS, pl.col("same") >= SAME_STEPS)
        )
        if not longer.is_empty():
            row = longer.row(0, named=True)
            on = f" on {_time(row['day'] * DAY_MS)[:10]}" if "day" in row else ""
            others = longer["symbol"].n_unique() - 1
            raise ValueError(
                f"expected one-minute candles, was {row['symbol']} with a step of {row['median'] // MINUTE_MS} minutes{on}"
                + (f"; symbols like it: {others + 1}" if others else "")
            )
    if steps.height and (frame["ts_ms"] % (5 * MINUTE_MS) == 0).all():  # too few for the rule above
        raise ValueError("expected one-minute candles, was none that opens between full five minutes")


def _check_keys(frame: pl.DataFrame) -> None:
    """Refuse rows whose symbol or time is none."""
    for name in ("symbol", "ts_ms"):
        lost = frame.filter(pl.col(name).is_null())
        if not lost.is_empty():
            other = lost["symbol"][0] if name == "ts_ms" else lost["ts_ms"][0]
            where = f"beside {'symbol' if name == 'ts_ms' else 'ts_ms'} {other}"
            raise ValueError(
                f"{name}: expected no nulls, was null in {lost.height:,} of {frame.height:,} rows, first {where}"
            )
    times = frame["ts_ms"]
    for limit, unit in ((1000 * LAST_MS, "nanoseconds"), (LAST_MS, "microseconds")):
        if (times.abs() >= limit).any():
            row = frame.filter(pl.col("ts_ms").abs() >= limit).row(0, named=True)
            raise ValueError(
                f"ts_ms: expected Unix milliseconds, was {row['ts_ms']} ({row['symbol']}), which looks like {unit}"
            )
    before = frame.filter(pl.col("ts_ms") < 0)
    if not before.is_empty():
        raise ValueError(f"ts_ms: expected times since 1970, was {before['ts_ms'][0]} ({before['symbol'][0]})")
    off = frame.filter(pl.col("ts_ms") % MINUTE_MS != 0)
    if not off.is_empty():
        symbol, at = off["symbol"][0], int(off["ts_ms"][0])
        raise ValueError(f"ts_ms: expected opening times at full minutes, was {at} ({symbol}), {_likely(times)}")


def _likely(times: pl.Series) -> str:
    """Say what times off the minute may be instead of opening times in milliseconds."""
    values = times.to_numpy()
    if (values % MINUTE_MS >= MINUTE_MS - 1000).all():
        return "which looks like a closing time"
    if 10**8 <= values.min() <= values.max() < 10**11 and (values % 60 == 0).all():
        return "which looks like seconds"
    return f"{int((values % MINUTE_MS != 0).sum()):,} of {len(values):,} rows like it"


def _refuse(frame: pl.DataFrame, name: str, bad: pl.Expr, expected: str) -> None:
    """Refuse rows with a value that is none, naming the first."""
    rows = frame.filter(bad)
    if not rows.is_empty():
        row = rows.row(0, named=True)
        raise ValueError(
            f"{name}: expected {expected}, was {row[name]} for {row['symbol']} at {_time(row['ts_ms'])} UTC; "
            f"rows like it: {rows.height:,} of {frame.height:,}"
        )


def _check_stretch(frame: pl.DataFrame) -> None:
    """Refuse times with a hole that is longer than a day and than all minutes there are: figures a day would mean nothing."""
    minutes = frame["ts_ms"].unique().sort().to_numpy()
    if len(minutes) < 2:
        return
    holes = np.diff(minutes)
    widest = int(holes.argmax())
    if holes[widest] <= max(DAY_MS, len(minutes) * MINUTE_MS):
        return
    before, after = int(minutes[widest]), int(minutes[widest + 1])
    counts = (frame["ts_ms"] <= before).sum(), (frame["ts_ms"] >= after).sum()
    edge = before if counts[0] <= counts[1] else after
    symbol = frame.filter(pl.col("ts_ms") == edge)["symbol"][0]
    raise ValueError(
        f"ts_ms: expected one stretch of time, was without any bar from {_time(before)} to {_time(after)} UTC; {min(counts):,} of "
        f"{frame.height:,} rows lie {'before' if edge == before else 'after'} that, such as {symbol} at {edge} (take each part by itself)"
    )


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row per symbol and minute, the last one. Raises `ValueError` where many of the others differ."""
    once = frame.unique(["symbol", "ts_ms"], keep="last", maintain_order=True)
    if once.height == frame.height:
        return once
    different = frame.unique(maintain_order=True).filter(pl.struct("symbol", "ts_ms").is_duplicated())
    keys = different.unique(["symbol", "ts_ms"], maintain_order=True)
    if keys.height > MOST_DIFFERENT * once.height:
        row = keys.row(0, named=True)
        raise ValueError(
            f"expected one candle per symbol and minute, was {keys.height:,} of {once.height:,} with different values, first "
            f"{row['symbol']} at {_time(row['ts_ms'])} UTC: candles of several intervals or markets?"
        )
    return once


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")
