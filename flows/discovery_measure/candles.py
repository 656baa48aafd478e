"""Candles as a dense panel: minutes in rows, symbols in columns.

A missing bar carries the last close with volume 0, and so does one whose close is unknown; before a symbol's first bar everything is
NaN and its volume 0.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from flows.candle_table import CandleTable, check_minutes, clean, with_types
from operators.universe import is_excluded

BAR_MS = 60_000
DAY_MS = 86_400_000


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One-minute bars of a universe.

    `open_ms` (T,) int64 are open times in Unix milliseconds; the price arrays are (T, S) float64 in quote currency,
    `volume` (T, S) in base currency, `present` (T, S) tells real bars from carried ones, `first` (S,) each symbol's
    first bar. `excluded` names what the universe leaves out, `unknown` counts by column the values that nobody knew (see
    `candle_table`).
    """

    symbols: tuple[str, ...]
    open_ms: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    present: np.ndarray
    first: np.ndarray
    excluded: tuple[str, ...] = ()
    unknown: dict[str, int] = {}

    @property
    def bars(self) -> int:
        """How many minutes the panel has."""
        return int(self.open_ms.shape[0])


def panel_from_frame(frame: pl.DataFrame) -> Panel:
    """Build the panel from columns symbol, ts_ms (open time), open, high, low, close, volume in any order of rows.

    Raises `ValueError` naming column, value and row where the table holds no such candles (see `candle_table`).
    """
    return _panel_of_table(_minutes(frame))


def panel_of_bars(frame: pl.DataFrame) -> Panel:
    """Build the panel from bars of the desk, which are known to be good. Raises `ValueError` when none is of a coin."""
    names = sorted(frame["symbol"].unique().to_list())
    excluded = tuple(name for name in names if is_excluded(name))
    symbols = tuple(name for name in names if not is_excluded(name))
    kept = frame.filter(pl.col("symbol").is_in(symbols))
    if kept.is_empty():
        raise ValueError("expected candles of at least one tradable symbol, was none")
    times = kept["ts_ms"].to_numpy()
    start = int(times.min())
    bars = int((times.max() - start) // BAR_MS) + 1
    row = ((times - start) // BAR_MS).astype(np.int64)
    codes = kept["symbol"].replace_strict(list(symbols), list(range(len(symbols))), return_dtype=pl.Int64).to_numpy()
    shape = (bars, len(symbols))
    present = np.zeros(shape, dtype=np.bool_)
    present[row, codes] = True
    volume = np.zeros(shape)
    volume[row, codes] = kept["volume"].to_numpy()
    close = _carry(shape, row, codes, kept["close"].to_numpy())
    first = np.where(present.any(axis=0), present.argmax(axis=0), bars)

    def price(name: str) -> np.ndarray:
        column = np.full(shape, np.nan)
        column[row, codes] = kept[name].to_numpy()
        return np.where(present, column, close)

    return Panel(
        symbols=symbols,
        open_ms=start + np.arange(bars, dtype=np.int64) * BAR_MS,
        open=price("open"),
        high=price("high"),
        low=price("low"),
        close=close,
        volume=volume,
        present=present,
        first=first,
        excluded=excluded,
    )


def _carry(shape: tuple[int, int], row: np.ndarray, codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the dense (T, S) array with the last known value carried forward, NaN before the first."""
    dense = np.full(shape, np.nan)
    dense[row, codes] = values
    known = np.where(np.isnan(dense), 0, np.arange(shape[0])[:, None])
    np.maximum.accumulate(known, axis=0, out=known)
    return np.take_along_axis(dense, known, axis=0)


def load_table(path: Path) -> CandleTable:
    """Read one Parquet file or every Parquet file below a folder. Raises `ValueError` when they hold no such candles."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: expected Parquet files of candles, was none")
    parts = []
    for file in files:
        try:
            # Files of one folder may write the same columns in different types.
            parts.append(with_types(pl.read_parquet(file)))
        except (pl.exceptions.PolarsError, OSError) as e:
            raise ValueError(f"{file}: not readable as Parquet: {str(e).splitlines()[0]}") from e
        except ValueError as e:
            raise ValueError(f"{file}: {e}") from e
    try:
        return _minutes(pl.concat(parts))
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from e


def load_candles(path: Path) -> Panel:
    """Read the panel of one Parquet file or every Parquet file below a folder. Raises `ValueError` as `load_table` does."""
    table = load_table(path)
    try:
        return _panel_of_table(table)
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from e


def _minutes(frame: pl.DataFrame) -> CandleTable:
    table = clean(frame)
    check_minutes(table.frame)
    return table


def _panel_of_table(table: CandleTable) -> Panel:
    return msgspec.structs.replace(panel_of_bars(table.frame), unknown=table.unknown)
