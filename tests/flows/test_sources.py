from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import ArchiveError, BrokerError
from contracts.events import Instruments, decode_event, encode_event
from contracts.settings import parse_settings
from contracts.topics import EVENTS
from flows.candle_source import MINUTE, candle_batches, read_candles
from flows.sources import archive_batches, kafka_batches, offset_at
from infra.broker import LocalBroker
from operators.cut import Cut
from operators.slices import ColumnBatch, Kind, RawBatch, Ticks
from sinks.archive import ArchiveWriter, market_files
from sinks.kafka import CheckedProducer
from tests import builders
from tests.recorded import recorded
from tests.sinks.test_archive import ticks

MARKET = "binance.spot"
SETTINGS = parse_settings({}, "test")


def archived(folder: Path, log: list[bytes], rows_per_file: int = 2_000_000) -> Path:
    own = parse_settings({"archive": {"rows_per_file": rows_per_file}}, "test").archive
    writer = ArchiveWriter(folder, MARKET, own)
    writer.start("one")
    for offset, raw in enumerate(log):
        writer.add(offset, raw, 7)
    writer.close()
    return folder


def cut(batches: list[RawBatch] | list[ColumnBatch]) -> tuple[list[Ticks], list[str], list[object], list[object]]:
    """What the desk's first step makes of it."""
    step = Cut(SETTINGS.markets[MARKET].desk, MARKET, 0)
    state = step.start()
    ticks: list[Ticks] = []
    events: list[object] = []
    facts: list[object] = []
    for batch in batches:
        piece = step.read(state, batch)
        ticks.append(piece.ticks)
        events += piece.events
        facts += [placed.fact for placed in piece.facts]
    return ticks, state.symbols, events, facts


def joined(ticks: list[Ticks], column: str) -> list[float]:
    return [value for piece in ticks for value in getattr(piece, column).tolist()]


def assert_same(one: list[Ticks], other: list[Ticks]) -> None:
    kinds = np.array(joined(one, "kind"))
    for column in ("offset", "kind", "symbol", "ts_event", "ts_recv", "v0", "v1", "v2", "v3"):
        a, b = np.array(joined(one, column)), np.array(joined(other, column))
        ours = kinds != Kind.EVENT if column == "v0" else np.ones(len(kinds), dtype=bool)  # an index within the slice
        np.testing.assert_array_equal(a[ours], b[ours], err_msg=column)


@pytest.mark.parametrize("rows", [1, 7, 500, 50_000])
def test_the_desk_sees_the_same_from_the_archive_as_from_the_log(tmp_path: Path, rows: int):
    log = builders.market_log(seconds=90)
    log[50:50] = [
        b'{"type":"tickers","ts_recv":5,"rows":[]}',
        b' {"type":"heartbeat","ts_recv":1786000020000000001,"sequence":3}',
    ]
    archived(tmp_path, log, rows_per_file=700)
    live = cut([RawBatch(np.arange(len(log)), log)])
    again = cut(list(archive_batches(tmp_path, MARKET, rows=rows)))
    assert_same(live[0], again[0])
    assert live[1:] == again[1:]
    assert len(live[2]) > 3
    assert len(live[3]) == 2


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(ticks.map(encode_event), st.binary(max_size=40)), max_size=8))
def test_whatever_is_on_the_log_the_desk_sees_the_same_from_the_archive(log: list[bytes]):
    with TemporaryDirectory() as folder:
        archived(Path(folder), [*log, builders.heartbeat(1)])
        live = cut([RawBatch(np.arange(len(log) + 1), [*log, builders.heartbeat(1)])])
        again = cut(list(archive_batches(Path(folder), MARKET)))
    assert_same(live[0], again[0])
    assert live[1:] == again[1:]


def test_batches_hold_whole_messages_and_are_writable(tmp_path: Path):
    archived(tmp_path, builders.market_log(seconds=30, symbols=20))
    batches = list(archive_batches(tmp_path, MARKET, rows=64))
    assert all(before.offset[-1] < after.offset[0] for before, after in pairwise(batches))
    assert max(len(batch.kind) for batch in batches) <= 64
    for batch in batches:
        batch.v0[:] = 1.0
        batch.ts_recv[0] = 2


