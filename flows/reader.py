"""Read topics from given offsets, without a group: whoever reads keeps its own position and is told what was lost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts.errors import BrokerError

AGAIN_S = 2.0  # a broker that is just coming up has no topics yet


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Lost(NamedTuple):
    """Offsets [first, end) that the broker no longer holds: its retention passed the reader."""

    place: Place
    first: int
    end: int


class TopicReader:
    """Messages of several partitions, each in its order, from where the caller says.

    starts: place -> next offset to read, None for the beginning. `lost` collects ranges that were gone, at the start
    or later; reading goes on behind them. `log_id` is the identity of the broker's log: offsets of another log mean
    nothing here. Raises BrokerError when the broker does not answer, a topic is missing, or a start lies beyond the
    end.
    """

    def __init__(
        self, bootstrap: str, starts: Mapping[Place, int | None], *, timeout_s: float = 10.0, **more: Any
    ) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self.lost: list[Lost] = []
        self.next: dict[Place, int] = {}
        self._consumer = open_consumer(bootstrap, **more)
        self.log_id = ""
        self._starts = starts

    def connect(self, topics: Iterable[str]) -> dict[str, int]:
        """Wait for the broker and these topics: number of partitions by topic. Sets `log_id`."""
        wanted = set(topics)
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                found = self._consumer.list_topics(timeout=self._timeout_s)
            except KafkaException as e:
                raise BrokerError(
                    f"broker {self._bootstrap}: no answer: {e.args[0].str()}; start one with `ember broker start`"
                ) from e
            missing = sorted(wanted - {name for name, topic in found.topics.items() if topic.error is None})
            if not missing:
                break
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"broker {self._bootstrap}: topic {', '.join(missing)} missing; "
                    "`ember broker start` creates the topics"
                )
            time.sleep(AGAIN_S / 10)
        self.log_id = found.cluster_id or ""
        return {name: len(found.topics[name].partitions) for name in wanted}

    def start(self) -> None:
        """Begin to read."""
        for place, wanted in self._starts.items():
            low, high = self.bounds(place)
            begin = low if wanted is None else wanted
            if begin > high:
                raise BrokerError(
                    f"{place.topic}[{place.partition}]: the stored position {begin} lies beyond the end {high}: "
                    "the broker forgot"
                )
            if begin < low:
                self.lost.append(Lost(place, begin, low))
                begin = low
            self.next[place] = begin
        self._assign()

    def begin_at(self, starts: Mapping[Place, int | None]) -> None:
        """Replace the starts given at first; before `start`."""
        self._starts = starts

    def bounds(self, place: Place) -> tuple[int, int]:
        """(first, one past last) offset that the broker holds."""
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=self._timeout_s)
        except KafkaException as e:
            raise BrokerError(f"{place.topic}[{place.partition}]: {e.args[0].str()}; see `ember broker status`") from e
        return low, high

    def behind(self) -> int:
        """Messages that the broker has and that were not read, as far as it told with what was fetched."""
        total = 0
        for place, offset in self.next.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            total += max(0, high - offset)
        return total

    def poll(self, most: int, seconds: float) -> list[Message]:
        """Up to `most` messages, gathered for at most so many seconds.

        Raises BrokerError on what does not heal by itself.
        """
        messages = self._consumer.consume(most, seconds)
        good = []
        for message in messages:
            error = message.error()
            place = Place(message.topic() or "", message.partition() or 0)
            if error is None:
                good.append(message)
                self.next[place] = (message.offset() or 0) + 1
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                low, _ = self.bounds(place)
                self.lost.append(Lost(place, self.next[place], low))
                self.next[place] = low
                self._assign()
                break  # what follows of other partitions is fetched again
            elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                raise BrokerError(f"{place.topic}[{place.partition}]: {error.str()}") from KafkaException(error)
        return good

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self.next.items()])

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def open_consumer(bootstrap: str, **more: Any) -> Consumer:
    """A consumer without a group's help: no commits; an unknown offset is an error, never a jump."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "emberline-unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 10,
            "log_level": 2,
            **more,
        }
    )
