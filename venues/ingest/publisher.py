"""The log's writer: one idempotent Kafka producer, fed and polled by the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from contracts.errors import BrokerError, DeliveryError
from contracts.events import Heartbeat, LogEvent, encode_event
from contracts.facts import DeadLetter, encode_fact
from contracts.settings.services import BrokerSettings
from contracts.topics import DEAD_LETTERS, EVENTS
from venues.binance.tickers import MAX_DIRT

POLL_S = 0.002  # only callbacks wait for it; sending is librdkafka's own thread's
ANSWER_S = 5.0  # a broker that runs answers within milliseconds
FIRST_ACK_S = 30.0
QUEUE_MESSAGES = 1_000_000
QUEUE_KBYTES = 262_144

log = structlog.get_logger()
_quiet = logging.getLogger("librdkafka")  # it repeats each refused connection; `error_cb` says what changed
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class Publisher:
    """Append events to one market's partition, and dead letters to theirs, in the order of the calls.

    What could not be delivered within the broker settings' time is in `failure` (`failed` is called once): the
    process must stop then, for the log has a hole. While the broker is away messages wait in memory, up to 256 MiB;
    then `append` itself waits.
    """

    def __init__(self, settings: BrokerSettings, market: str, partition: int, failed: Callable[[], None]) -> None:
        self.market = market
        self.partition = partition
        self.failure: DeliveryError | None = None
        self.produced = 0
        self.delivered = 0
        self._address = settings.address
        self._failed = failed
        self._timeout_s = settings.delivery_timeout_ms / 1000
        self._key = market.encode()
        self._letters = 0
        self._offset = 0
        self._producer = Producer(
            {
                "bootstrap.servers": settings.address,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": settings.linger_ms,
                "delivery.timeout.ms": settings.delivery_timeout_ms,
                "compression.type": "zstd",
                "queue.buffering.max.messages": QUEUE_MESSAGES,
                "queue.buffering.max.kbytes": QUEUE_KBYTES,
                "error_cb": self._told,
                "logger": _quiet,
            }
        )

    @property
    def waiting(self) -> int:
        """Messages produced and not yet acknowledged."""
        return self.produced - self.delivered

    async def open(self, first: Heartbeat) -> int:
        """Append a first heartbeat and wait until it is acknowledged: an idempotent producer needs up to a second
        for that. Returns its offset: 0 means that the log is new.

        Raises BrokerError when no broker answers or it lacks the log.
        """
        await asyncio.to_thread(self._find_log)
        self.append(first)
        deadline = time.monotonic() + FIRST_ACK_S
        while self.delivered == 0:
            self._producer.poll(0)
            if self.failure is not None:
                raise self.failure
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"broker {self._address}: no answer within {FIRST_ACK_S:.0f} s; start it (ember broker start) "
                    "or set broker.address"
                )
            await asyncio.sleep(0.01)
        return self._offset

    def _find_log(self) -> None:
        until = time.monotonic() + ANSWER_S
        while True:
            try:
                found = self._producer.list_topics(timeout=max(until - time.monotonic(), 0.1))
            except KafkaException as e:
                raise BrokerError(
                    f"broker {self._address}: no answer within {ANSWER_S:.0f} s; start it (ember broker start) or set broker.address"
                ) from e
            if EVENTS.name in found.topics:
                return
            if time.monotonic() > until:
                raise BrokerError(f"broker {self._address}: topic {EVENTS.name} missing; `ember broker start` creates the topics")
            time.sleep(0.2)

    def append(self, event: LogEvent, partition: int | None = None, market: str | None = None) -> None:
        """Append one event, to this market's partition unless another is named."""
        self._produce(
            EVENTS.name,
            encode_event(event),
            self._key if market is None else market.encode(),
            self.partition if partition is None else partition,
        )

    def dead_letter(self, source: str, reason: str, raw: bytes, ts_recv: int) -> None:
        """Put on record what nobody could read (at most 64 KiB of it)."""
        self._letters += 1
        identity = blake2b(f"{source}|{ts_recv}|{self._letters}".encode(), digest_size=8).hexdigest()
        letter = DeadLetter(
            id=identity,
            source=source,
            reason=reason.encode(errors="replace").decode(),
            ts_recv=ts_recv,
            raw=raw[:MAX_DIRT],
        )
        self._produce(DEAD_LETTERS.name, encode_fact(letter), source.encode(errors="replace"), 0)

    async def poll_forever(self) -> None:
        """Serve delivery reports until cancelled."""
        while True:
            self._producer.poll(0)
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """Deliver what is still queued. Raises DeliveryError if something could not be."""
        deadline = time.monotonic() + min(self._timeout_s, 30.0)
        while len(self._producer) and time.monotonic() < deadline:
            self._producer.poll(0)
            await asyncio.sleep(0.005)
        self._producer.poll(0)
        if self.failure is not None:
            raise self.failure
        if len(self._producer):
            raise DeliveryError(
                f"broker {self._address}: {len(self._producer)} messages were not delivered before the end"
            )

    def _produce(self, topic: str, value: bytes, key: bytes, partition: int) -> None:
        deadline = 0.0
        while True:
            try:
                self._producer.produce(topic, value, key, partition=partition, on_delivery=self._reported)
            except BufferError:
                # The broker is away and memory is full: hold the feed back rather than lose a part of it.
                deadline = deadline or time.monotonic() + self._timeout_s
                if time.monotonic() > deadline:
                    self._fail(f"broker {self._address}: its queue stayed full for {self._timeout_s:.0f} s")
                    return
                self._producer.poll(0.05)
                continue
            except KafkaException as e:
                self._fail(f"broker {self._address}: {topic} refuses a message: {e}")
                return
            self.produced += 1
            return

    def _reported(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._fail(
                f"broker {self._address}: {message.topic()}[{message.partition()}] did not take a message: "
                f"{error.str()}; check the broker and its topics, then start ingest again"
            )
            return
        self.delivered += 1
        self._offset = message.offset()

    def _told(self, error: KafkaError) -> None:
        if error.fatal():
            self._fail(f"broker {self._address}: {error.str()}; start ingest again")
        else:
            log.warning("broker_says", error=error.str())

    def _fail(self, line: str) -> None:
        if self.failure is None:
            self.failure = DeliveryError(line)
            self._failed()
