"""Brokers for every test: real ones, on free ports, with the topics of the table.

    kafka_broker      Apache Kafka, one for the whole session, topics emptied before each test that asks for it
    embedded_broker   librdkafka's cluster, a fresh one per test
    broker            each of the two in turn: the test runs twice

All three give an `infra.broker.LocalBroker`: `.address` is what clients connect to, `.kind` is its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import BrokerError
from infra.broker import EmbeddedBroker, KafkaBroker, LocalBroker
from infra.topics import recreate_topics


@pytest.fixture(scope="session")
def _kafka_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
    except BrokerError as e:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(str(e), pytrace=False)
        pytest.skip(str(e))
    yield broker
    broker.stop()


@pytest.fixture
def kafka_broker(_kafka_of_session: KafkaBroker) -> KafkaBroker:
    _kafka_of_session.start()  # a test may have stopped it
    recreate_topics(_kafka_of_session.address, _kafka_of_session.topics)
    return _kafka_of_session


@pytest.fixture
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("embedded"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> LocalBroker:
    found: LocalBroker = request.getfixturevalue(f"{request.param}_broker")
    return found


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A folder for what a running desk writes."""
    folder = tmp_path / "var"
    folder.mkdir()
    return folder
