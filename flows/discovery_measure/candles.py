"""Candles as a dense panel: minutes in rows, symbols in columns.

A missing bar carries the last close with volume 0; before a symbol's first bar everything is NaN and its volume 0.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from operators.universe import is_excluded

BAR_MS = 60_000
DAY_MS = 86_400_000


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One-minute bars of a universe.

    `open_ms` (T,) int64 are open times in Unix milliseconds; the price arrays are (T, S) float64 in quote currency,
    `volume` (T, S) in base currency, `present` (T, S) tells real bars from carried ones, `first` (S,) each symbol's
    first bar. `excluded` names what the universe leaves out.
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

    @property
    def bars(self) -> int:
        """How many minutes the panel has."""
        return int(self.open_ms.shape[0])


def panel_from_frame(frame: pl.DataFrame) -> Panel:
    """Build the panel from columns symbol, ts_ms (open time), open, high, low, close, volume in any order of rows.

    Raises `ValueError` when a column is missing, when the frame is empty, or when a time is off the minute.
    """
    missing = {"symbol", "ts_ms", "open", "high", "low", "close", "volume"} - set(frame.columns)
    if missing:
        raise ValueError(f"expected candles with columns symbol, ts_ms, open..volume, was without {sorted(missing)}")
    names = sorted(frame["symbol"].unique().to_list())
    excluded = tuple(name for name in names if is_excluded(name))
    symbols = tuple(name for name in names if not is_excluded(name))
    kept = frame.filter(pl.col("symbol").is_in(symbols)).unique(["symbol", "ts_ms"], keep="last")
    if kept.is_empty():
        raise ValueError("expected candles of at least one tradable symbol, was none")
    times = kept["ts_ms"].to_numpy()
    if (times % BAR_MS).any():
        raise ValueError("expected one-minute open times in Unix milliseconds, was a time off the minute")
    if not (times % (5 * BAR_MS)).any() and times.min() != times.max():
        raise ValueError("expected one-minute candles, was longer ones")
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
    prices = {}
    for name in ("open", "high", "low"):
        column = np.full(shape, np.nan)
        column[row, codes] = kept[name].to_numpy()
        prices[name] = np.where(present, column, close)
    return Panel(
        symbols=symbols,
        open_ms=start + np.arange(bars, dtype=np.int64) * BAR_MS,
        close=close,
        volume=volume,
        present=present,
        first=first,
        excluded=excluded,
        **prices,
    )


def _carry(shape: tuple[int, int], row: np.ndarray, codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the dense (T, S) array with the last known value carried forward, NaN before the first."""
    dense = np.full(shape, np.nan)
    dense[row, codes] = values
    known = np.where(np.isnan(dense), 0, np.arange(shape[0])[:, None])
    np.maximum.accumulate(known, axis=0, out=known)
    return np.take_along_axis(dense, known, axis=0)


def load_candles(path: Path) -> Panel:
    """Read one Parquet file or every Parquet file below a folder. Raises `ValueError` when they hold no such candles."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: expected Parquet files of candles, was none")
    try:
        frame = pl.concat([pl.read_parquet(file) for file in files])
    except (pl.exceptions.PolarsError, OSError) as e:
        raise ValueError(f"{path}: not readable as Parquet: {str(e).splitlines()[0]}") from e
    try:
        return panel_from_frame(frame)
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from e
