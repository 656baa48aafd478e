import random
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import events
from contracts.errors import ArchiveError
from contracts.events import decode_event, encode_event
from contracts.settings.services import ArchiveSettings
from operators import parser
from operators.slices import Kind
from sinks import archive_format
from sinks.archive import ArchiveWriter, day_of, market_files, prune
from sinks.archive_format import Rows, messages, parse, rebuild
from tests import builders
from tests.recorded import recorded

MARKET = "binance.spot"
CALM = ArchiveSettings()


def rebuilt(log: list[bytes]) -> list[bytes]:
    rows = Rows()
    for offset, raw in enumerate(log):
        rows.add(offset, parse(raw, 7))
    return [raw for _, raw in rebuild(rows.table())]


def write(
    folder: Path, log: list[bytes], first: int = 0, settings: ArchiveSettings = CALM, log_id: str = "one"
) -> None:
    writer = ArchiveWriter(folder, MARKET, settings)
    writer.start(log_id)
    for offset, raw in enumerate(log, first):
        writer.add(offset, raw, 7)
    writer.close()


def read(folder: Path) -> list[tuple[int, bytes]]:
    return [message for file in market_files(folder / MARKET) for message in messages(file.path)]


def test_kinds_and_limits_are_those_of_the_desk():
    own = [
        archive_format.HEARTBEAT,
        archive_format.TRADE,
        archive_format.QUOTE,
        archive_format.TICKER,
        archive_format.EVENT,
    ]
    assert own == [Kind.HEARTBEAT, Kind.TRADE, Kind.QUOTE, Kind.TICKER, Kind.EVENT]
    assert archive_format.SYMBOL_BYTES == parser.NAME_BYTES


def test_a_market_is_rebuilt_to_the_byte(tmp_path: Path):
    log = builders.market_log(seconds=60)
    write(tmp_path, log)
    assert read(tmp_path) == list(enumerate(log))


def test_canonical_ticks_need_no_payload():
    log = [
        builders.trade(1, price=0.1),
        builders.quote(2),
        builders.heartbeat(3, 9),
        builders.tickers(4, [("AUSDT", 1.5, 2e9)]),
    ]
    rows = Rows()
    for offset, raw in enumerate(log):
        rows.add(offset, parse(raw, 7))
    assert rows.table().column("payload").null_count == 4


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b'{"type":"trade"}',
        b' {"type":"heartbeat","ts_recv":5,"sequence":1}',
        b'{"type":"heartbeat","ts_recv":5,"sequence":1,"extra":null}',
        b'{"type":"heartbeat","ts_recv":5,"sequence":99999999999999999999999999}',
        b'{"type":"heartbeat","ts_recv":99999999999999999999,"sequence":1}',
        b'{"type":"heartbeat","ts_recv":-5,"sequence":1}',
        b'{"type":"trade","ts_recv":5,"symbol":"A","price":5,"quantity":1.0,"side":1,"trade_id":1,"ts_event":4}',
        b'{"type":"trade","ts_recv":5,"symbol":"A","price":5.0,"quantity":1.0,"side":-1,"trade_id":9007199254740993,"ts_event":4}',
        b'{"type":"trade","ts_recv":5,"symbol":"A","price":5.0,"quantity":1.0,"side":-1,"trade_id":1,"ts_event":9223372036854775808}',
        '{"type":"trade","ts_recv":5,"symbol":"币","price":5.0,"quantity":1.0,"side":-1,"trade_id":1,"ts_event":4}'.encode(),
        (
            '{"type":"trade","ts_recv":5,"symbol":"' + "币" * 30 + '","price":5.0,"quantity":1.0,"side":1,"trade_id":1,"ts_event":4}'
        ).encode(),
        b'{"type":"tickers","ts_recv":5,"rows":[]}',
        b'{"type":"tickers","ts_recv":5,"rows":[["A",4,1,1,1,1,1,1]]}',
        b'{"type":"tickers","ts_recv":5,"rows":[["A",4,1.0,1.0,1.0,1.0,1.0,1.0],["B",4,-0.0,1.0,1.0,1.0,1.0,1.0]]}',
        b'{"type":"pause_trading","ts_recv":5,"command_id":"c","author":"me","reason":"lunch"}',
    ],
)  # fmt: skip
def test_odd_messages_come_back_as_they_were(raw: bytes):
    assert rebuilt([raw, builders.heartbeat(1), raw]) == [raw, builders.heartbeat(1), raw]


