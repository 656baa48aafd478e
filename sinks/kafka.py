"""A Kafka producer that never loses a message in silence: every delivery is checked, the first failure is raised."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contracts.errors import BrokerError, DeliveryError
from contracts.settings.services import BrokerSettings

ANY = -1  # partition by key
POLL_EVERY = 64  # messages between looks at what came back: delivery reports, errors


class CheckedProducer:
    """Send messages in order, at least once, each acknowledged by all replicas.

    The producer is idempotent: its own retries neither repeat nor reorder. `send` hands over and returns, `flush`
    waits. Both raise DeliveryError at the first message the broker did not take within `delivery_timeout_ms`, naming
    topic and key; what was sent after it must be taken as not sent either. The caller then stops and resumes from its
    last snapshot. For the person on call: the broker is away, refuses, or lacks the topic; see `ember broker status`.

    Not for use from several threads at once.
    """

    def __init__(self, settings: BrokerSettings, *, compression: str = "zstd", **more: Any) -> None:
        self._timeout_s = settings.delivery_timeout_ms / 1000
        self._address = settings.address
        self._failure: str | None = None
        self._trouble = ""
        self._since_poll = 0
        self.sent = 0
        self._producer = Producer(
            {
                "bootstrap.servers": settings.address,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": settings.linger_ms,
                "delivery.timeout.ms": settings.delivery_timeout_ms,
                "compression.type": compression,
                "delivery.report.only.error": True,  # a report per message would cost as much as sending it
                "on_delivery": self._delivered,
                "error_cb": self._erred,
                "topic.metadata.propagation.max.ms": 5000,  # a topic still unknown after that does not exist
                "log_level": 0,  # what matters comes through the callbacks
                **more,
            }
        )

    def send(self, topic: str, key: bytes | None, value: bytes, partition: int | None = None) -> None:
        """Hand over one message; waits only while librdkafka's own queue is full.

        Raises DeliveryError if an earlier message failed, if the topic is unknown, or if the queue stays full too long.
        """
        deadline = 0.0
        while True:
            try:
                self._producer.produce(topic, value, key, ANY if partition is None else partition)
            except BufferError:
                now = time.monotonic()
                deadline = deadline or now + self._timeout_s
                if now > deadline:
                    self._failure = (
                        f"{topic} key {_text(key)}: the queue stayed full for {self._timeout_s:.0f} s{self._why()}"
                    )
                self._look(0.05)
                continue
            except KafkaException as e:
                self._failure = f"{topic} key {_text(key)}: {e.args[0].str()}"
                raise DeliveryError(self._failure) from e
            break
        self.sent += 1
        self._since_poll += 1
        if self._since_poll >= POLL_EVERY:
            self._look(0.0)

    def poll(self, seconds: float = 0.0) -> None:
        """Look at what came back. Raises DeliveryError if a message failed."""
        self._look(seconds)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every message sent so far is acknowledged. Raises DeliveryError if one failed or time ran out.

        timeout: seconds; None waits as long as deliveries may take.
        """
        limit = self._timeout_s + 10.0 if timeout is None else timeout
        deadline = time.monotonic() + limit
        while (left := deadline - time.monotonic()) > 0.0:
            remaining = self._producer.flush(min(left, 0.5))
            self._raise()
            if not remaining:
                return
        raise DeliveryError(
            f"{self._address}: {len(self._producer)} messages not acknowledged within {limit:.1f} s{self._why()}"
        )

    def prime(self, topic: str, key: bytes, value: bytes, partition: int | None = None, timeout: float = 30.0) -> None:
        """Send a start-up record and wait for it: an idempotent producer's first acknowledgement takes up to a second.

        Raises BrokerError when the broker is not there.
        """
        self.send(topic, key, value, partition)
        try:
            self.flush(timeout)
        except DeliveryError as e:
            raise BrokerError(f"broker {self._address}: {e}; start one with `ember broker start`") from e

    def close(self, timeout: float | None = None) -> None:
        """Flush; raises DeliveryError as `flush` does."""
        self.flush(timeout)

    def abandon(self) -> None:
        """Forget what is still queued, so that a process that has failed can end at once."""
        self._producer.purge()
        self._producer.flush(1.0)

    def __len__(self) -> int:
        """Messages not acknowledged yet."""
        return len(self._producer)

    def _look(self, seconds: float) -> None:
        self._since_poll = 0
        self._producer.poll(seconds)
        self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise DeliveryError(self._failure)

    def _why(self) -> str:
        return f" ({self._trouble})" if self._trouble else ""

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = f"{message.topic()} key {_text(message.key())}: {error.str()}{self._why()}"

    def _erred(self, error: KafkaError) -> None:
        self._trouble = error.str()
        if error.fatal() and self._failure is None:
            self._failure = f"{self._address}: the producer cannot go on: {error.str()}"


def _text(key: bytes | str | None) -> str:
    if isinstance(key, bytes):
        return key.decode(errors="replace")
    return key or "-"
