import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from contracts.errors import ArchiveError
from contracts.events import StreamGap, decode_event
from contracts.settings import Settings, parse_settings
from contracts.topics import EVENTS
from flows.archive import Archiver
from flows.sources import archive_batches, consecutive
from infra.broker import EmbeddedBroker, KafkaBroker, LocalBroker
from sinks.archive import market_files
from sinks.archive_format import messages
from sinks.kafka import CheckedProducer
from tests import builders

MARKET = "binance.spot"
CHILD = """
import sys, msgspec
from contracts.settings import Settings
from flows.archive import serve
serve(msgspec.json.decode(sys.argv[1], type=Settings))
"""


def settings_of(broker: LocalBroker, var: Path, **archive: object) -> Settings:
    raw = {
        "broker": {"address": broker.address},
        "archive": {"folder": str(var / "archive"), **archive},
        "run": {"folder": str(var)},
        "markets": {MARKET: {"partition": 0}, "binance.usdm": {"partition": 1}},
    }
    return parse_settings(raw, "test")


def send(broker: LocalBroker, log: list[bytes], partition: int = 0) -> None:
    producer = CheckedProducer(settings_of(broker, Path()).broker)
    for raw in log:
        producer.send(EVENTS.name, b"m", raw, partition)
    producer.close()


def archive(settings: Settings) -> None:
    """Run the archiver until nothing is left to read."""
    archiver = Archiver(settings)
    try:
        archiver.start()
        quiet = 0
        while quiet < 4:
            quiet = 0 if archiver.step(0.1) else quiet + 1
    finally:
        archiver.close()


def read(settings: Settings, market: str = MARKET) -> list[tuple[int, bytes]]:
    files = consecutive(Path(settings.archive.folder) / market)
    return [message for file in files for message in messages(file.path)]


def test_the_archive_is_the_log_to_the_byte_market_by_market(broker: LocalBroker, var: Path):
    spot, futures = builders.market_log(seconds=60), builders.market_log(seconds=20, seed=5)
    send(broker, spot)
    send(broker, futures, 1)
    settings = settings_of(broker, var, rows_per_file=1000)
    archive(settings)
    assert read(settings) == list(enumerate(spot))
    assert read(settings, "binance.usdm") == list(enumerate(futures))
    more = builders.market_log(seconds=10, seed=9)
    send(broker, more)
    archive(settings)
    assert [raw for _, raw in read(settings)] == spot + more


def test_killed_at_any_point_it_goes_on_without_gap_or_overlap(broker: LocalBroker, var: Path):
    log = builders.market_log(seconds=400)
    settings = settings_of(broker, var, rows_per_file=900)
    folder = Path(settings.archive.folder) / MARKET
    send(broker, log)
    for round_ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, msgspec.json.encode(settings).decode()], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(market_files(folder)) <= 2 * round_:
            time.sleep(0.002)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    archive(settings)
    assert read(settings) == list(enumerate(log))


def test_it_completes_its_file_at_sigterm(embedded_broker: EmbeddedBroker, var: Path):
    log = builders.market_log(seconds=20)
    send(embedded_broker, log)
    settings = settings_of(embedded_broker, var)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, msgspec.json.encode(settings).decode()], stdout=subprocess.DEVNULL
    )
    status = var / "archive.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if status.exists() and msgspec.json.decode(status.read_bytes())["messages"] == len(log):
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    assert read(settings) == list(enumerate(log))
    told = msgspec.json.decode(status.read_bytes())
    assert (told["behind"], told["files"], told["next"][MARKET]) == (0, 1, len(log))


def test_a_broker_that_forgot_begins_a_new_archive_beside_the_old(var: Path, tmp_path: Path):
    broker = EmbeddedBroker(tmp_path / "broker")
    for seed in (1, 2):
        log = builders.market_log(seconds=10, seed=seed)
        broker.start()
        send(broker, log)
        settings = settings_of(broker, var)
        archive(settings)
        assert [raw for _, raw in read(settings)] == log
        broker.stop()
    (old,) = Path(settings.archive.folder).glob(f"{MARKET}@*")
    assert sum(len(batch.kind) for batch in archive_batches(old.parent, old.name)) > 0


@pytest.mark.kafka
def test_what_retention_took_is_an_event_in_the_archive(kafka_broker: KafkaBroker, var: Path):
    settings = settings_of(kafka_broker, var)
    log = [builders.heartbeat(second, second) for second in range(100)]
    send(kafka_broker, log[:20])
    archive(settings)
    send(kafka_broker, log[20:])
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    for done in admin.delete_records([TopicPartition(EVENTS.name, 0, 50)]).values():
        done.result()
    archive(settings)
    found = read(settings)
    assert [offset for offset, _ in found] == [*range(20), 49, *range(50, 100)]
    gap = decode_event(found[20][1])
    assert isinstance(gap, StreamGap)
    assert gap.reason == "retention passed the archive: offsets 20 to 49 are lost"


def test_the_size_of_the_archive_is_bounded(
    embedded_broker: EmbeddedBroker, var: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.archive.PRUNE_S", 0.0)
    send(embedded_broker, builders.market_log(seconds=300))
    settings = settings_of(embedded_broker, var, rows_per_file=500, max_bytes=60_000)
    archive(settings)
    archive(settings)
    files = market_files(Path(settings.archive.folder) / MARKET)
    assert files[0].first > 0
    assert sum(file.path.stat().st_size for file in files) <= 60_000


def test_a_partition_the_topic_does_not_have_is_refused(embedded_broker: EmbeddedBroker, var: Path):
    settings = msgspec.structs.replace(
        settings_of(embedded_broker, var),
        markets={"far": msgspec.structs.replace(settings_of(embedded_broker, var).markets[MARKET], partition=90)},
    )
    with pytest.raises(ArchiveError, match="market far wants partition 90, the topic has 8"):
        archive(settings)
