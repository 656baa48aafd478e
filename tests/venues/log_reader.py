"""Everything that stands in a partition, read once."""

from __future__ import annotations

import time
import uuid
from typing import Any, TypeVar

from confluent_kafka import Consumer, TopicPartition

from contracts.events import LogEvent, decode_event
from contracts.facts import DeadLetter, decode_fact

T = TypeVar("T")


def read_bytes(address: str, topic: str, partition: int = 0) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=15.0)
        consumer.assign([TopicPartition(topic, partition, low)])
        values: list[bytes] = []
        last, deadline = low - 1, time.monotonic() + 30.0
        while last < high - 1 and time.monotonic() < deadline:
            for message in consumer.consume(5000, 0.5):
                assert message.error() is None, message.error()
                values.append(message.value())
                last = message.offset()
        return values
    finally:
        consumer.close()


def read_log(address: str, partition: int = 0) -> list[LogEvent]:
    return [decode_event(value) for value in read_bytes(address, "events.v1", partition)]


def read_letters(address: str) -> list[DeadLetter]:
    letters: list[Any] = [decode_fact(value) for value in read_bytes(address, "dead_letter.v1")]
    return letters


def of(kind: type[T], events: list[LogEvent]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]