def test_a_message_of_more_rows_than_a_batch_stays_whole(tmp_path: Path):
    rows = [(f"C{n}USDT", 1.0, 2.0) for n in range(30)]
    archived(tmp_path, [builders.tickers(1, rows), builders.tickers(2, rows)])
    assert [len(batch.kind) for batch in archive_batches(tmp_path, MARKET, rows=10)] == [30, 30]


def test_a_stretch_of_time_is_cut_out_of_the_log(tmp_path: Path):
    log = [builders.heartbeat(second, second) for second in range(100)]
    archived(tmp_path, log, rows_per_file=10)
    start = builders.START
    part = list(archive_batches(tmp_path, MARKET, start + 25 * 10**9, start + 42 * 10**9))
    assert [int(offset) for batch in part for offset in batch.offset] == list(range(25, 42))
    assert list(archive_batches(tmp_path, MARKET, start + 10**12)) == []
    assert list(archive_batches(tmp_path, MARKET, None, start)) == []


def test_a_missing_file_a_missing_market_and_a_corrupt_file_are_named(tmp_path: Path):
    archived(tmp_path, [builders.heartbeat(second) for second in range(30)], rows_per_file=10)
    files = market_files(tmp_path / MARKET)
    files[1].path.rename(tmp_path / "away")
    with pytest.raises(ArchiveError, match=rf"{files[2].path.name}: .*offsets 10 to 19 are missing"):
        list(archive_batches(tmp_path, MARKET))
    (tmp_path / "away").rename(files[1].path)
    files[1].path.write_bytes(files[1].path.read_bytes()[:-20])
    walk = archive_batches(tmp_path, MARKET)
    assert len(next(walk).kind) == 10
    with pytest.raises(ArchiveError, match=rf"{files[1].path.name}: corrupt"):
        next(walk)
    with pytest.raises(ArchiveError, match=r"no archive of this market; there are binance\.spot"):
        list(archive_batches(tmp_path, "xshg"))


def test_leaving_early_leaves_no_thread_behind(tmp_path: Path):
    import threading

    archived(tmp_path, [builders.heartbeat(second) for second in range(500)], rows_per_file=10)
    before = threading.active_count()
    walk = archive_batches(tmp_path, MARKET)
    next(walk)
    walk.close()
    assert threading.active_count() == before


def test_a_range_of_the_log_is_read_from_the_broker(broker: LocalBroker):
    log = [builders.heartbeat(second, second) for second in range(3000)]
    producer = CheckedProducer(parse_settings({"broker": {"address": broker.address}}, "test").broker)
    for raw in log:
        producer.send(EVENTS.name, MARKET.encode(), raw, 0)
    producer.close()
    batches = list(kafka_batches(broker.address, 0, rows=700))
    assert [value for batch in batches for value in batch.values] == log
    part = list(kafka_batches(broker.address, 0, 10, 25))
    assert [offset for batch in part for offset in batch.offsets.tolist()] == list(range(10, 25))
    with pytest.raises(BrokerError, match=r"offsets 0 to 9999 asked, the broker holds 0 to 3000"):
        list(kafka_batches(broker.address, 0, 0, 9999))
    assert offset_at(broker.address, 0, 0) == 0
    assert offset_at(broker.address, 0, 2**62) == 3000


def candles_file(folder: Path) -> Path:
    start = builders.START // 1_000_000
    rows = [("AUSDT", start + 60_000 * m, 1.0 + m, 3.0 + m, 0.5 + m, 2.0 + m, 9.0) for m in range(1500)]
    rows += [("BUSDT", start + 60_000 * m, 5.0, 5.25, 4.0, 4.5, 0.0) for m in range(20, 1500, 2)]
    names = ["symbol", "ts_ms", "open", "high", "low", "close", "volume"]
    path = folder / "candles.parquet"
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(path)
    return path


