"""Nothing that is concluded up to a moment depends on what comes after it, however the rest of the log is bent."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from contracts.settings import DeskSettings
from flows.desk import operators
from operators.state import Operator
from tests.builders import market_log
from tests.checks import run

PRICES = ("price", "bid", "ask")
SIZES = ("quantity", "bid_size", "ask_size")


def chain() -> list[Operator[Any]]:
    return [make(DeskSettings()) for make in operators()]


def bent(raw: bytes, rng: random.Random) -> list[bytes]:
    """The message with other numbers, twice, or not at all."""
    luck = rng.random()
    if luck < 0.1:
        return []
    try:
        event = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return [raw]
    for name in PRICES:
        if name in event:
            event[name] *= rng.uniform(0.5, 2.0)
    for name in SIZES:
        if name in event:
            event[name] *= rng.uniform(0.0, 50.0) + 1e-6
    if event["type"] == "tickers":
        for row in event["rows"]:
            row[2] *= rng.uniform(0.5, 2.0)
            row[7] *= rng.uniform(0.9, 1.5)
    if event["type"] == "trade":
        event["side"] = rng.choice([1, -1])
    raw = msgspec.json.encode(event)
    return [raw, raw] if luck > 0.9 else [raw]


@pytest.mark.parametrize("seed", range(4))
def test_bending_every_later_event_changes_no_earlier_fact(seed: int) -> None:
    rng = random.Random(seed)
    log = market_log(190, symbols=8, seed=seed, pump_at=60, history_minutes=120)
    at = rng.randrange(len(log) // 2, len(log) - 50)
    known = run(chain, log[:at]).facts
    later = [message for raw in log[at:] for message in bent(raw, rng)]
    assert later != log[at:]
    told = run(chain, [*log[:at], *later], [rng.randrange(1, at), at + 7]).facts
    assert told[: len(known)] == known
    assert told[len(known) :] != run(chain, log).facts[len(known) :]
