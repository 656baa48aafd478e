"""A log derived from one-minute candles: what a venue's whole-market ticker stream would have told, in columns.

Every bar becomes four points of its symbol, each in a ticker array of all symbols that have a bar in that minute:

    second   0.5    20.5        40.5        59.5
    price    open   low, high   high, low   close     (low first in a rising bar, high first in a falling one)

The usual assumption about a bar's inside: it first goes against its direction. The 24 h volumes roll: bars that drop
out leave with the first point, and the bar's own volume comes in thirds with the other three, so that bars made of the
tickers have the candle's volume. Candles carry base volume only; the quote volume is each third at its point's price.
A heartbeat stands at every second. `Instruments` come first, and again when a symbol has its first bar (a listing);
tick and lot sizes are the decimals of its prices and volumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from contracts.errors import ArchiveError
from contracts.events import InstrumentRow, Instruments, encode_event
from flows.candle_table import clean
from operators.slices import B1, F8, I4, I8, MINUTE, SECOND, ColumnBatch, Kind
from operators.universe import split_symbol

DAY_BARS = 1440
POINTS_NS = (SECOND // 2, 20 * SECOND + SECOND // 2, 40 * SECOND + SECOND // 2, 59 * SECOND + SECOND // 2)
BEATS_BEFORE = (1, 21, 41, 60)  # heartbeats that stand before each point
DELAY_NS = 20_000_000  # from a ticker's time to its receipt
LISTED_AFTER = 10  # a symbol without a bar in the first minutes was listed later
MIN_NOTIONAL = "10"
DECIMALS = 8


@dataclass(slots=True)
class Candles:
    """T minutes, S symbols, prices NaN where there is no bar; `first` (S,) is each symbol's first minute."""

    names: list[str]
    start: int  # Unix ns of minute 0
    open: F8
    high: F8
    low: F8
    close: F8
    volume: F8
    present: B1
    first: I8

    def __len__(self) -> int:
        return len(self.present)


