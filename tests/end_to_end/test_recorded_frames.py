"""Recorded sessions of the venue from the simulator's socket to the cockpit's queries, accounted for to the message."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cockpit import queries
from contracts.events import PauseTrading, encode_event
from contracts.topics import EVENTS, TOPICS
from infra.broker import LocalBroker
from tests.end_to_end.running import MARKET, Follower, Parts, Read, publish, wait_for
from tests.recorded import recorded

MINUTE_NS = 60 * 10**9
TYPE_OF = {
    "trade": "trade",
    "aggTrade": "trade",
    "bookTicker": "quote",
    "depth": "depth",
    "kline": "klines",
}
ROWS_OF = {"trade": "rows.trade", "quote": "rows.quote", "heartbeat": "rows.heartbeat"}


class Session(NamedTuple):
    """A recording and how it is sent."""

    path: str
    frames: int
    speed: float
    symbols: list[str]
    streams: list[str]
    dirty: int = 0


SPOT = ["trade", "bookTicker", "depth@100ms"]
CRYPTOFEED = ["aggTrade", "bookTicker", "depth@100ms", "kline_1m"]
BTC = Session("hftbacktest_raw_binance/spot_btcusdt_20240808.wsraw.gz", 41_248, 100.0, ["BTCUSDT"], SPOT)
ETH = Session("hftbacktest_raw_binance/spot_ethusdt_20240808.wsraw.gz", 33_617, 100.0, ["ETHUSDT"], SPOT, dirty=500)
USDM = Session(
    "hftbacktest_raw_binance/usdm_btcusdt_20240808.wsraw.gz",
    93_953,
    100.0,
    ["BTCUSDT"],
    ["trade", "bookTicker", "depth@0ms"],
)
OLD_SPOT = Session("cryptofeed_raw/BINANCE.jsonl.gz", 265, 20.0, ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"], CRYPTOFEED)
OLD_USDM = Session(
    "cryptofeed_raw/BINANCE_FUTURES.jsonl.gz", 1_535, 20.0, ["SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"], CRYPTOFEED
)


def frames_of(path: Path) -> list[dict[str, Any]]:
    """The combined frames of a file, read without the product's reader."""
    with gzip.open(path, "rt") as lines:
        if path.name.endswith(".wsraw.gz"):
            raw = [line.rstrip("\n").split(" ", 1)[1] for line in lines]
        else:
            raw = [entry["data"] for entry in map(json.loads, lines) if entry["t"] == "recv"]
    return [frame for frame in map(json.loads, raw) if "stream" in frame]


def kind_of(stream: str) -> str:
    return re.split("[@_]", stream)[1]


def candles_of(frames: list[dict[str, Any]]) -> dict[tuple[str, int], list[float]]:
    """Open, high, low, close, base volume, quote volume and number of trades per coin and minute."""
    candles: dict[tuple[str, int], list[float]] = {}
    for frame in frames:
        trade = frame["data"]
        if kind_of(frame["stream"]) not in ("trade", "aggTrade"):
            continue
        price, quantity = float(trade["p"]), float(trade["q"])
        key = trade["s"], trade["T"] * 1_000_000 // MINUTE_NS * MINUTE_NS
        candle = candles.setdefault(key, [price, price, price, price, 0.0, 0.0, 0])
        candle[1], candle[2], candle[3] = max(candle[1], price), min(candle[2], price), price
        candle[4] += quantity
        candle[5] += price * quantity
        candle[6] += 1
    return candles


class Outcome(NamedTuple):
    """What a recording became."""

    frames: list[dict[str, Any]]
    sent: Counter[str]
    ingest: dict[str, Any]
    log: list[Read]
    letters: list[Read]
    facts: dict[str, list[Read]]
    url: str


