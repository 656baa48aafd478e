"""The whole desk: the same log gives the same bytes, however it is cut, stopped or killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bytewax.testing import run_main
from confluent_kafka import Consumer, TopicPartition
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.errors import SettingsError
from contracts.settings import DeskSettings, load_settings, parse_settings
from contracts.settings.decisions import IndicatorSettings
from contracts.settings.services import BrokerSettings
from contracts.topics import EVENTS, TOPICS
from flows.desk import build, check, operators
from flows.wiring.encode import Outgoing
from flows.wiring.sinks import Collected, CollectFacts
from flows.wiring.sources import Replay
from flows.wiring.steps import Batch
from infra.broker import LocalBroker
from operators.slices import RawBatch
from sinks.kafka import CheckedProducer
from tests.builders import heartbeat, market_log, quote
from tests.checks import MARKET, Ran, check_laws, run

DESK = DeskSettings()
ROOT = Path(__file__).resolve().parents[2]


def chain() -> list[object]:
    return [make(DESK) for make in operators()]


def pumped(seed: int = 0, seconds: int = 260) -> list[bytes]:
    return market_log(seconds, symbols=8, seed=seed, pump_at=60, history_minutes=400)


@pytest.fixture(scope="module")
def whole() -> Ran:
    return run(chain, pumped())


@pytest.mark.parametrize("seed", [0, 1])
def test_laws_hold_for_the_whole_desk(seed: int) -> None:
    check_laws(chain, pumped(seed, 150), seed=seed)


@hypothesis_settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(1, 6000), max_size=60), resume=st.booleans())
def test_a_log_cut_at_random_gives_identical_bytes(cuts: list[int], resume: bool) -> None:
    log = pumped(2, 120)
    expected = run(chain, log)
    parted = run(chain, log, [cut for cut in cuts if cut < len(log)], resume=resume)
    assert parted.facts == expected.facts


def test_the_dataflow_writes_what_the_steps_conclude(whole: Ran) -> None:
    collected = Collected(keep=frozenset(TOPICS))
    log = pumped()

    def batches(market: str) -> Iterator[Batch]:
        for start in range(0, len(log), 777):
            part = log[start : start + 777]
            yield RawBatch(np.arange(start, start + len(part), dtype=np.int64), part)

    run_main(build(load_settings(), Replay([MARKET], batches), CollectFacts(collected)))
    assert collected.kept == whole.facts


@pytest.mark.parametrize(
    "log",
    [
        [heartbeat(second / 4) for second in range(320)],
        [quote(float(second)) for second in range(80)],
        market_log(70, symbols=1, pump=None, dirty=False),
    ],
    ids=["no coin", "quotes alone", "one coin"],
)
def test_laws_hold_for_hardly_any_market(log: list[bytes]) -> None:
    check_laws(chain, log)


def test_markets_in_one_process_do_not_know_of_each_other() -> None:
    settings = parse_settings({"markets": {"a.spot": {"partition": 0}, "b.spot": {"partition": 1, "entry": {"heat_min": 1.0}}}}, "test")
    logs = {"a.spot": market_log(100, seed=5), "b.spot": market_log(100, symbols=9, seed=6)}

    def batches(market: str) -> Iterator[Batch]:
        for start in range(0, len(logs[market]), 500):
            part = logs[market][start : start + 500]
            yield RawBatch(np.arange(start, start + len(part), dtype=np.int64), part)

    def facts(*markets: str) -> Counter[Outgoing]:
        collected = Collected(keep=frozenset(TOPICS))
        run_main(build(settings, Replay(list(markets), batches), CollectFacts(collected)))
        return Counter(collected.kept)

    alone = facts("a.spot"), facts("b.spot")
    assert facts("a.spot", "b.spot") == alone[0] + alone[1]
    assert all(b'"market":"a.spot"' in message.value or message.topic == "dead_letter.v1" for message in alone[0])
    hashes = {market.desk.hash() for market in settings.markets.values()}
    assert {json.loads(m.value)["settings_hash"] for m in alone[0] + alone[1] if m.topic == "bar.v1"} == hashes


def test_a_pumped_coin_is_ranked_first_decided_on_and_traded(whole: Ran) -> None:
    counts = Counter(message.topic for message in whole.facts)
    assert counts["decision.v1"] >= 1
    assert counts["order_attempt.v1"] >= 1
    first = next(json.loads(m.value) for m in whole.facts if m.topic == "decision.v1")
    assert first["symbol"] == "C01USDT"
    hottest = [json.loads(m.value)["symbols"][0] for m in whole.facts if b'"type":"candidates"' in m.value]
    assert hottest[-1] == "C01USDT"


def publish(address: str, log: list[bytes]) -> None:
    producer = CheckedProducer(BrokerSettings(kind="external", address=address))
    for message in log:
        producer.send(EVENTS.name, MARKET.encode(), message, partition=0)
    producer.flush(60)


def unstamped(value: bytes) -> bytes:
    """A fact without the commit of the code: somebody may commit while a desk is started anew."""
    return re.sub(rb'"git_version":"[^"]*"', b'"git_version":""', value)


def told(log: list[bytes]) -> list[tuple[str, bytes, bytes]]:
    """What the steps conclude of a log, in order."""
    return [(message.topic, message.key, unstamped(message.value)) for message in run(chain, log).facts]


def read_all(address: str, topics: set[str], known: dict[tuple[str, str], bytes] | None = None) -> list[tuple[str, bytes, bytes]]:
    """Every message on these topics, by topic in order."""
    found: list[tuple[str, bytes, bytes]] = []
    reader = Consumer({"bootstrap.servers": address, "group.id": "t", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 10})
    for topic in sorted(topics):
        low, high = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        if high <= low:
            continue
        reader.assign([TopicPartition(topic, 0, low)])
        at = low
        while at < high:
            for message in reader.consume(5000, 1.0):
                assert message.error() is None
                found.append((topic, message.key() or b"", unstamped(message.value() or b"")))
                at = (message.offset() or 0) + 1
        reader.unassign()
    reader.close()
    return found


def test_settings_that_no_step_takes_are_one_line_whatever_the_step_says() -> None:
    huge = msgspec.structs.replace(DeskSettings(), indicators=IndicatorSettings(donchian=10**17))
    settings = parse_settings({"markets": {"a.spot": {"partition": 0}, "b.spot": {"partition": 1}}}, "test")
    check(settings)
    b = msgspec.structs.replace(settings.markets["b.spot"], desk=huge)
    with pytest.raises(SettingsError) as error:
        check(msgspec.structs.replace(settings, markets={**settings.markets, "b.spot": b}), "my.yaml")
    assert str(error.value).startswith("my.yaml: `markets.b.spot`: no step can be made of these settings: ")
    assert "\n" not in str(error.value)


def start_desk(tmp_path: Path, address: str, epoch_s: float = 0.3) -> subprocess.Popen[bytes]:
    file = tmp_path / "settings.yaml"
    file.write_text(
        f"broker: {{kind: external, address: '{address}'}}\nrun: {{folder: '{tmp_path / 'var'}', epoch_s: {epoch_s}}}\n"
    )
    with (tmp_path / "desk.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.cli", "run", "desk", "--settings", str(file)], cwd=ROOT, stdout=log, stderr=log
        )


def wait_for(condition: object, seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.1)
    pytest.fail(f"{what} did not come within {seconds:.0f} s")


def written(address: str) -> int:
    return sum(1 for _ in read_all(address, {"engine_state.v1"}))


FACT_TOPICS = set(TOPICS) - {EVENTS.name}


def test_kill_nine_in_mid_run_loses_and_changes_nothing(broker: LocalBroker, tmp_path: Path) -> None:
    log = pumped(3, 400)
    expected = told(log)
    parts = [log[i : i + len(log) // 8] for i in range(0, len(log), len(log) // 8)]
    publish(broker.address, parts[0])
    desk = start_desk(tmp_path, broker.address)
    kills = 0
    try:
        for part in parts[1:]:
            before = written(broker.address)
            publish(broker.address, part)
            if kills < 3:
                wait_for(lambda before=before: written(broker.address) > before, 60, "a fact")
                desk.send_signal(signal.SIGKILL)
                desk.wait()
                kills += 1
                desk = start_desk(tmp_path, broker.address)
        last = expected[-1]
        wait_for(lambda: last in read_all(broker.address, {last[0]}), 90, "the last fact")
        desk.send_signal(signal.SIGTERM)
        assert desk.wait(30) == 0
    finally:
        if desk.poll() is None:
            desk.kill()
            desk.wait()
    found = read_all(broker.address, FACT_TOPICS)
    by_topic: dict[str, list[tuple[str, bytes, bytes]]] = {}
    for message in found:
        by_topic.setdefault(message[0], []).append(message)
    for topic in FACT_TOPICS:
        want = [message for message in expected if message[0] == topic]
        once = list({json.loads(message[2])["id"]: message for message in by_topic.get(topic, [])}.values())
        assert sorted(once) == sorted(want), topic
    assert kills == 3


def test_a_stopped_desk_goes_on_without_writing_twice(embedded_broker: LocalBroker, tmp_path: Path) -> None:
    log = pumped(4, 120)
    expected = told(log)
    half = len(log) // 2
    publish(embedded_broker.address, log[:half])
    for part in ([], log[half:]):
        if part:
            publish(embedded_broker.address, part)
        desk = start_desk(tmp_path, embedded_broker.address)
        target = expected[-1] if part else None
        if target is not None:
            wait_for(lambda target=target: target in read_all(embedded_broker.address, {target[0]}), 60, "the last fact")
        else:
            wait_for(lambda: written(embedded_broker.address) > 5, 60, "facts")
            time.sleep(1.0)
        os.kill(desk.pid, signal.SIGTERM)
        assert desk.wait(30) == 0
    assert Counter(read_all(embedded_broker.address, FACT_TOPICS)) == Counter(expected)
