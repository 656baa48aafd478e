"""Read a topic as a person: newest messages or a stretch of time, filtered by symbol and type, followed if asked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from contracts.errors import BrokerError, CommandError
from flows.tap import in_words

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
QUIET = ("type", "id", "trace_id", "market", "partition", "offset", "settings_hash", "model_hash", "ts_recv", "symbol")
WIDTH = 200


class Tapped(msgspec.Struct, frozen=True):
    """One message: where it stood, when the broker took it (Unix ms), its key, and its decoded or raw value."""

    partition: int
    offset: int
    ts_ms: int
    key: str
    value: Any


def parse_since(text: str) -> float:
    """`90s`, `5m`, `2h` or `1d` in seconds. Raises CommandError otherwise."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise CommandError(f"--since: expected a number and s, m, h or d, as in 5m, was {text}")
    return float(found[1]) * UNITS[found[2]]


def names_symbol(value: Any, symbol: str) -> bool:
    """Whether a decoded message is about `symbol`: its own field, a column of symbols, or the rows of an array."""
    if not isinstance(value, dict):
        return False
    if value.get("symbol") == symbol or symbol in (value.get("symbols") or ()):
        return True
    rows = value.get("rows") or ()
    return any(row[0] == symbol if isinstance(row, list) and row else _symbol_of(row) == symbol for row in rows)


def _symbol_of(row: Any) -> Any:
    return row.get("symbol") if isinstance(row, dict) else None


def tap(
    address: str,
    topic: str,
    *,
    symbol: str | None = None,
    kind: str | None = None,
    since_s: float | None = None,
    follow: bool = False,
    limit: int | None = None,
) -> Iterator[Tapped]:
    """Yield the topic's messages, each partition in order, up to its end or for ever with `follow`.

    since_s: only messages the broker took in the last so many seconds. limit: stop after so many that pass the filters.
    Raises BrokerError if the broker does not answer, CommandError if there is no such topic.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "ember-tap",
            "enable.auto.commit": False,
            "enable.partition.eof": not follow,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        partitions = _partitions(consumer, address, topic)
        starts = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions]
        oldest_ms = 0 if since_s is None else int((time.time() - since_s) * 1000)
        if since_s is not None:
            starts = _from_time(consumer, topic, partitions, oldest_ms)
        consumer.assign(starts)
        waiting = set(partitions)
        given = 0
        while waiting:
            for message in consumer.consume(500, 0.1):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        waiting.discard(message.partition())
                    continue
                found = _decode(message)
                if found.ts_ms < oldest_ms:
                    continue
                if symbol is not None and not names_symbol(found.value, symbol):
                    continue
                if kind is not None and not (isinstance(found.value, dict) and found.value.get("type") == kind):
                    continue
                yield found
                given += 1
                if limit is not None and given >= limit:
                    return
    finally:
        consumer.close()


def describe(found: Tapped, *, colour: bool = False) -> str:
    """One line for a person: time, position, type, symbol, then what the message says, cut at 200 characters.

    Messages of ours are told in words; of others the fields are shown. colour: with the escape codes of a terminal.
    """
    value = found.value
    at = datetime.fromtimestamp(found.ts_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    if not isinstance(value, dict):
        return f"{at} {found.partition}/{found.offset} ? {value!r}"[:WIDTH]
    about = value.get("symbol") or found.key
    head = f"{at} {found.partition}/{found.offset} {value.get('type', '?')} {about}"
    told = in_words(value)
    if told is None:
        rest = " ".join(f"{key}={_short(item)}" for key, item in value.items() if key not in QUIET)
        return f"{head} {rest}"[:WIDTH]
    line = f"{head} {told[0]}"[:WIDTH]
    return typer.style(line, fg=told[1]) if colour else line


def _short(item: Any) -> str:
    if isinstance(item, list) and len(item) > 3:
        return f"[{len(item)}]"
    return msgspec.json.encode(item).decode()


def _partitions(consumer: Consumer, address: str, topic: str) -> list[int]:
    try:
        topics = consumer.list_topics(timeout=10).topics
    except KafkaException as e:
        raise BrokerError(f"broker {address}: no answer: {e.args[0].str()}; start one with: ember broker start") from e
    if topic not in topics:
        known = ", ".join(sorted(name for name in topics if not name.startswith("__")))
        raise CommandError(f"topic {topic}: not on {address}; there are {known}")
    return sorted(topics[topic].partitions)


def _from_time(consumer: Consumer, topic: str, partitions: list[int], oldest_ms: int) -> list[TopicPartition]:
    since: list[TopicPartition] = consumer.offsets_for_times(
        [TopicPartition(topic, p, oldest_ms) for p in partitions], timeout=10
    )
    ever: list[TopicPartition] = consumer.offsets_for_times(
        [TopicPartition(topic, p, 1) for p in partitions], timeout=10
    )
    # The embedded broker cannot look up times, not even the first; it holds little, so all is read and filtered.
    return [
        TopicPartition(topic, found.partition, OFFSET_BEGINNING if first.offset < 0 else found.offset)
        for found, first in zip(since, ever, strict=True)
    ]


def _decode(message: Any) -> Tapped:
    raw = message.value() or b""
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        value = raw
    key = (message.key() or b"").decode(errors="replace")
    return Tapped(message.partition(), message.offset(), message.timestamp()[1], key, value)
