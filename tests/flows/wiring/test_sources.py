"""Reading a partition live: what was lost is told once, what cannot be is refused, and a stop ends in order."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from contracts.errors import BrokerError
from contracts.events import StreamGap, decode_event
from contracts.settings.services import BrokerSettings
from contracts.topics import EVENTS
from flows.wiring import sources
from flows.wiring.sources import KafkaLog, KafkaPart
from infra.broker import EmbeddedBroker
from operators.slices import RawBatch
from sinks.kafka import CheckedProducer
from tests.builders import heartbeat

MARKET = "binance.spot"


class Message:
    """One message, or an error in its place."""

    def __init__(self, offset: int = -1, code: int | None = None) -> None:
        self._offset, self._code = offset, code

    def error(self) -> KafkaError | None:
        return KafkaError(self._code) if self._code is not None else None

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return heartbeat(float(self._offset), self._offset)

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_786_000_000_000 + self._offset


LOST = Message(code=KafkaError._AUTO_OFFSET_RESET)


class Broker:
    """A consumer whose partition holds `low..high - 1` and whose next polls are scripted."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.script: list[list[Message]] = []
        self.assigned: list[int] = []
        self.closed = False

    def get_watermark_offsets(self, _partition: TopicPartition, timeout: float) -> tuple[int, int]:
        return self.low, self.high

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned.append(partitions[0].offset)

    def consume(self, most: int, _timeout: float) -> list[Message]:
        if not self.script:
            return []
        if most == 1:  # the wait for the first one of a poll
            return [self.script[0].pop(0)]
        return self.script.pop(0)

    def close(self) -> None:
        self.closed = True


def part(broker: Broker, monkeypatch: pytest.MonkeyPatch, resume: int | None = None) -> KafkaPart:
    monkeypatch.setattr(sources, "consumer", lambda *_a, **_k: broker)
    return KafkaPart("nowhere:1", MARKET, 0, resume, threading.Event(), 0.0, 1000)


def read(one: KafkaPart) -> tuple[list[int], list[StreamGap]]:
    """Offsets of one poll, and the gaps among its messages."""
    offsets: list[int] = []
    gaps: list[StreamGap] = []
    for market, (_, batch) in one.next_batch():
        assert market == MARKET
        assert isinstance(batch, RawBatch)
        offsets += batch.offsets.tolist()
        gaps += [event for raw in batch.values if isinstance(event := decode_event(raw), StreamGap)]
    return offsets, gaps


def test_reading_begins_at_the_first_message_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(7, 9)
    one = part(broker, monkeypatch)
    assert broker.assigned == [7]
    assert one.snapshot() == 7
    broker.script = [[Message(7), Message(8)]]
    assert read(one) == ([7, 8], [])
    assert one.snapshot() == 9
    assert read(one) == ([], [])


def test_a_lost_range_is_told_once_and_again_after_a_resume_before_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(20, 30)
    one = part(broker, monkeypatch, resume=5)
    assert broker.assigned == [20]
    assert one.snapshot() == 5
    one = part(broker, monkeypatch, resume=one.snapshot())
    broker.script = [[Message(20), Message(21)], [Message(22)]]
    offsets, (gap,) = read(one)
    assert offsets == [19, 20, 21]
    assert gap.stream == "log"
    assert gap.reason.endswith("offsets 5 to 19 are lost")
    assert gap.ts_recv == (1_786_000_000_000 + 20) * 1_000_000
    assert one.snapshot() == 22
    assert read(one) == ([22], [])


def test_what_was_read_before_a_loss_is_not_called_lost_nor_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(0, 10)
    one = part(broker, monkeypatch)
    broker.script = [[Message(0), Message(1), LOST]]
    broker.low, broker.high = 6, 12
    assert read(one) == ([0, 1], [])
    assert one.snapshot() == 2
    assert read(one) == ([], [])
    assert broker.assigned == [0, 6]
    assert one.snapshot() == 2
    broker.script = [[Message(6)]]
    offsets, (gap,) = read(one)
    assert offsets == [5, 6]
    assert gap.reason.endswith("offsets 2 to 5 are lost")


