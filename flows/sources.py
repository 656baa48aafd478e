"""Where a replay reads from: the archive, a range of the log on the broker, or candles. Each yields batches for the cut step, oldest first.

archive_batches(folder, market, ...)    columns, as fast as Parquet is read
kafka_batches(bootstrap, partition, ...) messages as they came
candle_batches(parquet, ...)            whole-market tickers derived from one-minute candles
(`flows/candle_source.py`)
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaException, TopicPartition

from contracts.errors import ArchiveError, BrokerError
from contracts.topics import EVENTS
from flows.candle_source import candle_batches
from flows.reader import Place, TopicReader, open_consumer
from operators.slices import I8, ColumnBatch, Kind, RawBatch
from sinks.archive import ArchiveFile, market_files
from sinks.archive_format import open_file, read_group

__all__ = ["archive_batches", "candle_batches", "kafka_batches", "offset_at"]

COLUMNS = ["offset", "kind", "symbol", "ts_event", "ts_recv", "v0", "v1", "v2", "v3"]
AHEAD = 3  # row groups read before they are asked for
Queued: TypeAlias = ColumnBatch | BaseException | None


def archive_batches(
    folder: Path, market: str, t_from: int | None = None, t_to: int | None = None, rows: int = 50_000
) -> Iterator[ColumnBatch]:
    """Yield a market's archive as columns, from the first message received at or after `t_from` to before the first at or after `t_to`.

    folder: the archive's root. Times are Unix ns of receipt. A batch has about `rows` rows and whole messages. The
    next row groups are decoded by a second thread meanwhile. Arrays are the caller's to keep and to write to.
    Raises ArchiveError: no such market, a file missing between two others, a corrupt file; each names the file.
    """
    files = consecutive(folder / market)
    queue: Queue[Queued] = Queue(AHEAD)
    stop = threading.Event()
    reader = threading.Thread(target=_read_ahead, args=(files, t_from, t_to, rows, queue, stop), daemon=True)
    reader.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        with contextlib.suppress(Empty):
            while True:
                queue.get_nowait()
        reader.join()


def consecutive(folder: Path) -> list[ArchiveFile]:
    """A market's files in order. Raises ArchiveError where there are none, where one is missing or two overlap."""
    if not folder.is_dir():
        known = sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) if folder.parent.is_dir() else []
        raise ArchiveError(f"{folder}: no archive of this market; there are {', '.join(known) or 'none'}")
    files = market_files(folder)
    if not files:
        raise ArchiveError(f"{folder}: no archive files yet")
    for before, after in pairwise(files):
        if after.first != before.last + 1:
            what = (
                f"offsets {before.last + 1} to {after.first - 1} are missing"
                if after.first > before.last
                else "overlap"
            )
            raise ArchiveError(f"{after.path}: does not follow {before.path.name}: {what}")
    return files


def _read_ahead(
    files: list[ArchiveFile], t_from: int | None, t_to: int | None, rows: int, queue: Queue[Queued], stop: threading.Event
) -> None:  # fmt: skip
    last: Queued = None
    try:
        for batch in _batches(files, t_from, t_to, rows):
            if not _put(queue, batch, stop):
                return
    except BaseException as e:  # noqa: BLE001 - raised again where the batches are asked for
        last = e
    _put(queue, last, stop)


def _put(queue: Queue[Queued], item: Queued, stop: threading.Event) -> bool:
    while not stop.is_set():
        with contextlib.suppress(Full):
            queue.put(item, timeout=0.05)
            return True
    return False


def _batches(files: list[ArchiveFile], t_from: int | None, t_to: int | None, rows: int) -> Iterator[ColumnBatch]:
    begun = t_from is None
    for path, _, _ in files:
        with open_file(path) as file:
            names = file.schema_arrow.names
            for number in range(file.num_row_groups):
                about = file.metadata.row_group(number)
                stamps = about.column(names.index("ts_recv")).statistics
                if not begun and t_from is not None and stamps is not None and stamps.max < t_from:
                    continue
                payloads = about.column(names.index("payload")).statistics
                plain = payloads is not None and payloads.null_count == about.num_rows
                group = read_group(path, file, number, COLUMNS if plain else [*COLUMNS, "payload"])
                whole = _columns(group)
                first, end = 0, len(whole.kind)
                if not begun and t_from is not None:
                    late = whole.ts_recv >= t_from
                    if not late.any():
                        continue
                    begun, first = True, int(late.argmax())
                if t_to is not None:
                    over = whole.ts_recv[first:] >= t_to
                    if over.any():
                        end = first + int(over.argmax())
                        yield from _pieces(whole, group, first, end, rows)
                        return
                yield from _pieces(whole, group, first, end, rows)


def _columns(group: pa.Table) -> ColumnBatch:
    symbols = _chunk(group.column("symbol"))
    codes = symbols.indices
    if codes.null_count:
        codes = codes.fill_null(-1)
    return ColumnBatch(
        offset=_numpy(group.column("offset"), np.int64), kind=_numpy(group.column("kind"), np.uint8),
        symbol=_array(codes, np.int32),
        names=symbols.dictionary.to_pylist(), ts_event=_numpy(group.column("ts_event"), np.int64),
        ts_recv=_numpy(group.column("ts_recv"), np.int64), v0=_numpy(group.column("v0"), np.float64),
        v1=_numpy(group.column("v1"), np.float64), v2=_numpy(group.column("v2"), np.float64),
        v3=_numpy(group.column("v3"), np.float64),
        payloads=[],
    )  # fmt: skip


