"""Facts leave in one order, are acknowledged before a snapshot, and a replay counts and keeps them."""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from contracts import facts
from contracts.errors import DeliveryError
from contracts.facts import DeadLetter
from contracts.settings import DeskSettings
from contracts.topics import TOPICS
from flows.wiring.encode import Outgoing, outgoing
from flows.wiring.sinks import Collected, KafkaFacts
from operators.cut import Cut
from operators.frame import Frame
from operators.slices import RawBatch, Slice
from tests.builders import START, heartbeat, market_log, trade
from tests.checks import MARKET


def piece_of(log: list[bytes]) -> Slice:
    cut = Cut(DeskSettings(), MARKET, 0)
    return cut.read(cut.start(), RawBatch(np.arange(len(log)), log))


def watchlist(name: str) -> facts.Watchlist:
    return facts.Watchlist(
        id=name, trace_id=name, market=MARKET, partition=0, offset=0, ts_event=START, settings_hash="", model_hash="", symbols=[name]
    )  # fmt: skip


def test_facts_leave_by_row_then_by_step_then_as_they_were_added() -> None:
    piece = piece_of([trade(), trade(), trade()])
    for row, rank, name in [(2, 1, "e"), (0, 9, "c"), (1, 1, "d"), (0, 1, "a"), (0, 1, "b")]:
        piece.add(row, rank, watchlist(name))
    assert [json.loads(message.value)["id"] for message in outgoing(piece)] == ["a", "b", "c", "d", "e"]


def test_topic_and_key_are_those_of_the_table() -> None:
    piece = piece_of([trade(), b"no json"])
    piece.add(0, 1, watchlist("a"))
    keys = {(message.topic, message.key) for message in outgoing(piece)}
    assert keys == {("watchlist.v1", b"binance.spot"), ("dead_letter.v1", b"log:binance.spot")}


