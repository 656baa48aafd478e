"""The in-process cluster of librdkafka, reached through ctypes in the library that confluent-kafka ships.

It speaks Kafka's protocol on a loopback port of its own choosing, keeps about 5 MB per partition in memory, and forgets
everything with the process. Topics that it makes by itself get four partitions, so ours are created here first.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

import confluent_kafka

from contracts.errors import BrokerError

_PRODUCER = 0  # rd_kafka_type_t


def bundled_library() -> Path:
    """The librdkafka inside the installed confluent-kafka wheel. Raises BrokerError if there is none."""
    package = Path(confluent_kafka.__file__).parent
    places = (package.parent / "confluent_kafka.libs", package / ".libs", package / ".dylibs")
    found = sorted(file for place in places for file in place.glob("librdkafka*"))
    if not found:
        raise BrokerError(
            f"broker embedded: no librdkafka found beside {package}; install confluent-kafka from its wheel, "
            "or use --broker kafka"
        )
    return found[0]


class MockCluster:
    """One broker of librdkafka's own cluster, running on threads of this process until `close`."""

    def __init__(self) -> None:
        lib = ctypes.CDLL(str(bundled_library()))
        lib.rd_kafka_conf_new.restype = c_void_p
        lib.rd_kafka_conf_set.argtypes = [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]
        lib.rd_kafka_new.restype = c_void_p
        lib.rd_kafka_new.argtypes = [c_int, c_void_p, c_char_p, c_size_t]
        lib.rd_kafka_mock_cluster_new.restype = c_void_p
        lib.rd_kafka_mock_cluster_new.argtypes = [c_void_p, c_int]
        lib.rd_kafka_mock_cluster_bootstraps.restype = c_char_p
        lib.rd_kafka_mock_cluster_bootstraps.argtypes = [c_void_p]
        lib.rd_kafka_mock_topic_create.restype = c_int
        lib.rd_kafka_mock_topic_create.argtypes = [c_void_p, c_char_p, c_int, c_int]
        lib.rd_kafka_mock_cluster_destroy.argtypes = [c_void_p]
        lib.rd_kafka_destroy.argtypes = [c_void_p]
        lib.rd_kafka_err2str.restype = c_char_p
        lib.rd_kafka_err2str.argtypes = [c_int]
        lib.rd_kafka_mock_cluster_destroy.restype = None
        lib.rd_kafka_destroy.restype = None
        self._lib = lib
        error = ctypes.create_string_buffer(512)
        conf = lib.rd_kafka_conf_new()
        lib.rd_kafka_conf_set(conf, b"log_level", b"3", error, len(error))  # it warns of having no broker: it is one
        self._client = lib.rd_kafka_new(_PRODUCER, conf, error, len(error))
        if not self._client:
            raise BrokerError(f"broker embedded: librdkafka does not start: {error.value.decode()}")
        self._cluster = lib.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise BrokerError("broker embedded: librdkafka's cluster does not start; is loopback up?")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens."""
        host, _, port = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode().rpartition(":")
        return host, int(port)

    def create_topic(self, name: str, partitions: int) -> None:
        """Create one topic. Raises BrokerError if the cluster refuses."""
        code = self._lib.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if code != 0:
            said = self._lib.rd_kafka_err2str(code).decode()
            raise BrokerError(f"broker embedded: topic {name} cannot be created: {said}")

    def close(self) -> None:
        """Stop it; everything it held is gone."""
        self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
        self._lib.rd_kafka_destroy(self._client)