def _chunk(column: pa.ChunkedArray) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _numpy(column: pa.ChunkedArray, dtype: Any) -> Any:
    return _array(_chunk(column), dtype)


def _array(array: pa.Array, dtype: Any) -> Any:
    view = np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]
    return view if view.flags.writeable else view.copy()


def _pieces(whole: ColumnBatch, group: pa.Table, first: int, end: int, rows: int) -> Iterator[ColumnBatch]:
    """Cut a row group where messages end."""
    offset = whole.offset
    while first < end:
        stop = min(first + rows, end)
        if stop < end and offset[stop] == offset[stop - 1]:
            stop = int(np.searchsorted(offset, offset[stop]))
            if stop <= first:  # one message of more rows than that
                stop = min(int(np.searchsorted(offset, offset[first], side="right")), end)
        yield _piece(whole, group, first, stop)
        first = stop


def _piece(whole: ColumnBatch, group: pa.Table, first: int, stop: int) -> ColumnBatch:
    part = slice(first, stop)
    piece = ColumnBatch(
        whole.offset[part], whole.kind[part], whole.symbol[part], whole.names, whole.ts_event[part],
        whole.ts_recv[part],
        whole.v0[part], whole.v1[part], whole.v2[part], whole.v3[part], [],
    )  # fmt: skip
    if "payload" not in group.column_names:
        return piece
    rare = np.flatnonzero(piece.kind == Kind.EVENT)
    if len(rare):
        piece.payloads = _chunk(group.column("payload")).take(pa.array(rare + first)).to_pylist()
        piece.v0[rare] = np.arange(len(rare), dtype=np.float64)
    empty = (piece.kind == Kind.TICKER) & (piece.symbol < 0)
    return _without(piece, empty) if empty.any() else piece


def _without(piece: ColumnBatch, gone: Any) -> ColumnBatch:
    """Live, a ticker array without rows makes no tick either."""
    keep = ~gone
    return ColumnBatch(
        piece.offset[keep], piece.kind[keep], piece.symbol[keep], piece.names, piece.ts_event[keep],
        piece.ts_recv[keep],
        piece.v0[keep], piece.v1[keep], piece.v2[keep], piece.v3[keep], piece.payloads,
    )  # fmt: skip


def kafka_batches(
    bootstrap: str, partition: int, first: int | None = None, end: int | None = None, rows: int = 5000
) -> Iterator[RawBatch]:
    """Yield messages [first, end) of a partition of the log; None is what the broker holds now.

    Raises BrokerError when the broker does not answer, or does not hold the range.
    """
    place = Place(EVENTS.name, partition)
    reader = TopicReader(bootstrap, {})
    try:
        reader.connect([EVENTS.name])
        low, high = reader.bounds(place)
        begin, stop = low if first is None else first, high if end is None else end
        if begin < low or stop > high:
            raise BrokerError(
                f"{EVENTS.name}[{partition}]: offsets {begin} to {stop} asked, the broker holds {low} to {high}"
            )
        if begin >= stop:
            return
        reader.begin_at({place: begin})
        reader.start()
        while reader.next[place] < stop:
            found = [message for message in reader.poll(rows, 0.2) if (message.offset() or 0) < stop]
            if reader.lost:
                raise BrokerError(f"{EVENTS.name}[{partition}]: retention passed the reader at {reader.lost[0].first}")
            if found:
                offsets: I8 = np.array([message.offset() for message in found], dtype=np.int64)
                yield RawBatch(offsets, [message.value() or b"" for message in found])
    finally:
        reader.close()


def offset_at(bootstrap: str, partition: int, ts_ns: int) -> int:
    """The first offset of a partition of the log that the broker took at or after a time; the end if there is none.

    Raises BrokerError when the broker does not answer.
    """
    place = Place(EVENTS.name, partition)
    wanted = TopicPartition(EVENTS.name, partition, ts_ns // 1_000_000)
    consumer = open_consumer(bootstrap)
    try:
        found = consumer.offsets_for_times([wanted], timeout=10.0)[0]
    except KafkaException as e:
        raise BrokerError(f"{EVENTS.name}[{partition}]: {e.args[0].str()}; see `ember broker status`") from e
    finally:
        consumer.close()
    # The embedded broker says "end" to any time, Apache Kafka only where nothing is as young: reading from there costs
    # little.
    return int(found.offset) if found.offset >= 0 else _scan(bootstrap, place, ts_ns // 1_000_000)


def _scan(bootstrap: str, place: Place, ts_ms: int) -> int:
    reader = TopicReader(bootstrap, {})
    try:
        low, high = reader.bounds(place)
        found = None
        for begin in (high - 1, low):  # where the newest message is older, nothing else needs to be looked at
            reader.begin_at({place: max(low, begin)})
            reader.start()
            found = _first_since(reader, place, high, ts_ms)
            if found is None:
                return high
        return high if found is None else found
    finally:
        reader.close()


def _first_since(reader: TopicReader, place: Place, high: int, ts_ms: int) -> int | None:
    while reader.next[place] < high:
        for message in reader.poll(5000, 0.2):
            if message.timestamp()[1] >= ts_ms:
                return message.offset() or 0
    return None
