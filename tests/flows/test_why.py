"""`ember why` tells the chain from what was seen to what came of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import CommandError
from contracts.facts import DecisionPacket, OrderAttempt, Signal, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.services import BrokerSettings
from flows.desk import operators
from flows.why import READ, Explanation, Messages, broker_messages, explain, folder_messages, words
from infra.broker.local import LocalBroker
from operators.state import Operator
from sinks.kafka import CheckedProducer
from tests.builders import START, market_log
from tests.checks import run

PUMPED = "C01USDT"


def chain() -> list[Operator[Any]]:
    return [make(DeskSettings()) for make in operators()]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The facts of a market in which one coin is pumped, as a replay writes them."""
    folder = tmp_path_factory.mktemp("facts")
    for message in run(chain, market_log(600, symbols=8, pump_at=60, history_minutes=400)).facts:
        with (folder / f"{message.topic}.jsonl").open("ab") as file:
            file.write(message.value + b"\n")
    return folder


@pytest.fixture(scope="module")
def messages(written: Path) -> Messages:
    return folder_messages(written)


def facts_of(messages: Messages, kind: type) -> list[Any]:
    return [fact for raw in messages() if isinstance(fact := decode_fact(raw), kind)]


def test_a_decision_leads_to_its_signal_orders_and_position(messages: Messages) -> None:
    packet = facts_of(messages, DecisionPacket)[0]
    told = explain(messages, packet.id)
    assert told.symbol == PUMPED
    assert told.decision == packet
    assert told.signal is not None
    assert told.signal.decision_id == packet.id
    assert told.attempts[0].purpose == "entry"
    assert told.positions


def test_order_and_position_ids_lead_to_the_same_chain(messages: Messages) -> None:
    packet = facts_of(messages, DecisionPacket)[0]
    told = explain(messages, packet.id)
    attempt = next(a for a in facts_of(messages, OrderAttempt) if a.decision_id == packet.id)
    assert explain(messages, attempt.client_order_id) == told
    assert explain(messages, told.positions[0].position_id) == told


def test_a_symbol_at_a_time_gives_the_evaluation_in_force(messages: Messages) -> None:
    at = START + 200 * 1_000_000_000
    told = explain(messages, "c03usdt", at)
    assert told.signal is not None
    assert told.signal.ts_event <= at
    assert told.signal.action == "wait"
    assert told.decision is None


def test_the_words_name_verdict_gates_plan_outcome_and_source(messages: Messages) -> None:
    packet = facts_of(messages, DecisionPacket)[0]
    said = "\n".join(words(explain(messages, packet.id)))
    for part in (
        PUMPED,
        "go long",
        "Gates passed (21)",
        packet.id,
        "accepted as em-",
        "filled",
        "offset",
        packet.settings_hash,
    ):
        assert part in said
    chinese = "\n".join(words(explain(messages, packet.id), "zh"))
    assert "做多" in chinese
    assert "理由: 热度" in chinese


def test_a_wait_says_every_gate_that_failed(messages: Messages) -> None:
    waiting = [s for s in facts_of(messages, Signal) if s.action == "wait"]
    assert waiting
    for signal in waiting[:: max(1, len(waiting) // 10)]:
        said = words(explain(messages, signal.id))
        failed = Counter(line.startswith("Gate not passed") for line in said)[True]
        assert failed == sum(not open_ for open_ in signal.gates.values()) == len(signal.reasons)


def test_a_brokers_topics_give_the_same_answer(written: Path, messages: Messages, broker: LocalBroker) -> None:
    producer = CheckedProducer(BrokerSettings(kind="external", address=broker.address))
    for topic in READ:
        for line in (written / f"{topic}.jsonl").read_bytes().splitlines():
            producer.send(topic, b"key", line)
    producer.flush(60)
    packet = facts_of(messages, DecisionPacket)[0]
    assert explain(broker_messages(broker.address), packet.id) == explain(messages, packet.id)


def test_an_explanation_survives_json(messages: Messages) -> None:
    told = explain(messages, PUMPED)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Explanation) == told


def test_what_is_unknown_is_refused_in_one_line(messages: Messages, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such id, and no evaluation of such a symbol"):
        explain(messages, "NOSUCHUSDT")
    with pytest.raises(CommandError, match="ember replay --out"):
        folder_messages(tmp_path)
