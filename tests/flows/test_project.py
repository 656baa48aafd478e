import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from contracts import events, facts
from contracts import read_model as model
from contracts.errors import BrokerError
from contracts.facts import encode_fact
from contracts.settings import Settings, parse_settings
from contracts.topics import DECISIONS, EVENTS, TOPIC_OF
from flows.project import Projector, serve
from infra.broker import EmbeddedBroker, KafkaBroker, LocalBroker
from sinks.database import open_engine
from sinks.kafka import CheckedProducer
from tests.sinks import facts_builders as make

CHILD = """
import sys, msgspec
from contracts.settings import Settings
from flows.project import serve
serve(msgspec.json.decode(sys.argv[1], type=Settings))
"""


def settings_of(broker: LocalBroker, var: Path, name: str = "read_model") -> Settings:
    raw = {
        "broker": {"address": broker.address},
        "read_model": {"url": f"sqlite:///{var}/{name}.db", "batch_ms": 50},
        "run": {"folder": str(var)},
    }
    return parse_settings(raw, "test")


def send(broker: LocalBroker, *batch: facts.AnyFact) -> None:
    producer = CheckedProducer(settings_of(broker, Path()).broker)
    for fact in batch:
        producer.send(TOPIC_OF[type(fact)].name, b"k", encode_fact(fact))
    producer.close()


def story(minutes: int) -> list[facts.AnyFact]:
    """A few facts of every kind for each minute."""
    told: list[facts.AnyFact] = []
    for minute in range(minutes):
        second = minute * 60
        told += [
            make.bars(minute, {f"C{n}USDT": 1.0 + minute + n for n in range(20)}, closed=False),
            make.bars(minute, {f"C{n}USDT": 2.0 + minute + n for n in range(20)}),
            make.snapshot(second, {f"C{(minute + n) % 30}USDT": 90.0 - n for n in range(10)}),
            *make.order_life(f"em-{minute}"),
            make.position(second, name=f"p{minute}"),
            make.position(second + 1, name=f"p{minute}", status="closed"),
            make.account(second), make.engine(second), make.alert(second), make.anomaly(second), make.letter(minute),
            make.ingest_letter(minute),
        ]  # fmt: skip
    return told


def tables(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """All rows but positions, and without numbers that depend on how facts were gathered."""
    engine = open_engine(settings.read_model.url)
    skipped = {model.offsets.name, model.meta.name}
    try:
        with engine.begin() as connection:
            return {
                table.name: [
                    {key: value for key, value in row.items() if key != "sequence"}
                    for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in model.metadata.sorted_tables
                if table.name not in skipped
            }
    finally:
        engine.dispose()


def project(settings: Settings) -> None:
    """Run the projector until nothing is left to read."""
    projector = Projector(settings)
    try:
        projector.start()
        quiet = 0
        while quiet < 4:
            quiet = 0 if projector.step(0.1) else quiet + 1
        projector.tell()
    finally:
        projector.close()


def test_every_fact_arrives_in_the_read_model(broker: LocalBroker, var: Path):
    send(broker, *story(3))
    settings = settings_of(broker, var)
    project(settings)
    rows = tables(settings)
    assert len(rows["bars"]) == 60
    assert all(row["closed"] for row in rows["bars"])
    assert len(rows["candidates"]) == 10
    assert len(rows["orders"]) == 3
    assert len(rows["fills"]) == 6
    assert {row["status"] for row in rows["positions"]} == {"closed"}
    status = msgspec.json.decode((var / "project.json").read_bytes())
    assert (status["messages"], status["behind"], status["lost"]) == (len(story(3)), 0, 0)


def test_killed_at_any_point_it_neither_loses_nor_doubles(broker: LocalBroker, var: Path):
    told = story(400)
    send(broker, *told)
    whole = settings_of(broker, var, "whole")
    project(whole)
    expected = tables(whole)
    settings = settings_of(broker, var, "killed")
    status = var / "project.json"
    for round_ in range(3):
        status.unlink(missing_ok=True)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, msgspec.json.encode(settings).decode()], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        engine = open_engine(settings.read_model.url)
        while time.monotonic() < deadline and _orders(engine) <= round_ * 100:
            time.sleep(0.002)
        engine.dispose()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        again = [fact for fact in told[:50] if getattr(fact, "source", "") != "ingest:spot"]
        send(broker, *again)  # a desk that resumed repeats itself
    project(settings)
    assert tables(settings) == expected
    project(settings)
    assert msgspec.json.decode(status.read_bytes())["messages"] == 0


def _orders(engine: Any) -> int:
    try:
        with engine.connect() as connection:
            return len(connection.execute(select(model.orders.c.client_order_id)).all())
    except DBAPIError:  # the tables are not there yet
        return 0


def test_it_stops_in_order_at_sigterm(embedded_broker: EmbeddedBroker, var: Path):
    settings = settings_of(embedded_broker, var)
    send(embedded_broker, *story(2))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, msgspec.json.encode(settings).decode()], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (var / "project.json").exists():
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    assert not list(var.glob("*-wal"))
    assert len(tables(settings)["alerts"]) == 2