def test_a_second_loss_before_the_first_was_told_is_one_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(10, 20)
    one = part(broker, monkeypatch, resume=4)
    broker.low, broker.high = 15, 25
    broker.script = [[LOST]]
    assert read(one) == ([], [])
    assert read(one) == ([], [])
    assert one.snapshot() == 4
    broker.script = [[Message(15)]]
    _, (gap,) = read(one)
    assert gap.reason.endswith("offsets 4 to 14 are lost")


BEYOND = r"events\.v1\[0\]: .*position 10 .*end 3.*--rebuild"


def test_a_position_beyond_the_end_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(0, 3)
    with pytest.raises(BrokerError, match=BEYOND):
        part(broker, monkeypatch, resume=10)
    assert broker.closed


def test_a_log_that_is_cut_behind_the_reader_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(0, 10)
    one = part(broker, monkeypatch, resume=10)
    broker.low, broker.high = 0, 3
    broker.script = [[LOST]]
    assert read(one) == ([], [])
    with pytest.raises(BrokerError, match=BEYOND):
        read(one)


def test_a_passing_error_is_passed_over_and_a_lasting_one_stops_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(0, 10)
    one = part(broker, monkeypatch)
    broker.script = [[Message(0), Message(code=KafkaError._PARTITION_EOF), Message(1)]]
    assert read(one) == ([0, 1], [])
    broker.script = [[Message(code=KafkaError.TOPIC_AUTHORIZATION_FAILED)]]
    with pytest.raises(BrokerError, match=r"events\.v1\[0\]: "):
        read(one)


def test_offsets_may_have_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(0, 10)
    one = part(broker, monkeypatch)
    broker.script = [[Message(0), Message(3), Message(9)]]
    assert read(one) == ([0, 3, 9], [])
    assert one.snapshot() == 10


def test_a_stop_ends_the_stream_before_the_next_message(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    broker = Broker(0, 10)
    monkeypatch.setattr(sources, "consumer", lambda *_a, **_k: broker)
    one = KafkaLog("nowhere:1", {MARKET: 3}, stop, poll_ms=0).build_part("log", MARKET, None)
    broker.script = [[Message(0)], [Message(1)]]
    assert read(one)[0] == [0]
    stop.set()
    with pytest.raises(StopIteration):
        one.next_batch()
    assert one.snapshot() == 1
    one.close()
    assert broker.closed


def test_a_log_that_outgrew_its_broker_is_told_as_a_gap(embedded_broker: EmbeddedBroker) -> None:
    """The embedded broker keeps some 5 MB: 20 messages of 0.5 MB push the first ones out."""
    producer = CheckedProducer(BrokerSettings(kind="external", address=embedded_broker.address), compression="none")
    for number in range(20):
        more = os.urandom(250_000).hex().encode()
        producer.send(
            EVENTS.name,
            MARKET.encode(),
            heartbeat(number, number).replace(b"}", b',"more":"' + more + b'"}'),
            partition=0,
        )
        producer.flush(30)
    one = KafkaPart(embedded_broker.address, MARKET, 0, 2, threading.Event(), 0.5, 5)
    try:
        assert one.snapshot() == 2
        offsets: list[int] = []
        gaps: list[StreamGap] = []
        while one.snapshot() < 20:
            more_offsets, more_gaps = read(one)
            offsets += more_offsets
            gaps += more_gaps
    finally:
        one.close()
    assert len(gaps) == 1
    assert offsets == list(range(offsets[0], 20))
    assert gaps[0].reason.endswith(f"offsets 2 to {offsets[0]} are lost")
    with pytest.raises(BrokerError, match=r"position 21 lies beyond the log's end 20"):
        KafkaPart(embedded_broker.address, MARKET, 0, 21, threading.Event(), 0.5, 5)


def test_a_broker_that_is_away_is_named() -> None:
    reader = sources.consumer("127.0.0.1:1")
    with pytest.raises(BrokerError, match="is the broker up"):
        sources.watermarks(reader, 0, timeout=0.2)
    reader.close()


def test_every_market_has_a_part() -> None:
    log: Any = KafkaLog("nowhere:1", {"b": 1, "a": 0}, threading.Event())
    assert log.list_parts() == ["a", "b"]
