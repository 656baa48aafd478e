"""The exported schemas are those of the code, and say what each number means."""

from __future__ import annotations

import json

import pytest

from contracts.facts import DecisionPacket
from contracts.schemas import EXPORTED, FOLDER, schema_of
from contracts.topics import DECISIONS, Topic


@pytest.mark.parametrize("topic", EXPORTED, ids=lambda topic: topic.name)
def test_the_stored_schema_is_the_codes_own(topic: Topic) -> None:
    stored = (FOLDER / f"{topic.name}.json").read_bytes()
    assert stored == schema_of(topic), "run `python -m contracts.schemas`, and say in CHANGELOG.md what changed"


def test_every_number_of_a_decision_says_its_unit_or_range() -> None:
    packet = json.loads(schema_of(DECISIONS))["$defs"]["DecisionPacket"]["properties"]
    own = set(DecisionPacket.__struct_fields__) - set(DecisionPacket.__mro__[1].__struct_fields__)
    for name in own - {"symbol", "action", "cost"}:
        assert "description" in packet[name], name


def test_the_schema_asks_for_every_field_without_a_default() -> None:
    packet = json.loads(schema_of(DECISIONS))["$defs"]["DecisionPacket"]
    assert set(packet["required"]) >= {"id", "trace_id", "entry", "valid_until", "reasons", "git_version"}