def candle_batches(
    parquet: Path, t_from: int | None = None, t_to: int | None = None, rows: int = 50_000
) -> Iterator[ColumnBatch]:
    """Yield the derived log of a file with columns symbol, ts_ms (open time, UTC), open, high, low, close, volume.

    t_from, t_to: Unix ns; minutes that open in [t_from, t_to). Volumes and the price of a day ago know the bars
    before. Offsets count from 0; the same file and range give the same batches. Raises ArchiveError where the file is
    no such table.
    """
    candles = read_candles(parquet)
    begin = 0 if t_from is None else max(0, -(-(t_from - candles.start) // MINUTE))
    end = len(candles) if t_to is None else min(len(candles), -(-(t_to - candles.start) // MINUTE))
    return _Walk(candles).batches(begin, end, rows)


def read_candles(parquet: Path) -> Candles:
    """Load one-minute candles as columns over time and symbols. Raises ArchiveError."""
    try:
        frame = pl.read_parquet(parquet)
    except (OSError, pl.exceptions.PolarsError) as e:
        raise ArchiveError(f"{parquet}: no readable Parquet file: {str(e).splitlines()[0]}") from e
    try:
        frame = clean(frame).frame
    except ValueError as e:
        raise ArchiveError(f"{parquet}: {e}") from e
    ts: I8 = frame["ts_ms"].to_numpy()
    if not (ts % 300_000).any():
        raise ArchiveError(f"{parquet}: expected one-minute candles, opening at full minutes")
    names = sorted(frame["symbol"].unique().to_list())
    row: I8 = (ts - ts.min()) // 60_000
    number = {name: code for code, name in enumerate(names)}
    code = frame["symbol"].replace_strict(list(number), list(number.values()), return_dtype=pl.Int64).to_numpy()
    shape = (int(row.max()) + 1, len(names))

    def column(name: str, empty: float) -> F8:
        dense: F8 = np.full(shape, empty)
        dense[row, code] = frame[name].to_numpy()
        return dense

    present: B1 = np.zeros(shape, dtype=np.bool_)
    present[row, code] = True
    prices = {name: column(name, np.nan) for name in ("open", "high", "low", "close")}
    return Candles(
        names=names, start=int(ts.min()) * 1_000_000, volume=column("volume", 0.0), present=present, first=present.argmax(axis=0), **prices
    )  # fmt: skip


class _Walk:
    """Minutes of candles on their way into batches."""

    def __init__(self, candles: Candles) -> None:
        self._candles = c = candles
        rising = c.close >= c.open
        second, third = np.where(rising, c.low, c.high), np.where(rising, c.high, c.low)
        self._prices = (c.open, second, third, c.close)
        share = c.volume / 3.0
        quote = sum(share * np.where(c.present, price, 0.0) for price in self._prices[1:])
        self._share = share
        self._base = _rolling(c.volume)
        self._quote = _rolling(np.asarray(quote))
        self._day_ago = _day_ago(c)
        self._rules = [_instrument(c, number) for number in range(len(c.names))]
        self._offset = 0

    def batches(self, begin: int, end: int, rows: int) -> Iterator[ColumnBatch]:
        width = len(self._candles.names)
        step = max(1, rows // (60 + 4 * width + 1))
        for first in range(begin, end, step):
            yield self._batch(first, min(first + step, end), first == begin)

    def _batch(self, begin: int, end: int, opening: bool) -> ColumnBatch:
        c = self._candles
        listed = {minute: self._news(minute, opening and minute == begin) for minute in range(begin, end)}
        size = sum(60 + 4 * int(c.present[m].sum()) + (listed[m] is not None) for m in range(begin, end))
        out = ColumnBatch(
            offset=np.empty(size, dtype=np.int64), kind=np.zeros(size, dtype=np.uint8), symbol=np.full(size, -1,
            dtype=np.int32),
            names=c.names, ts_event=np.empty(size, dtype=np.int64), ts_recv=np.empty(size, dtype=np.int64),
            v0=np.zeros(size),
            v1=np.zeros(size), v2=np.zeros(size), v3=np.zeros(size), payloads=[],
        )  # fmt: skip
        row = 0
        for minute in range(begin, end):
            news = listed[minute]
            if news is not None:
                row = self._event(out, row, minute, news)
            row = self._minute(out, row, minute)
        return out

    def _minute(self, out: ColumnBatch, row: int, minute: int) -> int:
        c = self._candles
        ts = c.start + minute * MINUTE
        codes: I4 = np.flatnonzero(c.present[minute]).astype(np.int32)
        base, quote = self._base[minute, codes], self._quote[minute, codes]
        share, day_ago = self._share[minute, codes], self._day_ago[minute, codes]
        beat = 0
        for point, at in enumerate(POINTS_NS):
            row = self._beats(out, row, ts, beat, BEATS_BEFORE[point])
            beat = BEATS_BEFORE[point]
            if not len(codes):
                continue
            price = self._prices[point][minute, codes]
            if point:
                base, quote = base + share, quote + share * price
            part = slice(row, row + len(codes))
            out.offset[part] = self._offset
            out.kind[part] = Kind.TICKER
            out.symbol[part] = codes
            out.ts_event[part] = ts + at
            out.ts_recv[part] = ts + at + DELAY_NS
            out.v0[part], out.v1[part], out.v2[part], out.v3[part] = price, quote, base, day_ago
            self._offset += 1
            row += len(codes)
        return row

    def _beats(self, out: ColumnBatch, row: int, ts: int, first: int, end: int) -> int:
        count = end - first
        part = slice(row, row + count)
        out.offset[part] = np.arange(self._offset, self._offset + count)
        out.ts_event[part] = out.ts_recv[part] = ts + np.arange(first, end) * SECOND
        out.v0[part] = np.arange(self._offset, self._offset + count)
        self._offset += count
        return row + count

    def _event(self, out: ColumnBatch, row: int, minute: int, payload: bytes) -> int:
        out.offset[row] = self._offset
        out.kind[row] = Kind.EVENT
        out.ts_event[row] = out.ts_recv[row] = self._candles.start + minute * MINUTE
        out.v0[row] = len(out.payloads)
        out.payloads.append(payload)
        self._offset += 1
        return row + 1

    def _news(self, minute: int, opening: bool) -> bytes | None:
        first = self._candles.first
        new = np.flatnonzero(
            first <= max(minute, LISTED_AFTER) if opening else (first == minute) & (first > LISTED_AFTER)
        )
        if not len(new):
            return None
        rows = [self._rules[number] for number in new.tolist()]
        return encode_event(Instruments(ts_recv=self._candles.start + minute * MINUTE, rows=rows, complete=opening))


def _rolling(volume: F8) -> F8:
    """Volume of the last 24 h when a minute opens: the bars before it, of those 1439 at most."""
    total: F8 = np.zeros((len(volume) + 1, volume.shape[1]))
    np.cumsum(volume, axis=0, out=total[1:])
    before = total[:-1].copy()
    before[DAY_BARS - 1 :] -= total[: max(0, len(volume) - DAY_BARS + 1)]
    return np.maximum(before, 0.0)


def _day_ago(candles: Candles) -> F8:
    """Price 24 h before each minute, the first known one where the symbol is younger."""
    carried = pl.DataFrame(candles.open).fill_nan(None).select(pl.all().forward_fill()).to_numpy()
    first = candles.open[candles.first, np.arange(len(candles.names))]
    late: F8 = np.broadcast_to(first, carried.shape).copy()
    if len(carried) > DAY_BARS:
        old = carried[:-DAY_BARS]
        late[DAY_BARS:] = np.where(np.isnan(old), first, old)
    return late


def _instrument(candles: Candles, number: int) -> InstrumentRow:
    name = candles.names[number]
    seen = candles.present[:, number]
    prices = np.concatenate(
        [column[seen, number] for column in (candles.open, candles.high, candles.low, candles.close)]
    )
    first = int(candles.first[number])
    base, quote = split_symbol(name)
    lot = _step(candles.volume[seen, number])
    return InstrumentRow(
        symbol=name, base=base, quote=quote or "USDT", status="TRADING", tick_size=_step(prices),
        lot_size=lot,
        min_quantity=lot, min_notional=MIN_NOTIONAL,
        ts_listed=candles.start + first * MINUTE if first > LISTED_AFTER else None,
    )  # fmt: skip


def _step(values: F8) -> str:
    """The decimal step that all values are multiples of.

    >>> _step(np.array([1.25, 3.0])), _step(np.array([7.0]))
    ('0.01', '1')
    """
    for digits in range(DECIMALS):
        if (np.round(values, digits) == values).all():
            return f"{10.0**-digits:.{digits}f}"
    return f"{10.0**-DECIMALS:.{DECIMALS}f}"
