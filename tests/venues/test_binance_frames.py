"""Recorded frames parse to the message; each count is held against one that other programs made."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest

from contracts.events import Depth, Klines, Quote, Tickers, Trade, decode_event, encode_event
from tests.recorded import recorded
from venues.binance.frames import FrameReader, split_stream

RECEIVED = 1_723_161_255_000_000_000


def keep_all(symbol: str) -> bool:
    return True


def wsraw(name: str) -> list[tuple[int, bytes]]:
    with gzip.open(recorded(f"hftbacktest_raw_binance/{name}"), "rb") as lines:
        return [(int(line[:19]), line[20:].rstrip(b"\n")) for line in lines]


def cryptofeed(name: str) -> list[bytes]:
    with gzip.open(recorded(f"cryptofeed_raw/{name}.jsonl.gz"), "rt") as lines:
        sent = (json.loads(line) for line in lines)
        return [message["data"].encode() for message in sent if message["t"] == "recv"]


@pytest.mark.parametrize(
    ("name", "trades", "quotes", "depths"),
    [
        ("spot_btcusdt_20240808.wsraw.gz", 9_757, 28_040, 3_451),
        ("spot_ethusdt_20240808.wsraw.gz", 6_106, 24_077, 3_434),
        ("usdm_btcusdt_20240808.wsraw.gz", 21_313, 66_089, 6_551),
    ],
)
def test_every_recorded_frame_of_a_session_becomes_its_event(name: str, trades: int, quotes: int, depths: int) -> None:
    reader = FrameReader(keep_all)
    kinds: Counter[type] = Counter()
    dirty: list[bytes] = []
    traded: list[Trade] = []
    frames = wsraw(name)
    for ts_recv, frame in frames:
        reading = reader.read(frame, ts_recv)
        if reading.event is None:
            dirty.append(frame)
            continue
        kinds[type(reading.event)] += 1
        assert decode_event(encode_event(reading.event)) == reading.event
        if isinstance(reading.event, Trade):
            traded.append(reading.event)
    assert kinds == {Trade: trades, Quote: quotes, Depth: depths}
    assert len(dirty) == 1  # the recorder wrote one REST snapshot among the frames
    assert dirty[0].startswith(b'{"lastUpdateId"')
    assert len(frames) == trades + quotes + depths + 1
    ids = [trade.trade_id for trade in traded]
    assert ids == sorted(set(ids))
    # This recorder's clock is 1.2 s behind the exchange: every message seems to come from the future.
    assert all(1.1e9 < trade.ts_event - trade.ts_recv < 1.4e9 for trade in traded[:100])


def test_sums_of_recorded_trades_equal_an_independent_reading() -> None:
    reader = FrameReader(keep_all)
    frames = wsraw("spot_btcusdt_20240808.wsraw.gz")
    text = b"\n".join(frame for _, frame in frames)
    raw = re.findall(rb'"t":(\d+),"p":"([0-9.]+)","q":"([0-9.]+)","T":(\d+),"m":(true|false)', text)
    events = [event for at, frame in frames if isinstance(event := reader.read(frame, at).event, Trade)]
    assert [
        (t.trade_id, t.price, t.quantity, t.ts_event, t.side) for t in events
    ] == [
        (int(i), float(p), float(q), int(at) * 1_000_000, -1 if m == b"true" else 1) for i, p, q, at, m in raw
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["BINANCE", "BINANCE_FUTURES"])
def test_counts_equal_those_of_another_library(name: str) -> None:
    expected = json.loads(recorded("cryptofeed_raw/expected_counts.json").read_bytes())[name]
    reader = FrameReader(keep_all)
    frames = cryptofeed(name)
    readings = [reader.read(frame, RECEIVED) for frame in frames]
    counts = Counter(reading.stream for reading in readings if reading.event is not None)
    assert counts["aggTrade"] == expected["trades"]
    assert counts["bookTicker"] == expected["ticker"]
    assert counts["kline"] == expected["candles"]
    assert counts["depth"] == sum(b"depthUpdate" in frame for frame in frames)  # theirs drops some and adds snapshots
    assert sum(counts.values()) == len(frames)


def test_forming_and_closed_klines_are_told_apart() -> None:
    reader = FrameReader(keep_all)
    klines = [e for f in cryptofeed("BINANCE_FUTURES") if isinstance(e := reader.read(f, RECEIVED).event, Klines)]
    assert sum(kline.closed for kline in klines) == 4
    assert {kline.interval for kline in klines} == {"1m"}
    assert all(len(kline.rows) == 1 and kline.origin == "stream" for kline in klines)
    assert all(row[3] <= min(row[1], row[4]) <= max(row[1], row[4]) <= row[2] for k in klines for row in k.rows)


def test_raw_and_combined_mini_tickers_are_the_same_event() -> None:
    reader = FrameReader(keep_all)
    lines = recorded("metacodi_user_stream/raw_user_and_market_messages.jsonl").read_text().splitlines()
    named = {line["name"]: json.dumps(line["msg"]).encode() for line in map(json.loads, lines)}
    raw = reader.read(named["rawMarket24hrMiniTicker"], RECEIVED)
    combined = reader.read(named["streamMarket24hrMiniTicker"], RECEIVED)
    assert isinstance(raw.event, Tickers)
    assert raw.event == combined.event
    assert raw.event.rows == [
        ("BTCUSDT", 1644144882474 * 10**6, 41557.96, 41514.55, 41899.54, 40843.01, 21783.55649, 904042734.3662503)
    ]


def test_frames_of_the_venue_notes() -> None:
    reader = FrameReader(keep_all)
    top = reader.read(
        b'{"stream":"bnbbtc@depth5@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}}',
        RECEIVED,
    )
    assert top.event == Depth(
        ts_recv=RECEIVED,
        symbol="BNBBTC",
        bids=[(0.0024, 10.0)],
        asks=[(0.0026, 100.0)],
        first_update_id=160,
        last_update_id=160,
        snapshot=True,
        ts_event=RECEIVED,
    )
    quote = reader.read(b'{"u":400900217,"s":"BNBUSDT","b":"25.35","B":"31.21","a":"25.36","A":"40.66"}', RECEIVED)
    assert isinstance(quote.event, Quote)
    assert quote.event.ts_event == RECEIVED  # spot's best quotes carry no time
    micro = reader.read(
        b'{"e":"trade","E":1,"s":"B","t":1,"p":"1","q":"1","T":1700000000000123,"m":true,"M":true}', RECEIVED
    )
    assert isinstance(micro.event, Trade)
    assert micro.event.ts_event == 1_700_000_000_000_123_000


def test_answers_and_notices_are_control_frames() -> None:
    reader = FrameReader(keep_all)
    granted = reader.read(b'{"result":null,"id":1}', RECEIVED)
    assert granted.control is not None
    assert (granted.control.id, granted.control.error) == (1, "")
    listed = reader.read(b'{"result":["btcusdt@aggTrade"],"id":3}', RECEIVED)
    assert listed.control is not None
    refused = reader.read(b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2}', RECEIVED)
    assert refused.control is not None
    assert "invalid stream" in refused.control.error
    for notice in (
        b'{"e":"serverShutdown","E":1770123456789}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ):
        assert reader.read(notice, RECEIVED).shutdown


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"stream":"a@trade"', "no JSON"),
        (b"{}", "neither stream"),
        (b"12", "not a frame"),
        (b'{"stream":5,"data":{}}', "not a frame"),
        (b'{"stream":"a@trade","data":{"s":"A"}}', "trade: Object missing required field"),
        (b'{"stream":"a@trade","data":{"s":"A","t":1,"p":"NaN","q":"1","T":1700000000000,"m":true}}', "> 0.0"),
        (b'{"stream":"a@trade","data":{"s":"A","t":1,"p":"1","q":"-1","T":1700000000000,"m":true}}', "> 0.0"),
        (b'{"stream":"a@trade","data":{"s":"A","t":1,"p":"1","q":"1","T":17,"m":true}}', "trade: Expected `int` >="),
        (b'{"stream":"a@bookTicker","data":{"s":"A","u":1,"b":"inf","B":"1","a":"1","A":"1"}}', "<= 1e+24"),
        (b'{"stream":"a@kline_1m","data":{"E":1700000000000,"s":"A","k":{}}}', "kline: "),
        (b'{"stream":"a@nonsense","data":{}}', "do not read: nonsense"),
    ],
)
def test_what_cannot_be_read_is_dirt_with_a_reason(frame: bytes, said: str) -> None:
    reading = FrameReader(keep_all).read(frame, RECEIVED)
    assert reading.event is None
    assert reading.dirt is not None
    assert said in reading.dirt.reason
    assert reading.dirt.raw[:20] in frame


def test_names_of_streams_split_into_kind_and_symbol() -> None:
    assert split_stream("btcusdt@aggTrade") == ("aggTrade", "BTCUSDT")
    assert split_stream("btcusdt@kline_15m") == ("kline", "BTCUSDT")
    assert split_stream("") == ("", "")
