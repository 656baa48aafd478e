"""Where slices of the log come from: Kafka live, any iterator of batches in a replay.

The stock Kafka source emits message by message and jumps silently when its offset is gone; this one emits one batch per poll, and a
lost range becomes an event of the log (`StreamGap`, stream "log") that the desk sees and tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts.errors import BrokerError, EmberlineError
from contracts.events import StreamGap, encode_event
from contracts.topics import EVENTS
from flows.wiring.launch import stopping
from flows.wiring.steps import Batch, MarketBatch
from operators.slices import RawBatch

Item: TypeAlias = tuple[str, MarketBatch]


def consumer(bootstrap: str, **more: Any) -> Consumer:
    """A consumer that decides itself where it reads: no group, no commits, an unknown offset is an error."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "emberline-unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 10,
            "topic.metadata.refresh.interval.ms": 60_000,
            "log_level": 2,
            **more,
        }
    )


class KafkaLog(FixedPartitionedSource[Item, int]):
    """The log live: one part per market, resuming at the offset of the last snapshot, else at the beginning.

    Parameters: broker address; market -> partition; `stop`, set to end cleanly with a final snapshot; poll sizes.
    """

    def __init__(
        self, bootstrap: str, markets: dict[str, int], stop: threading.Event, *, poll_ms: int = 5, poll_messages: int = 5000
    ) -> None:
        self._bootstrap = bootstrap
        self._markets = markets
        self._stop = stop
        self._poll = (poll_ms / 1000, poll_messages)

    def list_parts(self) -> list[str]:
        """One part per market."""
        return sorted(self._markets)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> KafkaPart:
        """Open the market's partition."""
        with stopping():
            return KafkaPart(self._bootstrap, for_part, self._markets[for_part], resume_state, self._stop, *self._poll)


class KafkaPart(StatefulSourcePartition[Item, int]):
    """Reads one partition. The snapshot is the next offset to read."""

    def __init__(
        self, bootstrap: str, market: str, partition: int, resume: int | None, stop: threading.Event, poll_s: float, most: int
    ) -> None:
        self._market = market
        self._partition = partition
        self._stop = stop
        self._poll_s = poll_s
        self._most = most
        self._consumer = consumer(bootstrap)
        self._next = 0 if resume is None else resume
        self._gap: tuple[int, int] | None = None
        self._out_of_range = False
        try:
            self._find(fresh=resume is None)
        except BrokerError:
            self._consumer.close()
            raise

    def _find(self, *, fresh: bool = False) -> None:
        """Go on at the next offset, at the first one if `fresh`, or where the log now begins. Raises BrokerError beyond its end."""
        low, high = watermarks(self._consumer, self._partition)
        if fresh:
            self._next = low
        if self._next > high:
            raise BrokerError(
                f"events.v1[{self._partition}]: the stored position {self._next} lies beyond the log's end {high}: the broker forgot; "
                "start afresh with `ember run desk --rebuild`"
            )
        if self._next < low:
            self._gap = (self.snapshot(), low)
            self._next = low
        self._out_of_range = False
        self._consumer.assign([TopicPartition(EVENTS.name, self._partition, self._next)])

    def next_batch(self) -> list[Item]:
        """What has come since the last poll, as one batch."""
        with stopping():
            return self._read()

    def _read(self) -> list[Item]:
        if self._stop.is_set():
            raise StopIteration
        if self._out_of_range:
            self._find()
        messages = self._consumer.consume(1, self._poll_s)
        if not messages:
            return []
        if self._most > 1:
            messages += self._consumer.consume(self._most - 1, 0)
        batch = self._batch(messages)
        return [(self._market, (self._market, batch))] if batch is not None else []

    def _batch(self, messages: list[Message]) -> RawBatch | None:
        good = messages
        if any(m.error() is not None for m in messages):
            good = []
            for m in messages:
                error = m.error()
                if error is None:
                    good.append(m)
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    self._out_of_range = True  # looked into at the next poll, when what came before it has been counted
                    break
                elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                    raise BrokerError(f"events.v1[{self._partition}]: {error.str()}") from KafkaException(error)
        if not good:
            return None
        values = [m.value() or b"" for m in good]
        first, last = good[0].offset(), good[-1].offset()
        assert first is not None
        assert last is not None
        if last - first == len(good) - 1:
            offsets = np.arange(first, last + 1, dtype=np.int64)
        else:
            offsets = np.array([m.offset() for m in good], dtype=np.int64)
        if self._gap is not None and first >= self._gap[1]:
            start, end = self._gap
            self._gap = None
            ts = good[0].timestamp()[1] * 1_000_000
            gap = StreamGap(
                ts_recv=ts, stream="log", symbols=[], ts_from=ts, ts_until=ts,
                reason=f"retention passed the reader: offsets {start} to {end - 1} are lost",
            )  # fmt: skip
            values.insert(0, encode_event(gap))
            offsets = np.concatenate([np.array([end - 1], dtype=np.int64), offsets])
        if self._gap is None:
            self._next = last + 1
        return RawBatch(offsets, values)

    def snapshot(self) -> int:
        """The next offset to read; before a lost range that was not told yet."""
        return self._next if self._gap is None else self._gap[0]

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def watermarks(reader: Consumer, partition: int, timeout: float = 10.0) -> tuple[int, int]:
    """(first, one past last) offset of a partition of the log. Raises BrokerError when the broker does not answer."""
    try:
        low, high = reader.get_watermark_offsets(TopicPartition(EVENTS.name, partition), timeout=timeout)
    except KafkaException as e:
        raise BrokerError(f"events.v1[{partition}]: {e.args[0].str()}; is the broker up? `ember broker status`") from e
    return low, high


class Replay(FixedPartitionedSource[Item, int]):
    """A recorded range of the log: `open_market(market)` yields its batches, oldest first. Not resumable, ends at the last batch.

    An error of ours that a market's batches raise ends them; it stands in `failure` for whoever ran the flow.
    """

    def __init__(self, markets: list[str], open_market: Callable[[str], Iterator[Batch]]) -> None:
        self.failure: EmberlineError | None = None
        self._markets = markets
        self._open = open_market

    def fail(self, error: EmberlineError) -> None:
        """Note the first error. Raised through Bytewax it would print a panic."""
        self.failure = self.failure or error

    def list_parts(self) -> list[str]:
        """One part per market."""
        return sorted(self._markets)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> ReplayPart:
        """Start the market's iterator."""
        return ReplayPart(for_part, self._open(for_part), self.fail)


class ReplayPart(StatefulSourcePartition[Item, int]):
    """One market's batches."""

    def __init__(self, market: str, batches: Iterator[Batch], fail: Callable[[EmberlineError], None]) -> None:
        self._market = market
        self._batches = batches
        self._fail = fail
        self._count = 0

    def next_batch(self) -> list[Item]:
        """The next batch; StopIteration ends the replay."""
        try:
            batch = next(self._batches)
        except EmberlineError as e:
            self._fail(e)
            raise StopIteration from e
        self._count += 1
        return [(self._market, (self._market, batch))]

    def snapshot(self) -> int:
        """Batches read: for show only."""
        return self._count
