"""The embedded broker: librdkafka's own cluster, in a process of its own, behind a fixed loopback port.

Everything is in memory, about 5 MB per partition, and forgotten at exit.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from infra.broker.librdkafka import bundled_library
from infra.broker.local import LocalBroker
from infra.ports import port_answers
from infra.topics import answers


class EmbeddedBroker(LocalBroker):
    """In memory, about 5 MB per partition, started in well under a second. Everything is forgotten when it stops."""

    kind: ClassVar[str] = "embedded"
    start_within_s: ClassVar[float] = 15.0
    stop_within_s: ClassVar[float] = 5.0

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.folder / "log" / "broker.log"

    def prepare(self) -> None:
        """Check that the library is there."""
        bundled_library()

    def command(self) -> tuple[Sequence[str], Mapping[str, str], Path]:
        """Run the server as a process, with the topics as arguments."""
        topics = [f"{topic.name}={topic.partitions}" for topic in self.topics]
        return [sys.executable, "-m", "infra.broker.embedded_server", "--port", str(self.port), *topics], {}, self.log

    def ready(self) -> bool:
        """It listens only after its topics were made."""
        return port_answers(self.port) and answers(self.address, timeout_s=2.0)

    def failure(self) -> str:
        """The last line of its log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return f"{lines[-1] if lines else 'it said nothing'} (log: {self.log})"