def test_a_bar_becomes_four_points_in_the_likely_order(tmp_path: Path):
    batch = next(candle_batches(candles_file(tmp_path), t_from=builders.START + 20 * MINUTE))
    rows = np.flatnonzero(batch.kind == Kind.TICKER)[:8]
    names = [batch.names[code] for code in batch.symbol[rows]]
    assert names == ["AUSDT", "BUSDT"] * 4
    assert batch.v0[rows[::2]].tolist() == [21.0, 20.5, 23.0, 22.0]
    assert batch.v0[rows[1::2]].tolist() == [5.0, 5.25, 4.0, 4.5]
    assert batch.v2[rows[::2]].tolist() == [180.0, 183.0, 186.0, 189.0]
    seconds = (batch.ts_event[rows[::2]] - builders.START - 20 * MINUTE) / 1e9
    assert seconds.tolist() == [0.5, 20.5, 40.5, 59.5]


def test_heartbeats_stand_at_every_second_and_receipt_never_goes_back(tmp_path: Path):
    batches = list(candle_batches(candles_file(tmp_path), rows=777))
    recv = np.concatenate([batch.ts_recv for batch in batches])
    kind = np.concatenate([batch.kind for batch in batches])
    offset = np.concatenate([batch.offset for batch in batches])
    assert (np.diff(recv) >= 0).all()
    assert (np.diff(recv[kind == Kind.HEARTBEAT]) == 10**9).all()
    assert int((kind == Kind.HEARTBEAT).sum()) == 1500 * 60
    assert np.isin(np.diff(offset), (0, 1)).all()
    assert offset[0] == 0


def test_volumes_roll_over_24_hours(tmp_path: Path):
    batches = list(candle_batches(candles_file(tmp_path)))
    closes = [b.v2[(b.kind == Kind.TICKER) & (b.symbol == 0)] for b in batches]
    base = np.concatenate(closes)[3::4]
    assert base[:3].tolist() == [9.0, 18.0, 27.0]
    assert (base[1439:] == 9.0 * 1440).all()


def test_instruments_come_first_and_a_listing_when_it_happens(tmp_path: Path):
    batches = list(candle_batches(candles_file(tmp_path)))
    found = [decode_event(raw) for batch in batches for raw in batch.payloads]
    assert all(isinstance(event, Instruments) for event in found)
    first, listing = found
    assert isinstance(first, Instruments)
    assert isinstance(listing, Instruments)
    assert [(row.symbol, row.tick_size, row.lot_size, row.ts_listed) for row in first.rows] == [
        ("AUSDT", "0.1", "1", None)
    ]
    assert first.complete
    (row,) = listing.rows
    assert (row.symbol, row.base, row.quote, row.tick_size) == ("BUSDT", "B", "USDT", "0.01")
    assert row.ts_listed == listing.ts_recv == builders.START + 20 * MINUTE


def test_the_same_file_gives_the_same_log_however_it_is_cut(tmp_path: Path):
    path = candles_file(tmp_path)
    one, other = cut(list(candle_batches(path))), cut(list(candle_batches(path, rows=300)))
    assert_same(one[0], other[0])
    assert one[1:] == other[1:]


def test_a_file_that_holds_no_minutes_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"nonsense")
    with pytest.raises(ArchiveError, match=r"x\.parquet: no readable Parquet file"):
        next(candle_batches(path))
    pl.DataFrame({"symbol": ["A"], "close": [1.0]}).write_parquet(path)
    with pytest.raises(ArchiveError, match=r"missing ts_ms, open, high, low, volume"):
        next(candle_batches(path))
    five = recorded("freqtrade_binance_2021/spot_usdt_5m_20210402_20210408.parquet")
    with pytest.raises(ArchiveError, match="expected one-minute candles"):
        read_candles(five)


def test_the_recorded_week_has_every_bar_four_times():
    path = recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet")
    tickers = beats = events = 0
    for batch in candle_batches(path):
        counts = np.bincount(batch.kind, minlength=5)
        tickers += int(counts[Kind.TICKER])
        beats += int(counts[Kind.HEARTBEAT])
        events += len(batch.payloads)
    assert tickers == 4 * 898_680
    assert beats == 7 * 86_400
    assert events == 3  # the whole table, EPS on the 2nd, TKO on the 7th
