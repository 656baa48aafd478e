"""The desk as the cockpit sees it: a read model that is written each second, and commands that are answered.

It stands in at the edge only: commands travel through a real broker, answers through the real read model.
"""

from __future__ import annotations

import threading
import time

from confluent_kafka import Consumer

from contracts.events import Command, LogEvent, decode_event
from contracts.topics import EVENTS
from tests.cockpit.seeding import Seeding


class AnsweringDesk:
    """Writes the read model once a second in a thread; reads `events.v1` and answers each command once."""

    def __init__(self, seeding: Seeding, broker: str | None) -> None:
        self.seeding = seeding
        self.broker = broker
        self.commands: list[LogEvent] = []
        self.live = True
        self._thread = threading.Thread(target=self._run, name="answering-desk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End and wait."""
        self.live = False
        self._thread.join(20)

    def _run(self) -> None:
        consumer = self._consumer()
        try:
            while self.live:
                self.seeding.second(time.time_ns())
                until = time.monotonic() + 1.0
                while self.live and time.monotonic() < until:
                    if consumer is None:
                        time.sleep(0.05)
                        continue
                    message = consumer.poll(0.1)
                    if message is not None and message.error() is None:
                        self._take(message.value() or b"")
        finally:
            if consumer is not None:
                consumer.close()

    def _consumer(self) -> Consumer | None:
        if self.broker is None:
            return None
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker,
                "group.id": "desk",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            }
        )
        consumer.subscribe([EVENTS.name])
        return consumer

    def _take(self, raw: bytes) -> None:
        event = decode_event(raw)
        if isinstance(event, Command):
            self.commands.append(event)
            tag = str(type(event).__struct_config__.tag)
            self.seeding.answer(event.command_id, tag, event.author, getattr(event, "symbol", ""))