def play(session: Session, broker: LocalBroker, folder: Path) -> Outcome:
    """The whole way of one recording; at its end a garbled message and a pause are appended to the log."""
    path = recorded(session.path)
    frames = frames_of(path)
    expected = candles_of(frames)
    parts = Parts(
        folder,
        broker.address,
        simulator={"recording": str(path), "speed": session.speed},
        ingest={"always_detail": session.symbols, "detail_streams": session.streams, "backoff_first_s": 0.1},
        announcements={"enabled": False},
    )
    follower = Follower(broker.address)
    try:
        parts.start("simulate", "desk", "project")
        if session.dirty:
            parts.exchange("/sim/faults", {"fault": "dirty_frames", "count": session.dirty})
        parts.start("ingest")
        wait_for(lambda: parts.exchange("/sim/status")["recording"]["done"], 60, "the recording's end")
        exchange = parts.exchange("/sim/status")
        assert exchange["recording"]["passed_over"] == 0
        sent = Counter(exchange["frames_sent_by_stream"])
        wait_for(
            lambda: (
                sum(f["read"] - f["control"] for f in parts.status("ingest")["account"]["frames"].values())
                == sent.total()
            ),
            30,
            "the last frame",
        )
        if len(expected) > 4:
            last = sorted({opened for _, opened in expected})[-2]
            wait_for(lambda: is_closed(follower, last), 30, "the last whole minute")
        parts.end("ingest")
        pause = PauseTrading(ts_recv=time.time_ns(), command_id="end", author="test")
        publish(broker.address, [b'{"type":"trade","symbol":', encode_event(pause)])
        wait_for(lambda: shown(parts.url), 30, "the projector")
        parts.end("project", "desk")
        return Outcome(
            frames,
            sent,
            parts.status("ingest"),
            follower.whole(EVENTS.name),
            follower.whole("dead_letter.v1"),
            {name: follower.whole(name) for name in TOPICS if name != EVENTS.name},
            parts.url,
        )
    finally:
        parts.stop()
        follower.close()


def is_closed(follower: Follower, opened: int) -> bool:
    return any(bar["ts_open"] == opened and bar["closed"] for bar in follower.of("bar.v1", "bars"))


def shown(url: str) -> bool:
    """Whether the read model holds the result of the command on the last row of the log."""
    try:
        return bool(queries.command_results(url, ["end"]))
    except queries.ReadModelMissing:
        return False


def check_in(outcome: Outcome, session: Session) -> None:
    """Sent by the exchange = read by ingest = published + dead-lettered + duplicate; by stream."""
    recorded_by_stream = Counter(frame["stream"] for frame in outcome.frames)
    assert recorded_by_stream.total() == session.frames
    assert outcome.sent == recorded_by_stream
    account = outcome.ingest["account"]
    read: Counter[str] = Counter()
    for stream, count in outcome.sent.items():
        read[kind_of(stream)] += count
    fates = account["frames"]
    readable = {kind: f for kind, f in fates.items() if kind not in ("control", "unreadable", "other")}
    unreadable = sum(fates.get(kind, {"read": 0})["read"] for kind in ("unreadable", "other"))
    if session.dirty:  # of a frame cut in half the stream's name is gone
        assert sum(f["read"] for f in readable.values()) + unreadable == session.frames
    else:
        assert {kind: f["read"] for kind, f in readable.items()} == read
        assert unreadable == 0
    for f in fates.values():
        assert f["read"] == f["published"] + f["dead_lettered"] + f["control"] + f["duplicate"] + f["filtered"]
    assert outcome.ingest["unaccounted"] == 0
    assert account["reconnects"] == 0


def check_log(outcome: Outcome, session: Session) -> None:
    """The log holds what ingest says it appended, by type; every frame that was not dirty stands on it once."""
    types = Counter((read.json or {"type": "garbled"})["type"] for read in outcome.log)
    account = outcome.ingest["account"]
    ours = {"heartbeat": outcome.ingest["heartbeats"], "pause_trading": 1, "garbled": 1}
    assert types == Counter({**account["events"], **ours})
    published: Counter[str] = Counter()
    for kind, fates in account["frames"].items():
        if fates["published"]:
            published[TYPE_OF[kind]] += fates["published"]
    assert {kind: types[kind] for kind in published} == published
    letters = account["dead_letters"]
    assert len(outcome.letters) == letters + 1
    assert letters == sum(fates["dead_lettered"] for fates in account["frames"].values())
    assert (letters > session.dirty / 3) == bool(session.dirty)
    assert outcome.ingest["produced"] == outcome.ingest["delivered"]
    assert outcome.ingest["produced"] == len(outcome.log) - 2 + letters
    if not session.dirty:
        said = [trade for trade in map(identity, outcome.frames) if trade is not None]
        assert [(event["symbol"], event["trade_id"]) for event in trades(outcome.log)] == said


