"""The embedded broker's process: the in-process cluster, and a relay that gives it a fixed loopback port.

The cluster picks its port itself and names it in its metadata; the fixed port only brings clients to that metadata:
the relay forwards whoever connects there, and every client then speaks to the cluster directly, at its full speed.
After a restart clients find the new port through the fixed one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence

from contracts.errors import BrokerError
from infra.broker.librdkafka import MockCluster
from infra.ports import LOOPBACK

CHUNK = 65_536


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
