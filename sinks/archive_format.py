"""The archive's form: rows of Parquet from messages of the log, and the very same messages from the rows.

| column   | what                                                                                                  |
|----------|-------------------------------------------------------------------------------------------------------|
| offset   | of the message; the rows of one ticker array share it                                                 |
| kind     | 0 heartbeat, 1 trade, 2 quote, 3 ticker row, 4 any other event (`operators.slices.Kind`)              |
| symbol   | null where the event has none                                                                         |
| ts_event | Unix ns by the venue's clock, `ts_recv` where the event has no time of its own                        |
| ts_recv  | Unix ns of receipt; of bytes that nobody can read: that of the message before                         |
| v0..v5   | heartbeat: sequence; trade: price, quantity, side, id; quote: bid, ask, bid size, ask size;           |
|          | ticker: close, quote volume, base volume, open, high, low of 24 h                                     |
| payload  | the message itself for kind 4, and for any row whose columns would not give back the very bytes       |

A ticker array without rows is one row of kind 3 without a symbol. Rows of one message are never split over two row
groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts import events
from contracts.errors import ArchiveError
from contracts.events import Event, decode_event, encode_event

HEARTBEAT, TRADE, QUOTE, TICKER, EVENT = range(5)
SYMBOL_BYTES = 64  # a longer name is kept as the message it came in
EXACT = 1 << 53  # integers up to here are exact as float64
INT_END = 1 << 63
VALUES = ("v0", "v1", "v2", "v3", "v4", "v5")
NONE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

UNREADABLE = (OSError, pa.ArrowException, ValueError, MemoryError)  # a broken length asks for any amount of memory

SCHEMA = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("symbol", pa.dictionary(pa.int32(), pa.string())),
        pa.field("ts_event", pa.int64(), nullable=False),
        pa.field("ts_recv", pa.int64(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in VALUES),
        pa.field("payload", pa.binary()),
    ]
)
# Prices and sizes are short decimals that come again and again: as dictionaries they are read half as fast again as plain.
ENCODINGS: dict[str, str] = dict.fromkeys(("offset", "ts_event", "ts_recv"), "DELTA_BINARY_PACKED")


class Parsed(NamedTuple):
    """A message before it becomes rows: its bytes, its event if they are one, when it was received, how many rows it takes."""

    raw: bytes
    event: Event | None
    ts_recv: int
    rows: int


def parse(raw: bytes, ts_else: int) -> Parsed:
    """Decode a message. ts_else: Unix ns, taken where the message has no readable time."""
    try:
        event: Event | None = decode_event(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if event is None or not -INT_END <= event.ts_recv < INT_END:
        return Parsed(raw, None, ts_else, 1)
    return Parsed(raw, event, event.ts_recv, len(event.rows) or 1 if isinstance(event, events.Tickers) else 1)


class Rows:
    """Messages on their way into columns. `symbols` may be shared by the row groups of a file."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self.clear()

    def clear(self) -> None:
        """Forget the rows, keep the names."""
        self._offset: list[int] = []
        self._kind: list[int] = []
        self._symbol: list[int] = []
        self._ts_event: list[int] = []
        self._ts_recv: list[int] = []
        self._values: list[tuple[float, ...]] = []
        self._payload: list[bytes | None] = []

    def __len__(self) -> int:
        return len(self._kind)

    def add(self, offset: int, message: Parsed) -> None:
        """Append a message."""
        event = message.event
        if event is None:
            self._put(offset, EVENT, -1, message.ts_recv, message.ts_recv, NONE, message.raw)
        elif isinstance(event, events.Tickers):
            self._tickers(offset, event, message.raw)
        else:
            self._one(offset, event, message.raw)

    def _one(self, offset: int, event: Event, raw: bytes) -> None:
        values, kind, count = NONE, EVENT, 0
        if isinstance(event, events.Trade):
            kind, count = TRADE, event.trade_id
            values = (event.price, event.quantity, float(event.side), _float(count), 0.0, 0.0)
        elif isinstance(event, events.Quote):
            values = (event.bid, event.ask, event.bid_size, event.ask_size, 0.0, 0.0)
            kind = QUOTE
        elif isinstance(event, events.Heartbeat):
            kind, count = HEARTBEAT, event.sequence
            values = (_float(count), 0.0, 0.0, 0.0, 0.0, 0.0)
        symbol: str | None = getattr(event, "symbol", None)
        ts_event: int = getattr(event, "ts_event", event.ts_recv)
        if not _fits(symbol, ts_event, count):
            values, kind, symbol, ts_event = NONE, EVENT, None, event.ts_recv
        whole = kind == EVENT or abs(count) >= EXACT or encode_event(event) != raw
        code = -1 if symbol is None else self._code(symbol)
        self._put(offset, kind, code, ts_event, event.ts_recv, values, raw if whole else None)

    def _tickers(self, offset: int, event: events.Tickers, raw: bytes) -> None:
        ts_recv = event.ts_recv
        if not all(_fits(row[0], row[1]) for row in event.rows):
            self._put(offset, EVENT, -1, ts_recv, ts_recv, NONE, raw)
            return
        payload = raw if not event.rows or encode_event(event) != raw else None
        for symbol, ts_event, close, open_24h, high, low, base, quote in event.rows:
            values = (close, quote, base, open_24h, high, low)
            self._put(offset, TICKER, self._code(symbol), ts_event, ts_recv, values, payload)
            payload = None  # once is enough
        if not event.rows:
            self._put(offset, TICKER, -1, ts_recv, ts_recv, NONE, payload)

    def _code(self, symbol: str) -> int:
        return self._codes.setdefault(symbol, len(self._codes))

    def _put(
        self, offset: int, kind: int, symbol: int, ts_event: int, ts_recv: int, values: tuple[float, ...], payload: bytes | None
    ) -> None:  # fmt: skip
        self._offset.append(offset)
        self._kind.append(kind)
        self._symbol.append(symbol)
        self._ts_event.append(ts_event)
        self._ts_recv.append(ts_recv)
        self._values.append(values)
        self._payload.append(payload)

    def table(self) -> pa.Table:
        """The rows as one row group."""
        codes = np.array(self._symbol, dtype=np.int32)
        symbols = pa.DictionaryArray.from_arrays(
            pa.array(codes, mask=codes < 0), pa.array(list(self._codes) or [""], type=pa.string())
        )
        values = np.array(self._values, dtype=np.float64).reshape(-1, len(VALUES))
        columns = [
            np.array(self._offset, dtype=np.int64),
            np.array(self._kind, dtype=np.uint8),
            symbols,
            np.array(self._ts_event, dtype=np.int64),
            np.array(self._ts_recv, dtype=np.int64),
            *(np.ascontiguousarray(values[:, number]) for number in range(len(VALUES))),
            pa.array(self._payload, type=pa.binary()),
        ]
        return pa.Table.from_arrays([pa.array(column) for column in columns], schema=SCHEMA)


