"""Facts of a slice as messages: topic, key, bytes, in an order that does not depend on how the log was cut."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from contracts.facts import encode_fact
from contracts.topics import TOPIC_OF
from operators.slices import Placed, Slice

_place = attrgetter("row", "rank")


class Outgoing(NamedTuple):
    """One message for one topic."""

    topic: str
    key: bytes
    value: bytes


def ordered(facts: list[Placed]) -> list[Placed]:
    """Facts of a slice by tick row, then by step, then as they were added."""
    return sorted(facts, key=_place)


def encoded(market: str, placed: Placed) -> Outgoing:
    """One fact of this market as a message."""
    topic = TOPIC_OF[type(placed.fact)]
    return Outgoing(topic.name, _key(topic.key, placed.fact, market), encode_fact(placed.fact))


def outgoing(piece: Slice) -> Iterator[Outgoing]:
    """Encode the slice's facts, ordered by tick row and step."""
    for placed in ordered(piece.facts):
        yield encoded(piece.market, placed)


def _key(kind: str, fact: object, market: str) -> bytes:
    if kind == "symbol":
        return str(getattr(fact, "symbol", market)).encode()
    if kind == "source":
        return str(getattr(fact, "source", market)).encode()
    return market.encode()
