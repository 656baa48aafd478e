"""The desk from Kafka JSON, against a bare loop that consumes the same messages and decodes each with msgspec."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import TopicPartition

from contracts.events import decode_event
from contracts.settings import load_settings
from contracts.settings.services import BrokerSettings
from contracts.topics import EVENTS
from flows.replay import replay
from flows.wiring.sources import KafkaPart, consumer, watermarks
from flows.wiring.steps import Batch
from infra.bench.market import batches, messages
from infra.bench.results import Result
from infra.broker import KafkaBroker
from operators.slices import RawBatch
from sinks.kafka import CheckedProducer

MARKET = "binance.spot"


def bench_kafka(*, symbols: int = 500, seconds: int = 400, per_second: int = 1000, rounds: int = 4) -> Result:
    """Messages a second, the best of `rounds`, bare and desk in turn."""
    settings = load_settings()
    with tempfile.TemporaryDirectory() as temporary:
        broker = KafkaBroker(Path(temporary))
        broker.start()
        try:
            producer = CheckedProducer(BrokerSettings(kind="external", address=broker.address), compression="none")
            count = 0
            for batch in batches(symbols=symbols, seconds=seconds, per_second=per_second):
                for raw in messages(batch):
                    producer.send(EVENTS.name, MARKET.encode(), raw, partition=0)
                    count += 1
            producer.flush(120)
            bare = desk = 0.0
            for _ in range(rounds + 1):
                bare = max(bare, _bare(broker.address, count))
                summary = replay(settings, lambda market: _batches(broker.address, market))
                desk = max(desk, count / summary.wall_seconds)
        finally:
            broker.stop()
    return Result(
        name="kafka",
        what=f"Apache Kafka, JSON -> whole desk -> encoded facts, {symbols} symbols, {per_second} ticks per event-second",
        figures={"messages": count, "messages_per_s": round(desk), "bare_messages_per_s": round(bare)},
        ratio=desk / bare,
        bare="consume and msgspec-decode every message into its struct",
        budget="at least 60 % of the bare loop",
        met=desk / bare >= 0.6,
    )


def _bare(address: str, count: int) -> float:
    reader = consumer(address)
    reader.assign([TopicPartition(EVENTS.name, 0, 0)])
    seen = 0
    begun = time.perf_counter()
    while seen < count:
        for message in reader.consume(5000, 1.0):
            value = message.value()
            if message.error() is None and value is not None:
                decode_event(value)
                seen += 1
    took = time.perf_counter() - begun
    reader.close()
    return count / took


def _batches(address: str, market: str) -> Iterator[Batch]:
    probe = consumer(address)
    _, end = watermarks(probe, 0)
    probe.close()
    part = KafkaPart(address, market, 0, 0, threading.Event(), 1.0, 20_000)
    try:
        while part.snapshot() < end:
            for _, (_, batch) in part.next_batch():
                assert isinstance(batch, RawBatch)
                yield batch
    finally:
        part.close()
