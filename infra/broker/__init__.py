"""Brokers that run on this machine, behind one interface: `start`, `stop`, `status`.

| kind       | what                                                       | for                                    |
|------------|------------------------------------------------------------|----------------------------------------|
| `embedded` | librdkafka's in-process cluster in a process of its own    | the demo, quick tests; forgets at exit |
| `kafka`    | Apache Kafka 4.3 (KRaft, one node) on Java 17              | durable on one machine without Docker  |

Both listen on loopback only and hold the topics of `contracts/topics.py`. One broker runs per folder; its record is
`broker.json` in that folder. Any other Kafka is used by its address and is not started or stopped by us.
"""

from pathlib import Path

from contracts.errors import BrokerError
from infra.broker.embedded import EmbeddedBroker
from infra.broker.kafka import KafkaBroker
from infra.broker.local import BrokerStatus, LocalBroker, running_broker

__all__ = ["BrokerStatus", "EmbeddedBroker", "KafkaBroker", "LocalBroker", "broker_of_kind", "running_broker"]

DEFAULT_PORT = 19092


def broker_of_kind(kind: str, folder: Path, port: int = DEFAULT_PORT) -> LocalBroker:
    """The broker of `kind` that keeps its files under `folder`. Raises BrokerError for other kinds."""
    if kind == "embedded":
        return EmbeddedBroker(folder, port)
    if kind == "kafka":
        return KafkaBroker(folder, port)
    raise BrokerError(f"broker kind: expected embedded or kafka, was {kind}")
