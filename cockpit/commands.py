"""What a person may ask for: one event on `events.v1` each, with an author and an id, delivery confirmed before it returns.

The desk acts on it and answers with a `CommandResult`; `wait_for` looks for that in the read model. Sending the same id
again changes nothing.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cockpit import queries
from contracts.errors import CommandError
from contracts.events import (
    CloseAll,
    ClosePosition,
    Command,
    PauseTrading,
    ResumeTrading,
    WatchSymbol,
    encode_event,
)
from contracts.settings import Settings
from contracts.topics import EVENTS

DELIVERY_S = 5.0
WATCH_SECONDS = 600


def pause(settings: Settings, market: str, author: str, reason: str = "") -> str:
    """Ask the desk to open nothing; returns the command's id. Raises CommandError if the log did not take it."""
    return _send(settings, market, PauseTrading(**_signed(author), reason=reason))


def resume(settings: Settings, market: str, author: str) -> str:
    """Ask the desk to open positions again."""
    return _send(settings, market, ResumeTrading(**_signed(author)))


def close_position(settings: Settings, market: str, author: str, symbol: str) -> str:
    """Ask the desk to close one coin's position now."""
    return _send(settings, market, ClosePosition(**_signed(author), symbol=symbol))


def close_all(settings: Settings, market: str, author: str, reason: str = "") -> str:
    """Ask the desk to cancel every entry order, close every position, and pause."""
    return _send(settings, market, CloseAll(**_signed(author), reason=reason))


def watch(settings: Settings, market: str, author: str, symbol: str) -> str:
    """Ask for trades and quotes of this coin for ten minutes, because somebody looks at it."""
    return _send(settings, market, WatchSymbol(**_signed(author), symbol=symbol, seconds=WATCH_SECONDS))


def wait_for(url: str, command_id: str, within_s: float) -> queries.Row | None:
    """The desk's answer as a row of `commands`; None if it did not come in time."""
    until = time.monotonic() + within_s
    while True:
        found = queries.command_results(url, [command_id])
        if found:
            return found[0]
        if time.monotonic() >= until:
            return None
        time.sleep(0.15)


def _signed(author: str) -> dict[str, Any]:
    return {"ts_recv": time.time_ns(), "command_id": uuid4().hex, "author": f"cockpit:{author}"[:80]}


def _send(settings: Settings, market: str, command: Command) -> str:
    failures: list[str] = []
    delivered: list[int] = []

    def reported(error: KafkaError | None, message: Message) -> None:
        if error is None:
            delivered.append(message.offset() or 0)
        else:
            failures.append(error.str())

    address = settings.broker.address
    producer = _producer(address)
    try:
        producer.produce(
            EVENTS.name,
            key=market.encode(),
            value=encode_event(command),
            partition=settings.markets[market].partition,
            on_delivery=reported,
        )
        producer.flush(DELIVERY_S + 1.0)
    except (KafkaException, BufferError) as e:
        raise CommandError(f"command not sent: {e}; broker {address}") from e
    if failures or not delivered:
        why = failures[0] if failures else f"no answer within {DELIVERY_S:.0f} s"
        raise CommandError(f"command not sent: {why}; is the broker at {address} running? `ember broker status`")
    return command.command_id


@lru_cache(maxsize=4)
def _producer(address: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "delivery.timeout.ms": int(DELIVERY_S * 1000),
            "request.timeout.ms": int(DELIVERY_S * 1000),
            "socket.timeout.ms": int(DELIVERY_S * 1000),
            "log_level": 2,
        }
    )
