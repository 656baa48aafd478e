"""`ember why` tells the chain from what was seen to what came of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import CommandError
from contracts.facts import DecisionPacket, OrderAttempt, Position, Signal, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.services import BrokerSettings
from contracts.topics import SIGNALS
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
    for message in run(chain, market_log(300, symbols=8, pump_at=60, history_minutes=400)).facts:
        with (folder / f"{message.topic}.jsonl").open("ab") as file:
            file.write(message.value + b"\n")
    return folder


@pytest.fixture(scope="module")
def messages(written: Path) -> Messages:
    return folder_messages(written)


def facts_of(messages: Messages, kind: type) -> list[Any]:
    return [fact for _, _, raw in messages() if isinstance(fact := decode_fact(raw), kind)]


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


def test_a_time_at_which_the_coin_was_not_judged_is_said_to_be_one(messages: Messages) -> None:
    last = max(s.ts_event for s in facts_of(messages, Signal) if s.symbol == PUMPED)
    soon, late = (words(explain(messages, PUMPED, last + seconds * 1_000_000_000)) for seconds in (60, 3720))
    assert soon[0].startswith(f"{PUMPED} at ")
    assert f"{PUMPED} was not judged" in late[0]
    assert "1 h 2 min before" in late[0]
    assert late[1:] == soon


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
    told = explain(messages, packet.id)
    for fill in (result for result in told.results if result.fill_quantity > 0):
        assert fill.evidence in said
    assert f"taker fee {packet.cost.taker_fee_bps:.1f} bp" in said
    assert "looks 15 min ahead" in said
    assert f"spread {packet.cost.spread_bps:.1f} bp" in said
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


def test_a_wait_says_that_nothing_came_of_it_and_that_no_book_was_seen(messages: Messages) -> None:
    waiting = [s for s in facts_of(messages, Signal) if s.action == "wait" and "spread_bps" not in s.features]
    said = words(explain(messages, waiting[-1].id))
    assert "Nothing was decided, so nothing was sent" in said
    assert any(line.startswith("No bid and ask were known") for line in said)


def test_a_closed_position_tells_entry_time_held_and_gain(messages: Messages) -> None:
    closed = [p for p in facts_of(messages, Position) if p.status == "closed"]
    assert closed
    line = next(line for line in words(explain(messages, closed[0].position_id)) if "was closed at" in line)
    told = explain(messages, closed[0].position_id)
    entry = next(r for r in told.results if r.purpose == "entry" and r.fill_quantity > 0)
    assert entry.average_price is not None
    gain = 100 * float(closed[0].realised_pnl / (entry.average_price * entry.filled_quantity))
    assert f"entered at {float(entry.average_price):.8g}," in line
    assert f"{gain:+.2f} %" in line
    assert f"{closed[0].realised_pnl:+.4f} USDT" in line


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


def test_a_line_that_was_cut_off_is_named_with_its_place(written: Path, tmp_path: Path) -> None:
    name = f"{SIGNALS.name}.jsonl"
    lines = (written / name).read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if PUMPED.encode() in line)
    lines[at] = lines[at][:-20]
    (tmp_path / name).write_bytes(b"".join(lines[: at + 1]))
    with pytest.raises(CommandError, match=rf"signal_snapshot.v1.jsonl:{at + 1}: no fact"):
        explain(folder_messages(tmp_path), PUMPED)
