"""The embedded broker: librdkafka's own cluster, in a process of its own, behind a fixed loopback port.

The cluster picks its port itself and names it in its metadata; the fixed port only brings clients to that metadata:
a small relay forwards whoever connects there, and every client then speaks to the cluster directly, at its full speed.
After a restart clients find the new port through the fixed one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from contracts.errors import BrokerError
from infra.broker.librdkafka import MockCluster, bundled_library
from infra.broker.local import LocalBroker
from infra.ports import LOOPBACK, port_answers
from infra.topics import answers

CHUNK = 65_536


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
        """Run this module as a process, with the topics as arguments."""
        topics = [f"{topic.name}={topic.partitions}" for topic in self.topics]
        return [sys.executable, "-m", "infra.broker.embedded", "--port", str(self.port), *topics], {}, self.log

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


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction until it ends."""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(ConnectionError, OSError):
        writer.close()


async def serve(port: int, topics: Mapping[str, int]) -> None:
    """Run the cluster and the relay until SIGTERM or SIGINT."""
    cluster = MockCluster()
    try:
        for name, partitions in topics.items():
            cluster.create_topic(name, partitions)
        host, inner = cluster.address

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection(host, inner)
            except OSError:
                writer.close()
                return
            await asyncio.gather(relay(reader, back), relay(there, writer))

        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        server = await asyncio.start_server(connected, LOOPBACK, port)
        print(f"embedded broker on {LOOPBACK}:{port}, cluster on {host}:{inner}, {len(topics)} topics", flush=True)
        await stopped.wait()
        server.close()
        print("stopped", flush=True)
    finally:
        cluster.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the broker's process: `--port N TOPIC=PARTITIONS ...`."""
    parser = argparse.ArgumentParser(prog="infra.broker.embedded")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("topics", nargs="*")
    parsed = parser.parse_args(arguments)
    topics = {name: int(partitions) for name, _, partitions in (item.partition("=") for item in parsed.topics)}
    try:
        asyncio.run(serve(parsed.port, topics))
    except (BrokerError, OSError) as e:
        print(e, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