def open_writer(path: Path) -> pq.ParquetWriter:
    """A Parquet file in the archive's form; zstd, every page with a checksum."""
    return pq.ParquetWriter(
        path, SCHEMA, compression="zstd", compression_level=1, use_dictionary=["kind", "symbol", *VALUES],
        column_encoding=ENCODINGS,
        write_page_checksum=True, write_statistics=["offset", "ts_recv", "symbol", "payload"],
    )  # fmt: skip


def open_file(path: Path) -> pq.ParquetFile:
    """Open an archive file. Raises ArchiveError naming the file where it is corrupt or no archive."""
    try:
        file = pq.ParquetFile(path, read_dictionary=["symbol"], page_checksum_verification=True, pre_buffer=False)
    except KeyError as e:
        raise ArchiveError(f"{path}: not an archive of the log: no column {e.args[0]!r}") from e
    except UNREADABLE as e:
        raise corrupt(path, e) from e
    missing = sorted(set(SCHEMA.names) - set(file.schema_arrow.names))
    if missing:
        file.close()
        raise ArchiveError(f"{path}: not an archive of the log: columns {', '.join(missing)} missing")
    return file


def read_group(path: Path, file: pq.ParquetFile, number: int, columns: list[str]) -> pa.Table:
    """Read one row group. Raises ArchiveError naming the file where it is corrupt."""
    try:
        return file.read_row_group(number, columns=columns, use_threads=False)
    except UNREADABLE as e:
        raise corrupt(path, e) from e


def corrupt(path: Path, error: BaseException) -> ArchiveError:
    """The one line about a file that cannot be read."""
    text = " ".join(str(error).split())
    return ArchiveError(f"{path}: corrupt: {text}; restore it from a copy or move it away")


def messages(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of every message of a file, as they were on the log. Raises ArchiveError."""
    with open_file(path) as file:
        for number in range(file.num_row_groups):
            yield from rebuild(read_group(path, file, number, SCHEMA.names))


def rebuild(group: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of the messages of a row group."""
    for offset, rows in groupby(group.to_pylist(), key=lambda row: int(row["offset"])):
        first, *others = rows
        yield offset, first["payload"] if first["payload"] is not None else encode_event(_event(first, others))


def _event(row: dict[str, Any], others: list[dict[str, Any]]) -> Event:
    kind, ts_recv, ts_event, symbol = row["kind"], row["ts_recv"], row["ts_event"], row["symbol"]
    v0, v1, v2, v3 = row["v0"], row["v1"], row["v2"], row["v3"]
    if kind == HEARTBEAT:
        return events.Heartbeat(ts_recv=ts_recv, sequence=int(v0))
    if kind == TRADE:
        return events.Trade(
            ts_recv=ts_recv, symbol=symbol, price=v0, quantity=v1, side=1 if v2 > 0 else -1, trade_id=int(v3), ts_event=ts_event
        )  # fmt: skip
    if kind == QUOTE:
        return events.Quote(ts_recv=ts_recv, symbol=symbol, bid=v0, ask=v1, bid_size=v2, ask_size=v3, ts_event=ts_event)
    if kind == TICKER:
        return events.Tickers(
            ts_recv=ts_recv,
            rows=[
                (r["symbol"], r["ts_event"], r["v0"], r["v3"], r["v4"], r["v5"], r["v2"], r["v1"]) for r in (row, *others)
            ],
        )  # fmt: skip
    raise ArchiveError(f"offset {row['offset']}: a row of kind {kind} without its message")


def _fits(symbol: str | None, *numbers: int) -> bool:
    """Whether columns can hold it; the desk's first step draws the same line."""
    if symbol is not None and len(symbol.encode(errors="replace")) > SYMBOL_BYTES:
        return False
    return all(-INT_END <= number < INT_END for number in numbers)


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return 0.0
