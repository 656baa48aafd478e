"""The projector: facts of all topics into the read model.

    facts topics ─ decode ─ gather ─ one transaction (rows and positions) ─► read model ─► cockpit

Of the log itself only the venue's history (`Klines`), so that charts begin before the desk did, its announcements and
the mentions of coins are shown.

It is a plain loop and no dataflow: its only state is the position, and that is exact only when it is written in the
very transaction of the rows it stands for. Killed at any point it goes on where the last transaction ended.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from confluent_kafka import Message

from contracts import facts
from contracts.events import Announcement, Klines, Mention, decode_event
from contracts.facts import decode_fact
from contracts.settings import Settings
from contracts.topics import EVENTS, TOPICS, WATCHLIST
from flows.reader import Lost, Place, TopicReader
from flows.wiring.launch import stop_on_signals
from sinks.read_model import ReadModel
from sinks.read_model_rows import Gathered

MOST = 2000  # messages in one transaction
STATUS_S = 1.0
PRUNE_S = 30.0
TOPICS_READ = sorted(set(TOPICS) - {WATCHLIST.name})
SHOWN = (b'{"type":"klines"', b'{"type":"announcement"', b'{"type":"mention"')  # the rest of the log is passed over undecoded

log = structlog.get_logger("project")


class ProjectStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`var/project.json`: what the projector did since it started. `behind` counts messages that wait on the broker."""

    pid: int
    started_ns: int
    written_ns: int
    messages: int
    rows: int
    behind: int
    transactions: int
    taken: dict[str, int]
    lost: int


class Projector:
    """Reads facts and writes the read model until told to stop. Raises BrokerError before anything is made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.read_model
        self._folder = Path(settings.run.folder)
        self._reader = TopicReader(settings.broker.address, {})
        self._partitions = self._reader.connect(TOPICS_READ)
        self._model = ReadModel(settings.read_model.url)
        self._taken: Counter[str] = Counter()
        self._messages = self._transactions = self._lost = 0
        self._started = time.time_ns()
        self._seen_lost = 0
        self._positions: dict[tuple[str, int], int] = {}
        self._told = self._pruned = time.monotonic()

    def start(self) -> None:
        """Find out where to go on. Raises BrokerError or StateError."""
        partitions = self._partitions
        if self._model.adopt_log(self._reader.log_id):
            log.warning("read_model_emptied", reason="it showed another log", log_id=self._reader.log_id)
        self._positions = self._model.positions()
        places = [Place(topic, number) for topic in TOPICS_READ for number in range(partitions[topic])]
        self._reader.begin_at({place: self._positions.get(place) for place in places})
        self._reader.start()
        log.info("started", url=self._settings.url, partitions=len(places), resumed=len(self._positions))

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set."""
        while not stop.is_set():
            self.step(self._settings.batch_ms / 1000)
        self.tell()

    def step(self, seconds: float) -> int:
        """Read for so long, write one transaction; returns how many messages it held."""
        messages = self._reader.poll(MOST, seconds)
        batch = Gathered()
        for lost in self._reader.lost[self._seen_lost :]:
            self._say_lost(batch, lost)
        self._seen_lost = len(self._reader.lost)
        for message in messages:
            self._take(batch, message)
        moved: dict[tuple[str, int], int] = {
            place: offset for place, offset in self._reader.next.items() if self._positions.get(place) != offset
        }
        if moved:
            self._model.write(batch, moved, self._positions)
            self._positions.update(moved)
            self._transactions += 1
            self._messages += len(messages)
            self._taken += batch.taken
        now = time.monotonic()
        if now - self._pruned >= PRUNE_S:
            self._pruned = now
            self._model.prune(self._settings.keep_days)
        if now - self._told >= STATUS_S:
            self.tell()
        return len(messages)

    def _take(self, batch: Gathered, message: Message) -> None:
        raw = message.value()
        body = raw.encode() if isinstance(raw, str) else raw or b""
        if message.topic() == EVENTS.name:
            if body.startswith(SHOWN):
                self._take_event(batch, message, body)
            return
        try:
            fact = decode_fact(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            topic, offset = message.topic() or "", message.offset() or 0
            batch.take_unreadable(topic, offset, message.timestamp()[1] * 1_000_000, str(e), body)
            log.warning("unreadable", topic=topic, partition=message.partition(), offset=offset, reason=str(e))
            return
        batch.take(fact, body)

    def _take_event(self, batch: Gathered, message: Message, body: bytes) -> None:
        key = message.key()
        try:
            event = decode_event(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # the desk reads the same message and says so
        market = key.decode() if isinstance(key, bytes) else str(key)
        if isinstance(event, Klines) and event.closed:
            batch.take_history(market, event)
        elif isinstance(event, Announcement):
            batch.take_announcement(market, event, body)
        elif isinstance(event, Mention):
            batch.take_mention(market, event, body)

    def _say_lost(self, batch: Gathered, lost: Lost) -> None:
        count = lost.end - lost.first
        if lost.place.topic == EVENTS.name:
            log.info("history_lost", partition=lost.place.partition, first=lost.first, end=lost.end)
            return
        self._lost += count
        topic = lost.place.topic
        log.warning("lost", topic=topic, partition=lost.place.partition, first=lost.first, end=lost.end)
        now = time.time_ns()
        key = f"projector-{topic}-{lost.place.partition}-{lost.first}"
        alert = facts.Alert(
            id=key, trace_id=key, market="", partition=lost.place.partition, offset=lost.first, ts_event=now,
            settings_hash="",
            severity="warning", code="projector_gap", symbol="", args={"topic": topic, "messages": float(count)},
        )  # fmt: skip
        batch.take(alert, facts.encode_fact(alert))

    def tell(self) -> None:
        """Write the status file."""
        self._told = time.monotonic()
        status = ProjectStatus(
            pid=os.getpid(), started_ns=self._started, written_ns=time.time_ns(), messages=self._messages,
            rows=self._model.rows,
            behind=self._reader.behind(), transactions=self._transactions, taken=dict(sorted(self._taken.items())),
            lost=self._lost,
        )  # fmt: skip
        write_status(self._folder / "project.json", status)

    def close(self) -> None:
        """Leave broker and database."""
        self._reader.close()
        self._model.close()


def write_status(path: Path, status: msgspec.Struct) -> None:
    """Replace a status file at one stroke, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=2) + b"\n")
    fresh.replace(path)


def serve(settings: Settings, ready: Callable[[], None] | None = None, stop: threading.Event | None = None) -> None:
    """Run the projector until SIGTERM, SIGINT or `stop`; `ready` is called once it reads."""
    halt = stop if stop is not None else stop_on_signals()
    projector = Projector(settings)
    try:
        projector.start()
        if ready is not None:
            ready()
        projector.run(halt)
    finally:
        projector.close()
    log.info("stopped")