def test_a_broker_that_forgot_begins_an_empty_read_model(var: Path, tmp_path: Path):
    first = EmbeddedBroker(tmp_path / "broker")
    first.start()
    settings = settings_of(first, var)
    send(first, *story(5))
    project(settings)
    assert len(tables(settings)["alerts"]) == 5
    first.stop()
    first.start()
    try:
        send(first, *story(2))
        project(settings)
        assert len(tables(settings)["alerts"]) == 2
    finally:
        first.stop()


def test_what_is_no_fact_is_counted_as_dead_letter_and_passed_over(embedded_broker: EmbeddedBroker, var: Path):
    settings = settings_of(embedded_broker, var)
    producer = CheckedProducer(settings.broker)
    producer.send(DECISIONS.name, b"k", b"\xff nonsense")
    producer.send(DECISIONS.name, b"k", b'{"type":"unheard of"}')
    producer.close()
    send(embedded_broker, make.alert(1))
    project(settings)
    rows = tables(settings)
    assert len(rows["alerts"]) == 1
    assert [row["source"] for row in rows["dead_letters"]] == [f"projector:{DECISIONS.name}"] * 2


@pytest.mark.kafka
def test_facts_that_retention_took_are_told(kafka_broker: KafkaBroker, var: Path):
    settings = settings_of(kafka_broker, var)
    send(kafka_broker, *(make.alert(second) for second in range(10)))
    project(settings)
    send(kafka_broker, *(make.alert(second) for second in range(10, 20)))
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    for done in admin.delete_records([TopicPartition("alert.v1", 0, 15)]).values():
        done.result()
    project(settings)
    alerts = tables(settings)["alerts"]
    assert len(alerts) == 10 + 5 + 1
    (gap,) = [row for row in alerts if row["code"] == "projector_gap"]
    assert msgspec.json.decode(gap["body"])["args"] == {"topic": "alert.v1", "messages": 5.0}


def test_a_missing_broker_is_one_clear_line(var: Path):
    raw = {"broker": {"address": "127.0.0.1:1"}, "read_model": {"url": f"sqlite:///{var}/x.db"}}
    with pytest.raises(BrokerError, match=r"broker 127\.0\.0\.1:1: no answer"):
        serve(parse_settings(raw, "test"), stop=threading.Event())


def test_ready_is_called_once_it_reads(embedded_broker: EmbeddedBroker, var: Path):
    stop = threading.Event()
    called = threading.Event()
    running = threading.Thread(target=serve, args=(settings_of(embedded_broker, var), called.set, stop))
    running.start()
    assert called.wait(30)
    stop.set()
    running.join(30)
    assert not running.is_alive()


def test_the_venues_history_becomes_closed_bars_and_the_rest_of_the_log_is_passed_over(
    embedded_broker: EmbeddedBroker, var: Path
):
    settings = settings_of(embedded_broker, var)
    now = 1_700_000_040_000_000_000
    minute = 60_000_000_000
    rows = [(now - (600 - i) * minute, 1.0, 2.0, 0.5, 1.5, 10.0, 15.0, 3, 5.0) for i in range(600)]
    history = events.Klines(ts_recv=now, symbol="AAAUSDT", interval="1m", rows=rows)
    forming = events.Klines(ts_recv=now, symbol="BBBUSDT", interval="1m", rows=rows[-1:], closed=False)
    producer = CheckedProducer(settings.broker)
    for event in (events.Heartbeat(ts_recv=now, sequence=1), history, forming):
        producer.send(EVENTS.name, b"binance.spot", events.encode_event(event))
    producer.send(EVENTS.name, b"binance.spot", b'{"type":"klines","symbol":7}')
    producer.close()
    projector = Projector(settings)
    try:
        projector.start()
        deadline = time.monotonic() + 20
        seen = 0
        while seen < 4 and time.monotonic() < deadline:
            seen += projector.step(0.1)
    finally:
        projector.close()
    bars = tables(settings)[model.bars.name]
    assert {(bar["market"], bar["symbol"], bar["interval"], bar["closed"]) for bar in bars} == {
        ("binance.spot", "AAAUSDT", "1m", True)
    }
    assert [bar["ts_open"] for bar in bars] == [row[0] for row in rows if row[0] >= now - 480 * minute]
    assert tables(settings)[model.alerts.name] == []


def test_announcements_and_mentions_on_the_log_are_shown(embedded_broker: EmbeddedBroker, var: Path):
    settings = settings_of(embedded_broker, var)
    producer = CheckedProducer(settings.broker)
    for event in (make.announcement("AAA"), make.mention("1"), make.mention("1"), make.mention("2")):
        producer.send(EVENTS.name, b"binance.spot", events.encode_event(event))
    producer.send(EVENTS.name, b"binance.spot", b'{"type":"mention","symbols":7}')
    producer.close()
    project(settings)
    rows = tables(settings)
    assert [(row["market"], row["category"]) for row in rows["announcements"]] == [("binance.spot", "listing")]
    assert [events.decode_event(row["body"]) for row in rows["mentions"]] == [make.mention("1"), make.mention("2")]
