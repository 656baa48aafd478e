"""Topics on a real Kafka: made from the table of contracts, mended where an older table made them smaller."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic

from contracts.errors import BrokerError
from contracts.topics import Topic

TIMEOUT_S = 15.0


def topic_config(topic: Topic) -> dict[str, str]:
    """Kafka's settings of one topic. Sizes bound the disk per partition; time does not delete anything."""
    return {
        "retention.bytes": str(topic.retention_bytes),
        "retention.ms": "-1",
        "segment.bytes": str(topic.segment_bytes),
        "file.delete.delay.ms": "1000",
        # Producers choose; recompressing in the broker would cost its share of the core.
        "compression.type": "producer",
    }


def admin(address: str) -> AdminClient:
    """A client that stays silent while the broker is not there yet: whoever calls says what is wrong in one line."""
    return AdminClient({"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": 10_000})


def answers(address: str, timeout_s: float = 5.0) -> bool:
    """Whether a Kafka at HOST:PORT answers a metadata request."""
    try:
        return bool(admin(address).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def existing_topics(address: str, timeout_s: float = 5.0) -> dict[str, int]:
    """Partitions per topic, internal ones left out. Raises BrokerError if nobody answers."""
    try:
        found = admin(address).list_topics(timeout=timeout_s).topics
    except KafkaException as e:
        raise BrokerError(f"broker {address}: no answer: {e.args[0].str()}; start one with: ember broker start") from e
    return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}


def create_topics(address: str, topics: Iterable[Topic], replication: int = 1) -> list[str]:
    """Create what is missing, add partitions and set sizes where the table asks for more. Returns the names created.

    Raises BrokerError: the broker does not answer, or refuses.
    """
    client = admin(address)
    wanted = list(topics)
    try:
        found = client.list_topics(timeout=TIMEOUT_S).topics
        missing = [topic for topic in wanted if topic.name not in found]
        new = [
            NewTopic(
                topic.name, num_partitions=topic.partitions, replication_factor=replication, config=topic_config(topic)
            )
            for topic in missing
        ]
        made = [name for name, future in _requested(client, new) if _created(address, name, future)]
        present = [topic for topic in wanted if topic.name in found]
        _add_partitions(client, [t for t in present if len(found[t.name].partitions) < t.partitions])
        _set_sizes(client, present)
        _wait_for(client, address, wanted)
    except KafkaException as e:
        raise BrokerError(f"broker {address}: topics cannot be created: {e.args[0].str()}") from e
    return made


def _requested(client: AdminClient, new: list[NewTopic]) -> Iterable[tuple[str, Future[None]]]:
    return client.create_topics(new, request_timeout=TIMEOUT_S).items() if new else ()


def _created(address: str, name: str, future: Future[None]) -> bool:
    try:
        future.result(TIMEOUT_S)
    except KafkaException as e:
        if e.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False  # somebody else was quicker
        raise BrokerError(f"broker {address}: topic {name} cannot be created: {e.args[0].str()}") from e
    return True


def _wait_for(client: AdminClient, address: str, topics: list[Topic]) -> None:
    # Created is not yet known everywhere; a reader of an unknown topic would hear nothing, not even an error.
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        found = client.list_topics(timeout=TIMEOUT_S).topics
        late = [t.name for t in topics if t.name not in found or len(found[t.name].partitions) < t.partitions]
        if not late:
            return
        if time.monotonic() > deadline:
            raise BrokerError(f"broker {address}: created but not there after {TIMEOUT_S:.0f} s: {', '.join(late)}")
        time.sleep(0.02)


def _add_partitions(client: AdminClient, topics: list[Topic]) -> None:
    if not topics:
        return
    for future in client.create_partitions([NewPartitions(t.name, t.partitions) for t in topics]).values():
        future.result(TIMEOUT_S)


def _set_sizes(client: AdminClient, topics: list[Topic]) -> None:
    if not topics:
        return
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            topic.name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in topic_config(topic).items()
            ],
        )
        for topic in topics
    ]
    for future in client.incremental_alter_configs(resources).values():
        future.result(TIMEOUT_S)


def ensure_topics(address: str, topics: Iterable[Topic]) -> list[str]:
    """Create only what a foreign broker lacks, replicated as it likes; what is there is its keeper's business.

    Returns the names created. Raises BrokerError.
    """
    present = existing_topics(address)
    missing = [topic for topic in topics if topic.name not in present]
    return create_topics(address, missing, replication=-1) if missing else []


def recreate_topics(address: str, topics: Iterable[Topic]) -> None:
    """Delete every topic but Kafka's own, with all messages, and create the table's anew. Raises BrokerError."""
    client = admin(address)
    old = list(existing_topics(address))
    try:
        for future in client.delete_topics(old, operation_timeout=TIMEOUT_S).values() if old else ():
            future.result(TIMEOUT_S)
        deadline = time.monotonic() + TIMEOUT_S
        while existing_topics(address):
            if time.monotonic() > deadline:
                raise BrokerError(f"broker {address}: topics are still there {TIMEOUT_S:.0f} s after their deletion")
            time.sleep(0.02)
    except KafkaException as e:
        raise BrokerError(f"broker {address}: topics cannot be deleted: {e.args[0].str()}") from e
    create_topics(address, topics)