floats = st.floats(min_value=0.0, allow_infinity=False, allow_nan=False)
positive = st.floats(min_value=1e-300, allow_infinity=False, allow_nan=False)
times = st.integers(0, 2**63 - 1) | st.integers(-(2**65), 2**65)
names = st.text(min_size=1, max_size=40)
ticks = st.one_of(
    st.builds(
        events.Trade, ts_recv=times, symbol=names, price=positive, quantity=positive, side=st.sampled_from([1, -1]),
        trade_id=st.integers() | st.integers(-(2**65), 2**65), ts_event=times,
    ),
    st.builds(events.Quote, ts_recv=times, symbol=names, bid=floats, ask=floats, bid_size=floats, ask_size=floats, ts_event=times),
    st.builds(events.Heartbeat, ts_recv=times, sequence=st.integers() | st.integers(-(2**65), 2**65)),
    st.builds(
        events.Tickers, ts_recv=times,
        rows=st.lists(st.tuples(names, times, positive, floats, floats, floats, floats, floats), max_size=4),
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(ticks.map(encode_event), st.binary(max_size=40)), max_size=8))
def test_whatever_was_on_the_log_comes_back(log: list[bytes]):
    assert rebuilt(log) == log


def test_recorded_trades_and_quotes_are_rebuilt_to_the_byte(tmp_path: Path):
    import gzip

    log = []
    with gzip.open(recorded("hftbacktest_raw_binance/spot_btcusdt_20240808.wsraw.gz")) as lines:
        for line in lines:
            ts, _, raw = line.partition(b" ")
            data = msgspec.json.decode(raw).get("data", {})
            if data.get("e") == "trade":
                log.append(
                    encode_event(
                        events.Trade(
                            ts_recv=int(ts), symbol=data["s"], price=float(data["p"]), quantity=float(data["q"]),
                            side=-1 if data["m"] else 1, trade_id=data["t"], ts_event=data["T"] * 1_000_000,
                        )
                    )
                )  # fmt: skip
            elif "b" in data and "B" in data and "e" not in data:
                log.append(
                    encode_event(
                        events.Quote(
                            ts_recv=int(ts), symbol=data["s"], bid=float(data["b"]), ask=float(data["a"]), bid_size=float(data["B"]),
                            ask_size=float(data["A"]), ts_event=int(ts),
                        )
                    )
                )  # fmt: skip
    assert len(log) == 9_757 + 28_040
    write(tmp_path, log)
    assert [raw for _, raw in read(tmp_path)] == log
    size = sum(file.path.stat().st_size for file in market_files(tmp_path / MARKET))
    assert size < sum(map(len, log)) / 8


def test_files_follow_each_other_by_rows_and_by_day(tmp_path: Path):
    log = builders.market_log(seconds=30, dirty=False)
    write(tmp_path, log, settings=ArchiveSettings(rows_per_file=200))
    files = market_files(tmp_path / MARKET)
    assert len(files) > 2
    assert [file.first for file in files[1:]] == [file.last + 1 for file in files[:-1]]
    day = 86_400.0
    write(tmp_path, [builders.heartbeat(day), builders.heartbeat(day + 1), builders.heartbeat(2 * day)], first=len(log))
    days = [file.path.parent.name for file in market_files(tmp_path / MARKET)]
    assert days[-2:] == [day_of(builders.START + int(n * day * 1e9)) for n in (1, 2)]
    assert [offset for offset, _ in read(tmp_path)] == list(range(len(log) + 3))


def test_a_file_is_due_by_age(tmp_path: Path):
    now = 0.0
    writer = ArchiveWriter(tmp_path, MARKET, ArchiveSettings(seconds_per_file=10), clock=lambda: now)
    writer.start("one")
    assert not writer.due()
    writer.add(0, builders.heartbeat(), 7)
    now = 9.0
    assert not writer.due()
    now = 10.0
    assert writer.due()
    assert writer.finish() is not None
    assert not writer.due()
    writer.close()


