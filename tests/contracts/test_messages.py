"""One stored example of every message: whoever reads our topics sees here when a payload changes."""

from __future__ import annotations

import typing
from pathlib import Path

import msgspec
import pytest

from contracts import events, facts
from contracts.topics import EVENTS, TOPIC_OF, TOPICS

EXAMPLES = Path(__file__).parent / "examples"
EVENT_TYPES = typing.get_args(events.LogEvent)
FACT_TYPES = typing.get_args(facts.AnyFact)


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_a_stored_event_reads_and_writes_the_same(kind: type) -> None:
    stored = (EXAMPLES / f"{kind.__name__}.json").read_bytes().rstrip(b"\n")
    event = events.decode_event(stored)
    assert type(event) is kind
    assert events.encode_event(event) == stored


@pytest.mark.parametrize("kind", FACT_TYPES, ids=lambda kind: kind.__name__)
def test_a_stored_fact_reads_and_writes_the_same(kind: type) -> None:
    stored = (EXAMPLES / f"{kind.__name__}.json").read_bytes().rstrip(b"\n")
    fact = facts.decode_fact(stored)
    assert type(fact) is kind
    assert facts.encode_fact(fact) == stored
    assert isinstance(msgspec.json.decode(stored, type=TOPIC_OF[kind].payload), kind)


def test_no_example_is_left_of_a_message_that_is_gone() -> None:
    known = {kind.__name__ for kind in (*EVENT_TYPES, *FACT_TYPES)}
    assert {path.stem for path in EXAMPLES.iterdir()} == known


def test_every_fact_has_a_topic_and_every_topic_a_payload() -> None:
    assert set(TOPIC_OF) == set(FACT_TYPES)
    assert {topic.name for topic in TOPIC_OF.values()} | {EVENTS.name} == set(TOPICS)


def test_fields_added_later_are_skipped_by_readers() -> None:
    raw = b'{"type":"heartbeat","ts_recv":1,"sequence":2,"added":{"deep":[1]}}'
    assert events.decode_event(raw) == events.Heartbeat(ts_recv=1, sequence=2)


def test_numbers_out_of_range_name_their_place() -> None:
    raw = (EXAMPLES / "Trade.json").read_bytes().replace(b"62345.67", b"-1")
    with pytest.raises(msgspec.ValidationError, match=r"Expected `float` > 0.0 - at `\$.price`"):
        events.decode_event(raw)
