"""Where facts go: to their topics with checked delivery, or, in a replay, into a checksum and files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final, Protocol

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from contracts.errors import DeliveryError
from contracts.facts import OrderAttempt
from flows.wiring.encode import Outgoing, encoded, ordered, outgoing
from flows.wiring.launch import stopping
from operators.slices import Slice


class Sender(Protocol):
    """What a producer must do: take a message, and say at `flush` that all of them arrived or raise."""

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Hand over one message."""
        ...

    def flush(self, timeout: float) -> None:
        """Wait until everything sent has arrived; raises DeliveryError otherwise."""
        ...


EXPRESS: Final = (OrderAttempt,)
"""Facts that somebody waits for to act: they leave before all others of their slice."""


class KafkaFacts(FixedPartitionedSink[Slice, None]):
    """Facts to their topics, at least once: a snapshot is only taken when everything before it was acknowledged.

    `express` is a second producer, which sends at once, for the topics of EXPRESS: behind the hundred facts of a closing second an order
    would wait its turn. Without it everything leaves through `sender`. A topic belongs to one producer, so its order is that of the log.

    When delivery fails the flow stops with DeliveryError and resumes from its last snapshot: check the broker (`ember broker status`), then
    start the flow again; facts written twice carry the same id.
    """

    def __init__(self, sender: Sender, express: Sender | None = None, *, timeout_s: float = 310.0) -> None:
        self._senders = (sender, express)
        self._timeout_s = timeout_s

    def list_parts(self) -> list[str]:
        """One part: order within a topic is the order of sending."""
        return ["facts"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> KafkaFactsPart:
        """The one part."""
        return KafkaFactsPart(*self._senders, self._timeout_s)


class KafkaFactsPart(StatefulSinkPartition[Slice, None]):
    """Encodes and sends."""

    def __init__(self, sender: Sender, express: Sender | None, timeout_s: float) -> None:
        self._sender = sender
        self._express = express
        self._timeout_s = timeout_s
        self._failed = False

    def write_batch(self, values: list[Slice]) -> None:
        """Send every fact of these slices, orders first."""
        with self._checked():
            if self._express is not None:
                for piece in values:
                    for placed in ordered([placed for placed in piece.facts if isinstance(placed.fact, EXPRESS)]):
                        self._express.send(*encoded(piece.market, placed))
            for piece in values:
                for placed in ordered(piece.facts):
                    if self._express is None or not isinstance(placed.fact, EXPRESS):
                        self._sender.send(*encoded(piece.market, placed))

    def snapshot(self) -> None:
        """Wait for the acknowledgements."""
        with self._checked():
            self._flush()

    def close(self) -> None:
        """Wait for the last ones. After a failure nothing is waited for: Bytewax closes what it gives up, too."""
        if not self._failed:
            with self._checked():
                self._flush()

    def _flush(self) -> None:
        self._sender.flush(self._timeout_s)
        if self._express is not None:
            self._express.flush(self._timeout_s)

    @contextmanager
    def _checked(self) -> Iterator[None]:
        with stopping():
            try:
                yield
            except DeliveryError as e:
                self._failed = True
                raise DeliveryError(
                    f"facts: {e}; the flow stops without a snapshot and repeats what is missing when started again: "
                    "see `ember broker status`, then start it"
                ) from e


class Collected:
    """What a replay wrote: counts by topic, a running checksum over topics, keys and bytes, and files if a folder is given.

    `keep` names topics whose messages are kept in memory.
    """

    def __init__(self, folder: Path | None = None, keep: frozenset[str] = frozenset()) -> None:
        self.counts: Counter[str] = Counter()
        self.ticks = 0
        self.frames = 0
        self.first_ts = 0
        self.last_ts = 0
        self.kept: list[Outgoing] = []
        self.counters: Counter[str] = Counter()
        self._keep = keep
        self._hashes: defaultdict[str, Any] = defaultdict(sha256)  # by market: how they take turns is not theirs to say
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._new = folder is not None and not folder.exists()

    def take(self, piece: Slice) -> None:
        """Add one slice's facts."""
        size = len(piece.ticks)
        self.ticks += size
        self.counters.update(piece.counters)
        if size:
            self.first_ts = self.first_ts or int(piece.ticks.ts_recv[0])
            self.last_ts = int(piece.ticks.ts_recv[-1])
        if piece.frames is not None:
            self.frames += len(piece.frames)
        hashed: list[bytes] = []
        for message in outgoing(piece):
            self.counts[message.topic] += 1
            hashed += (message.topic.encode(), message.key, message.value)
            if message.topic in self._keep:
                self.kept.append(message)
            if self._folder is not None:
                file = self._files.get(message.topic)
                if file is None:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    file = self._files[message.topic] = (self._folder / f"{message.topic}.tmp").open("wb")
                file.write(message.value + b"\n")
        # At once: a hash of more than a few bytes hands the interpreter to other threads, and waits to get it back.
        self._hashes[piece.market].update(b"".join(hashed))

    @property
    def checksum(self) -> str:
        """SHA-256 over everything taken so far, 16 hex digits; of several markets, over theirs in order of their names."""
        digests = [running.hexdigest() for _, running in sorted(self._hashes.items())]
        return (digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest())[:16]

    def close(self, *, keep: bool = True) -> None:
        """Give the files their names, or throw them away."""
        for topic, file in self._files.items():
            file.close()
            draft = Path(file.name)
            if keep:
                draft.replace(draft.with_name(f"{topic}.jsonl"))
            else:
                draft.unlink()
        if self._files and self._new and not keep and self._folder is not None:
            self._folder.rmdir()
        self._files.clear()


class CollectFacts(FixedPartitionedSink[Slice, None]):
    """A sink that fills a `Collected`."""

    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def list_parts(self) -> list[str]:
        """One part."""
        return ["facts"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> CollectPart:
        """The one part."""
        return CollectPart(self._collected)


class CollectPart(StatefulSinkPartition[Slice, None]):
    """Hands slices to `Collected`."""

    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def write_batch(self, values: list[Slice]) -> None:
        """Take every slice."""
        for piece in values:
            self._collected.take(piece)

    def snapshot(self) -> None:
        """Nothing to keep."""
