"""The desk as a process: the log from the broker, facts to their topics, state in the recovery store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from contracts.errors import DeliveryError
from contracts.settings import Settings
from contracts.topics import TOPICS
from flows.desk import build, check
from flows.reader import TopicReader
from flows.warm import warm_up
from flows.wiring.launch import recovery_folder, run_flow, stop_on_signals
from flows.wiring.sinks import KafkaFacts
from flows.wiring.sources import KafkaLog
from sinks.kafka import CheckedProducer

log = structlog.get_logger("desk")


def find_topics(address: str) -> None:
    """Raises BrokerError, before anything is made, where no broker answers or it lacks topics."""
    reader = TopicReader(address, {})
    try:
        reader.connect(TOPICS)
    finally:
        reader.close()


def serve(settings: Settings, *, rebuild: bool = False, ready: Callable[[], None] | None = None) -> None:
    """Run the desk until SIGTERM or SIGINT: the log from the broker, facts to their topics, state under `run.folder`.

    `rebuild` forgets the stored state and computes it from the log again. Raises SettingsError, BrokerError, StateError.
    """
    check(settings)
    stop = stop_on_signals()
    run = settings.run
    find_topics(settings.broker.address)
    recovery = recovery_folder(Path(run.folder) / "recovery" / "desk", rebuild=rebuild)
    markets = {name: market.partition for name, market in settings.markets.items()}
    source = KafkaLog(
        settings.broker.address, markets, stop, poll_ms=run.poll_ms, poll_messages=run.poll_messages
    )  # fmt: skip
    producer = CheckedProducer(settings.broker)
    # Few and small, and somebody acts on them: orders neither wait for company nor behind the facts of a whole second.
    express = CheckedProducer(settings.broker, compression="none", **{"linger.ms": 0})
    warm_up(settings)
    flow = build(settings, source, KafkaFacts(producer, express))
    log.info("desk_ready", markets=sorted(markets), settings={n: m.desk.hash() for n, m in settings.markets.items()})
    if ready is not None:
        ready()
    try:
        run_flow(flow, epoch_s=run.epoch_s, recovery=recovery)
    except DeliveryError:
        producer.abandon()
        express.abandon()
        raise
    log.info("desk_stopped")
