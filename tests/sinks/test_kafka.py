import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from contracts.errors import BrokerError, DeliveryError
from contracts.settings.services import BrokerSettings
from contracts.topics import ALERTS, EVENTS
from flows.reader import Place, TopicReader
from infra.broker import EmbeddedBroker, LocalBroker
from sinks.kafka import CheckedProducer


def producer(address: str, timeout_ms: int = 30_000, **more: object) -> CheckedProducer:
    return CheckedProducer(BrokerSettings(address=address, delivery_timeout_ms=timeout_ms), **more)


def everything(address: str, place: Place, count: int) -> list[bytes]:
    reader = TopicReader(address, {place: None})
    reader.start()
    found: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline:
        found += [message.value() or b"" for message in reader.poll(5000, 0.1)]
    reader.close()
    return found


def test_what_was_flushed_is_there_in_order(broker: LocalBroker):
    sender = producer(broker.address)
    values = [b"%d" % number for number in range(5000)]
    for value in values:
        sender.send(EVENTS.name, b"k", value, 3)
    sender.flush()
    assert len(sender) == 0
    assert everything(broker.address, Place(EVENTS.name, 3), len(values)) == values
    sender.close()


def test_a_topic_that_does_not_exist_is_told_with_topic_and_key(kafka_broker: LocalBroker):
    sender = producer(kafka_broker.address)
    sender.send("no.such.topic", b"BTCUSDT", b"x")
    with pytest.raises(DeliveryError, match=r"no\.such\.topic key BTCUSDT: .*[Uu]nknown"):
        sender.flush(20)
    sender.abandon()


def test_a_broker_that_went_away_is_told_by_flush_and_ever_after(tmp_path: Path):
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    sender = producer(broker.address, timeout_ms=1500)
    sender.prime(ALERTS.name, b"k", b"first")
    broker.stop()
    sender.send(ALERTS.name, b"the key", b"lost")
    with pytest.raises(DeliveryError, match=r"alert\.v1 key the key: .*timed out"):
        sender.flush()
    with pytest.raises(DeliveryError, match="the key"):
        sender.poll()
    sender.abandon()


def test_flush_that_takes_too_long_says_how_many_wait(tmp_path: Path):
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    sender = producer(broker.address)
    sender.prime(ALERTS.name, b"k", b"first")
    broker.stop()
    sender.send(ALERTS.name, b"k", b"waits")
    with pytest.raises(DeliveryError, match=r"1 messages not acknowledged within 0\.7 s"):
        sender.flush(0.7)
    sender.abandon()


def test_a_full_queue_waits_and_loses_nothing(embedded_broker: EmbeddedBroker):
    sender = producer(embedded_broker.address, **{"queue.buffering.max.messages": 50, "linger.ms": 1})
    values = [b"%d" % number for number in range(2000)]
    for value in values:
        sender.send(ALERTS.name, b"k", value)
    sender.close()
    assert everything(embedded_broker.address, Place(ALERTS.name, 0), len(values)) == values


def test_a_message_too_large_is_refused_at_once(embedded_broker: EmbeddedBroker):
    sender = producer(embedded_broker.address)
    with pytest.raises(DeliveryError, match=r"alert\.v1 key k: .*too large"):
        sender.send(ALERTS.name, b"k", b"x" * 2_000_000)
    sender.abandon()


def test_no_broker_is_one_clear_line():
    sender = producer("127.0.0.1:1", timeout_ms=1000)
    with pytest.raises(BrokerError, match=r"broker 127\.0\.0\.1:1: .*ember broker start"):
        sender.prime(ALERTS.name, b"k", b"first", timeout=5)
    sender.abandon()


def test_a_fatal_error_of_the_client_is_raised(embedded_broker: EmbeddedBroker):
    sender = producer(embedded_broker.address)
    sender._erred(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "sequence broken", fatal=True))
    with pytest.raises(DeliveryError, match="the producer cannot go on: sequence broken"):
        sender.poll()
    sender.abandon()
