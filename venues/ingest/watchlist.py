"""The desk's wish: the newest `Watchlist` fact, followed in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from contracts.facts import Watchlist
from contracts.topics import WATCHLIST

POLL_S = 0.2
LOOK_BACK = 100  # messages; markets share the topic, so the newest of ours need not be the last
RETRY_S = 2.0

log = structlog.get_logger()
_decode = msgspec.json.Decoder(Watchlist).decode


class WatchlistFollower:
    """Call `wanted(symbols)` with the newest watchlist of this market, and whenever it changes. The call comes from
    another thread.
    """

    def __init__(self, address: str, market: str, wanted: Callable[[list[str]], None]) -> None:
        self._address = address
        self._market = market
        self._wanted = wanted
        self._last: list[str] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="watchlist", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; returns when the thread has ended."""
        self._stopped.set()
        self._thread.join(timeout=10.0)

    def _follow(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": f"ingest-{self._market}",  # required, never used: nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "error_cb": _ignore,
            }
        )
        try:
            while not self._stopped.is_set() and not self._place(consumer):
                self._stopped.wait(RETRY_S)
            while not self._stopped.is_set():
                message = consumer.poll(POLL_S)
                if message is not None and message.error() is None:
                    self._read(message.value() or b"")
        finally:
            consumer.close()

    def _place(self, consumer: Consumer) -> bool:
        partition = TopicPartition(WATCHLIST.name, 0)
        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=5.0)
        except KafkaException as e:
            log.warning("watchlist_unreachable", error=str(e))
            return False
        consumer.assign([TopicPartition(WATCHLIST.name, 0, max(low, high - LOOK_BACK))])
        return True

    def _read(self, value: bytes) -> None:
        try:
            fact = _decode(value)
        except (ValueError, RecursionError) as e:
            log.warning("watchlist_unreadable", error=str(e))
            return
        if fact.market == self._market and fact.symbols != self._last:
            self._last = fact.symbols
            self._wanted(fact.symbols)


def _ignore(error: KafkaError) -> None:
    """The producer's `error_cb` tells of the broker; twice is noise."""
