"""Facts of a slice as messages: topic, key, bytes, in an order that does not depend on how the log was cut."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from contracts.facts import encode_fact
from contracts.topics import TOPIC_OF
from operators.slices import Slice

_place = attrgetter("row", "rank")


class Outgoing(NamedTuple):
    """One message for one topic."""

    topic: str
    key: bytes
    value: bytes


def outgoing(piece: Slice) -> Iterator[Outgoing]:
    """Encode the slice's facts, ordered by tick row and step."""
    for placed in sorted(piece.facts, key=_place):
        fact = placed.fact
        topic = TOPIC_OF[type(fact)]
        yield Outgoing(topic.name, _key(topic.key, fact, piece.market), encode_fact(fact))


def _key(kind: str, fact: object, market: str) -> bytes:
    if kind == "symbol":
        return str(getattr(fact, "symbol", market)).encode()
    if kind == "source":
        return str(getattr(fact, "source", market)).encode()
    return market.encode()


