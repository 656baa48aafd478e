"""Both local brokers, started for real: round trips, kcat, stop, kill -9, and what they say when they cannot start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from contracts.errors import BrokerError
from contracts.topics import TOPICS, Topic
from infra.broker import EmbeddedBroker, KafkaBroker, LocalBroker, running_broker
from infra.ports import free_port, port_is_free
from infra.processes import read_record
from infra.topics import create_topics, existing_topics


def produce(address: str, topic: str, values: list[bytes], partition: int = 0) -> None:
    failed: list[str] = []
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 1})
    for value in values:
        producer.produce(
            topic, value, partition=partition, on_delivery=lambda e, _: failed.append(str(e)) if e else None
        )
    assert producer.flush(30) == 0
    assert failed == []


def consume(address: str, topic: str, count: int, partition: int = 0) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, partition, 0)])
    got: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(got) < count and time.monotonic() < deadline:
        for message in consumer.consume(1000, 0.1):
            assert message.error() is None
            got.append(message.value() or b"")
    consumer.close()
    return got


def test_topics_of_the_table_are_there_with_their_partitions(broker: LocalBroker) -> None:
    assert existing_topics(broker.address) == {topic.name: topic.partitions for topic in TOPICS.values()}


def test_messages_come_back_in_order(broker: LocalBroker) -> None:
    sent = [b"%d" % i for i in range(5000)]
    produce(broker.address, "events.v1", sent, partition=3)
    assert consume(broker.address, "events.v1", len(sent), partition=3) == sent


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed (Debian: apt-get install kcat)")
def test_kcat_reads_and_writes(broker: LocalBroker) -> None:
    subprocess.run(
        ["kcat", "-P", "-b", broker.address, "-t", "alert.v1", "-p", "0"], input=b"one\ntwo\n", check=True, timeout=60
    )
    read = subprocess.run(
        ["kcat", "-C", "-b", broker.address, "-t", "alert.v1", "-o", "beginning", "-e", "-q"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert read.stdout == b"one\ntwo\n"


def test_starting_a_running_broker_leaves_it_as_it_is(broker: LocalBroker) -> None:
    before = broker.status()
    assert broker.start() == before
    assert before.running
    assert before.answers


def test_embedded_broker_stops_in_order_and_forgets(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, free_port())
    broker.start()
    produce(broker.address, "alert.v1", [b"gone"])
    broker.stop()
    assert not broker.status().running
    assert running_broker(tmp_path) is None
    assert port_is_free(broker.port)
    assert broker.log.read_text().rstrip().endswith("stopped")
    broker.start()
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "test"})
    assert consumer.get_watermark_offsets(TopicPartition("alert.v1", 0), timeout=10) == (0, 0)
    consumer.close()
    broker.stop()


def test_clients_follow_the_embedded_broker_to_its_new_port(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, free_port())
    broker.start()
    producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    producer.produce("alert.v1", b"before", partition=0)
    assert producer.flush(20) == 0
    broker.stop()
    broker.start()
    producer.produce("alert.v1", b"after", partition=0)
    assert producer.flush(30) == 0
    assert consume(broker.address, "alert.v1", 1) == [b"after"]
    broker.stop()


@pytest.mark.kafka
def test_kafka_keeps_messages_through_a_stop_and_a_kill(tmp_path: Path) -> None:
    broker = KafkaBroker(tmp_path)
    broker.start()
    produce(broker.address, "decision.v1", [b"first"])
    broker.stop()
    assert not broker.status().running
    broker.start()
    produce(broker.address, "decision.v1", [b"second"])
    record = read_record(broker.record_path)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    while broker.status().running:
        time.sleep(0.02)
    broker.start()
    assert consume(broker.address, "decision.v1", 2) == [b"first", b"second"]
    broker.stop()
    assert "shut down completed" in broker.log.read_text()


def test_kafka_topics_are_mended_where_an_older_table_was_smaller(kafka_broker: KafkaBroker) -> None:
    small = Topic(name="mended.v1", payload=bytes, key="none")
    assert create_topics(kafka_broker.address, [small]) == ["mended.v1"]
    assert create_topics(kafka_broker.address, [small]) == []
    create_topics(kafka_broker.address, [Topic(name="mended.v1", payload=bytes, key="none", partitions=3)])
    assert existing_topics(kafka_broker.address)["mended.v1"] == 3


def test_a_topics_disk_is_bounded(kafka_broker: KafkaBroker) -> None:
    mib = 1024 * 1024
    create_topics(
        kafka_broker.address,
        [Topic(name="bounded.v1", payload=bytes, key="none", retention_bytes=4 * mib, segment_bytes=mib)],
    )
    produce(kafka_broker.address, "bounded.v1", [os.urandom(500_000) for _ in range(60)])
    folder = kafka_broker.data / "bounded.v1-0"

    def size() -> int:
        return sum(file.stat().st_size for file in folder.glob("*.log*") if file.exists())

    deadline = time.monotonic() + 60
    while size() > 6 * mib:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert size() > 3 * mib


@pytest.mark.parametrize("kind", [EmbeddedBroker, KafkaBroker])
def test_a_port_in_use_is_named_with_its_owner(kind: type[LocalBroker], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"port {port} is in use by .*pid {os.getpid()}"):
            kind(tmp_path, port).start()
    assert list(tmp_path.iterdir()) == []


def test_another_kind_in_the_same_folder_is_refused(embedded_broker: EmbeddedBroker) -> None:
    with pytest.raises(BrokerError, match=r"the embedded broker already runs on .* ember broker stop"):
        KafkaBroker(embedded_broker.folder).start()


def test_missing_java_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="no java on PATH; install Java 17"):
        KafkaBroker(tmp_path).start()


def test_missing_maven_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(java)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("EMBERLINE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BrokerError, match="no mvn on PATH to fetch them; install Maven"):
        KafkaBroker(tmp_path).start()


@pytest.mark.kafka
def test_damaged_data_gives_one_line_and_stays_as_it_was(tmp_path: Path) -> None:
    broker = KafkaBroker(tmp_path)
    broker.data.mkdir(parents=True)
    (broker.data / "meta.properties").write_text("version=1\nthis is not a cluster\n")
    with pytest.raises(BrokerError, match=r"broker kafka: ended with status 1: .*damaged, move it away") as error:
        broker.start()
    assert "\n" not in str(error.value)
    assert (broker.data / "meta.properties").read_text() == "version=1\nthis is not a cluster\n"
    assert running_broker(tmp_path) is None


def test_a_record_of_a_process_that_is_gone_does_not_stop_a_start(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    record = read_record(broker.record_path)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    while broker.status().running:
        time.sleep(0.02)
    broker.start()
    assert broker.status().pid != record.pid
    broker.stop()


def test_a_broker_whose_folder_was_deleted_under_it_is_still_known_and_stopped(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start()
    pid = broker.status().pid
    assert pid is not None
    shutil.rmtree(tmp_path / "broker")
    assert broker.status().running
    assert not broker.stop().running
    assert not psutil.pid_exists(pid)