def test_it_goes_on_where_the_newest_file_ends_and_forgets_half_files(tmp_path: Path):
    log = builders.market_log(seconds=20)
    write(tmp_path, log[:100])
    (tmp_path / MARKET / "000000000100.tmp").write_bytes(b"half a file")
    writer = ArchiveWriter(tmp_path, MARKET, CALM)
    assert writer.start("one") is None
    assert writer.next == 100
    with pytest.raises(ArchiveError, match="offset 99 came again, expected 100"):
        writer.add(99, log[99], 7)
    for offset, raw in enumerate(log[100:], 100):
        writer.add(offset, raw, 7)
    writer.close()
    assert read(tmp_path) == list(enumerate(log))
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_lost_range_is_an_event_and_leaves_no_hole_in_the_names(tmp_path: Path):
    write(tmp_path, [builders.heartbeat(0)])
    writer = ArchiveWriter(tmp_path, MARKET, CALM)
    writer.start("one")
    writer.lose(1, 50, builders.START)
    writer.add(50, builders.heartbeat(1), 7)
    writer.close()
    files = market_files(tmp_path / MARKET)
    assert [(file.first, file.last) for file in files] == [(0, 0), (1, 50)]
    offset, raw = read(tmp_path)[1]
    gap = decode_event(raw)
    assert offset == 49
    assert isinstance(gap, events.StreamGap)
    assert gap.reason == "retention passed the archive: offsets 1 to 49 are lost"


def test_files_of_another_log_are_set_aside_not_mixed(tmp_path: Path):
    write(tmp_path, [builders.heartbeat(0), builders.heartbeat(1)])
    writer = ArchiveWriter(tmp_path, MARKET, CALM)
    moved = writer.start("two")
    assert moved is not None
    assert [offset for file in market_files(moved) for offset, _ in messages(file.path)] == [0, 1]
    writer.add(0, builders.heartbeat(5), 7)
    writer.close()
    assert len(read(tmp_path)) == 1


def test_a_second_archiver_is_refused(tmp_path: Path):
    writer = ArchiveWriter(tmp_path, MARKET, CALM)
    with pytest.raises(ArchiveError, match="another process archives here"):
        ArchiveWriter(tmp_path, MARKET, CALM)
    writer.close()
    ArchiveWriter(tmp_path, MARKET, CALM).close()


def test_size_and_age_bound_the_archive_but_never_take_the_newest_file(tmp_path: Path):
    for number in range(6):
        write(tmp_path, [builders.heartbeat(number)], first=number)
    files = [file.path for file in market_files(tmp_path / MARKET)]
    size = files[0].stat().st_size
    for age, path in enumerate(reversed(files)):
        import os

        os.utime(path, (1_000_000.0 - age * 86_400, 1_000_000.0 - age * 86_400))
    assert prune(tmp_path, 30.0, size * 100, now=1_000_000.0) == []
    assert prune(tmp_path, 3.5, size * 100, now=1_000_000.0) == files[:2]
    assert prune(tmp_path, 30.0, int(size * 2.5), now=1_000_000.0) == files[2:4]
    assert prune(tmp_path, 0.0, 0, now=2_000_000.0) == [files[4]]
    assert market_files(tmp_path / MARKET)[0].path == files[5]


def test_corrupt_files_are_named_in_one_line(tmp_path: Path):
    write(tmp_path, builders.market_log(seconds=20))
    (file,) = market_files(tmp_path / MARKET)
    whole = file.path.read_bytes()
    for broken in (b"", b"nonsense", whole[:-10], whole[: len(whole) // 2]):
        file.path.write_bytes(broken)
        with pytest.raises(ArchiveError, match=file.path.name) as caught:
            list(messages(file.path))
        assert "\n" not in str(caught.value)
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), file.path)
    with pytest.raises(ArchiveError, match="not an archive of the log"):
        list(messages(file.path))


def test_a_flipped_bit_in_the_data_is_noticed(tmp_path: Path):
    log = builders.market_log(seconds=20)
    write(tmp_path, log)
    (file,) = market_files(tmp_path / MARKET)
    whole = file.path.read_bytes()
    rng = random.Random(1)
    noticed = 0
    for _ in range(60):
        place = rng.randrange(4, len(whole) - 8)
        file.path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.randrange(8))]) + whole[place + 1 :])
        try:
            same = [raw for _, raw in messages(file.path)] == log
        except ArchiveError:
            noticed += 1
        else:
            assert same, f"byte {place} changed the log in silence"
    assert noticed > 40


def test_names_that_say_no_offsets_are_refused(tmp_path: Path):
    write(tmp_path, [builders.heartbeat()])
    (tmp_path / MARKET / "2026-08-06" / "copy.parquet").write_bytes(b"")
    with pytest.raises(ArchiveError, match=r"copy\.parquet: expected a name"):
        market_files(tmp_path / MARKET)