def identity(frame: dict[str, Any]) -> tuple[str, int] | None:
    """Coin and id of a trade, None of any other frame."""
    trade = frame["data"]
    kind = kind_of(frame["stream"])
    return (trade["s"], trade["t" if kind == "trade" else "a"]) if kind in ("trade", "aggTrade") else None


def trades(log: list[Read]) -> list[dict[str, Any]]:
    return [event for event in (read.json for read in log) if event and event["type"] == "trade"]


def check_desk(outcome: Outcome) -> None:
    """The desk's own counters, written with what it did on the last row, cover the log to its end."""
    types = Counter((read.json or {"type": "garbled"})["type"] for read in outcome.log)
    states = [read.json for read in outcome.facts["engine_state.v1"]]
    last = [state for state in states if state["type"] == "engine_state"][-1]
    assert last["offset"] == len(outcome.log) - 1
    assert last["paused"]
    counters = last["counters"]
    assert counters["messages"] + counters["dead_letters"] == len(outcome.log)
    assert counters["dead_letters"] == 1
    assert {rows: counters[rows] for rows in ROWS_OF.values()} == {rows: types[kind] for kind, rows in ROWS_OF.items()}
    events = sum(count for kind, count in types.items() if kind not in (*ROWS_OF, "tickers", "garbled"))
    assert counters["rows.event"] == events
    own = [read.json for read in outcome.letters if read.json["offset"] is not None]
    assert [(letter["partition"], letter["offset"]) for letter in own] == [(0, len(outcome.log) - 2)]


def check_read_model(outcome: Outcome, session: Session) -> int:
    """Bars of the recorded minutes equal candles made here from the recorded trades; returns how many there were."""
    on_the_log = {(event["symbol"], event["trade_id"]) for event in trades(outcome.log)}
    expected = candles_of([frame for frame in outcome.frames if identity(frame) in on_the_log])
    closed = 0
    for symbol in session.symbols:
        bars = queries.newest_bars(outcome.url, MARKET, symbol, "1m", 1000)
        rows = {row["ts_open"]: row for row in bars if row["closed"]}
        minutes = sorted(opened for name, opened in expected if name == symbol)
        assert sorted(rows) == [opened for opened in minutes if opened in rows]
        if len(minutes) > 4:
            assert set(minutes[:-1]) <= set(rows)
        for opened, row in rows.items():
            want = expected[symbol, opened]
            assert [row[name] for name in ("open", "high", "low", "close")] == want[:4]
            assert row["volume"] == pytest.approx(want[4], rel=1e-12)
            assert row["quote_volume"] == pytest.approx(want[5], rel=1e-12)
            assert row["trades"] == want[6]
            closed += 1
    total = sum(row["count"] for row in queries.dead_letters(outcome.url))
    assert total == len(outcome.letters)
    engine = queries.desk(outcome.url, MARKET, 1e9).engine
    assert engine is not None
    assert engine["body"]["counters"]["messages"] == len(outcome.log) - 1
    return closed


def check(outcome: Outcome, session: Session) -> int:
    check_in(outcome, session)
    check_log(outcome, session)
    check_desk(outcome)
    return check_read_model(outcome, session)


def test_a_whole_recording_is_accounted_for_on_either_broker(broker: LocalBroker, tmp_path: Path) -> None:
    outcome = play(BTC, broker, tmp_path)
    assert check(outcome, BTC) == 6


def test_dirty_frames_among_the_recorded_ones_are_accounted_for(embedded_broker: LocalBroker, tmp_path: Path) -> None:
    outcome = play(ETH, embedded_broker, tmp_path)
    assert check(outcome, ETH) == 6


@pytest.mark.parametrize("session", [OLD_SPOT, OLD_USDM], ids=["spot", "usdm"])
def test_older_recordings_of_several_coins_are_accounted_for(
    session: Session, embedded_broker: LocalBroker, tmp_path: Path
) -> None:
    check(play(session, embedded_broker, tmp_path), session)


def test_futures_frames_are_accounted_for(embedded_broker: LocalBroker, tmp_path: Path) -> None:
    outcome = play(USDM, embedded_broker, tmp_path)
    assert check(outcome, USDM) >= 5  # the last trade lies before midnight: nothing but silence closes its minute