class Sender:
    """Remembers what it was handed and what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.away = False

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        self.calls.append(Outgoing(topic, key, value))

    def flush(self, timeout: float) -> None:
        self.calls.append(timeout)
        if self.away:
            raise DeliveryError("gone")


def test_a_snapshot_waits_for_the_acknowledgements_and_fails_without() -> None:
    sender = Sender()
    sink = KafkaFacts(sender, timeout_s=7.0)
    part = sink.build_part("facts", "facts", None)
    piece = piece_of([b"no json", trade(), b"nor this"])
    part.write_batch([piece, piece])
    part.snapshot()
    assert sender.calls == [*outgoing(piece), *outgoing(piece), 7.0]
    sender.away = True
    with pytest.raises(DeliveryError):
        sink.build_part("facts", "facts", None).close()
    with pytest.raises(DeliveryError, match=r"gone; .*repeats what is missing when started again: see `ember broker status`"):
        part.snapshot()
    waited = len(sender.calls)
    part.close()  # nothing more to wait for
    assert len(sender.calls) == waited


def order(name: str) -> facts.OrderAttempt:
    return facts.OrderAttempt(
        id=name, trace_id=name, market=MARKET, partition=0, offset=0, ts_event=START, settings_hash="", model_hash="",
        symbol="BTCUSDT", decision_id="", position_id="", client_order_id=name, purpose="entry", side="buy", order_type="market",
        quantity=Decimal(1), price=None, notional=Decimal(9), verdict="accepted", deny_reason="", context={},
    )  # fmt: skip


def test_orders_leave_first_by_their_own_producer_and_every_topic_keeps_its_order() -> None:
    pieces = []
    for number in range(2):
        piece = piece_of([trade(), b"no json", trade()])
        for row, name in [(2, "d"), (0, "b"), (1, "c")]:
            piece.add(row, 1, watchlist(f"{number}{name}"))
            piece.add(row, 9, order(f"{number}{name}"))
        pieces.append(piece)
    calls: list[tuple[str, Outgoing]] = []

    class Lane(Sender):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def send(self, topic: str, key: bytes, value: bytes) -> None:
            super().send(topic, key, value)
            calls.append((self.name, Outgoing(topic, key, value)))

    bulk, express = Lane("bulk"), Lane("express")
    part = KafkaFacts(bulk, express, timeout_s=7.0).build_part("facts", "facts", None)
    part.write_batch(pieces)
    assert [name for name, _ in calls[:7]] == ["express"] * 6 + ["bulk"]
    everything = [message for piece in pieces for message in outgoing(piece)]
    for topic in {message.topic for message in everything}:
        assert [message for _, message in calls if message.topic == topic] == [m for m in everything if m.topic == topic]
    assert {message.topic for name, message in calls if name == "express"} == {"order_attempt.v1"}
    part.snapshot()
    assert bulk.calls[-1] == express.calls[-1] == 7.0
    express.away = True
    with pytest.raises(DeliveryError):
        part.snapshot()


def pieces(log: list[bytes], size: int) -> list[Slice]:
    settings = DeskSettings()
    cut, frame = Cut(settings, MARKET, 0), Frame(settings)
    cut_state, frame_state = cut.start(), frame.start()
    found = []
    for start in range(0, len(log), size):
        part = log[start : start + size]
        piece = cut.read(cut_state, RawBatch(np.arange(start, start + len(part)), part))
        frame.step(frame_state, piece)
        found.append(piece)
    return found


def test_a_replay_counts_keeps_and_sums_up_what_was_written(tmp_path: Path) -> None:
    log = market_log(130)
    collected = Collected(tmp_path / "out", frozenset({"dead_letter.v1"}))
    everything = [message for piece in pieces(log, 400) for message in outgoing(piece)]
    summed = b"".join(message.topic.encode() + message.key + message.value for message in everything)
    for piece in pieces(log, 400):
        collected.take(piece)
    collected.close()
    assert collected.counts == {"bar.v1": 2, "dead_letter.v1": 2}
    assert collected.kept == [message for message in everything if message.topic == "dead_letter.v1"]
    assert collected.checksum == sha256(summed).hexdigest()[:16]
    assert collected.counters["undecodable"] == 2
    assert collected.last_ts - collected.first_ts > 129 * 10**9
    for topic in ("bar.v1", "dead_letter.v1"):
        written = (tmp_path / "out" / f"{topic}.jsonl").read_bytes()
        assert written == b"".join(message.value + b"\n" for message in everything if message.topic == topic)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bar.v1.jsonl", "dead_letter.v1.jsonl"]


def test_what_is_collected_does_not_depend_on_the_cut_but_on_every_byte() -> None:
    log = market_log(130)

    def collect(size: int, log: list[bytes]) -> Collected:
        collected = Collected()
        for piece in pieces(log, size):
            collected.take(piece)
        return collected

    one, other, more = collect(10_000, log), collect(77, log), collect(400, [*log, b"no json"])
    assert one.checksum == other.checksum
    assert (one.ticks, one.frames, one.counters) == (other.ticks, other.frames, other.counters)
    assert one.checksum != more.checksum


def test_how_markets_take_turns_does_not_change_the_checksum() -> None:
    settings = DeskSettings()
    parts = {}
    for market in ("a", "b"):
        cut = Cut(settings, market, 0)
        state = cut.start()
        parts[market] = [cut.read(state, RawBatch(np.arange(n, n + 1), [b"no json"])) for n in range(3)]
    one, other, less = Collected(), Collected(), Collected()
    for piece in [*parts["a"], *parts["b"]]:
        one.take(piece)
    for a, b in zip(parts["a"], parts["b"], strict=True):
        other.take(b)
        other.take(a)
        less.take(a)
    assert one.checksum == other.checksum != less.checksum


def test_what_was_not_written_whole_is_thrown_away(tmp_path: Path) -> None:
    collected = Collected(tmp_path / "out")
    collected.take(piece_of([b"no json"]))
    collected.close(keep=False)
    assert not (tmp_path / "out").exists()


def test_every_fact_of_the_cut_reads_back() -> None:
    (message,) = outgoing(piece_of([heartbeat(), b"\xff"]))
    assert TOPICS[message.topic].payload is DeadLetter
