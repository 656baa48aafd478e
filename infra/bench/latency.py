"""Tick -> order_attempt through a real Kafka: broker, desk, and a process that sends 20,000 ticks a second and reads what comes of them.

A tick's way: handed to the producer, on the log, read by the desk, decided, its order attempt on the topic, read by whoever
listens. The time is taken between the hand-over of the very message whose offset the attempt names and the attempt's arrival at
the reader, on one clock.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer, TopicPartition

from contracts.errors import CommandError
from contracts.facts import OrderAttempt, decode_fact
from contracts.topics import EVENTS, ORDER_ATTEMPTS
from flows.wiring.sources import consumer
from infra.bench.market import batches, messages
from infra.bench.results import Result
from infra.broker import KafkaBroker
from operators.slices import F8

MARKET = "binance.spot"
RATE = 20_000
READY_S = 120.0
# A desk that trades as often as it can: what is measured is the way of an order, not the choice of it.
EAGER = {
    "entry": {
        "heat_min": 0.0, "consensus_min": -1.0, "spread_max_bps": 1000.0, "edge_over_cost": 0.0, "max_change_5m": 10.0, "valid_s": 5.0,
        "cooldown_after_loss_s": 0.0, "cooldown_after_exit_s": 0.0, "rearm_s": 15.0, "group_hold_s": 0.0,
    },
    "strategy": {"options": {"hot_momentum": {"change_1m_min": -1.0}}},
    "guards": {"warm_bars": 1, "jump_max": 1.0, "gap_hold_s": 0.0, "duplicate_hold_s": 0.0, "misaligned_max": 1.0},
    "exits": {
        "take_profit": [[0.0004, 1.0]], "stop_loss": 0.0004, "break_even_after": None, "trailing_after": None,
        "heat_faded_below": None, "opposite_consensus": None, "black_swan_5m": None,
    },
    "size": {"notional": 50.0, "max_of_minute_volume": 1.0},
    "risk": {"max_positions": 20, "max_exposure": 1e6, "daily_loss_max": 1.0},
    "paper": {"cash": 1e6, "volume_share": 1.0},
}  # fmt: skip


def bench_latency(*, seconds: int = 60, symbols: int = 500) -> Result:
    """Quantiles in milliseconds over all order attempts after the warm-up."""
    log = _log(seconds, symbols)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = KafkaBroker(folder / "kafka")
        broker.start()
        desk: subprocess.Popen[bytes] | None = None
        try:
            desk = _start_desk(folder, broker.address)
            _wait_for(desk, folder)
            sent, arrived = _drive(broker.address, log)
            _ask(desk, folder)
        finally:
            if desk is not None:
                desk.terminate()
                desk.wait(30)
            broker.stop()
    found = [(a.at - sent[a.offset]) / 1e6 for a in arrived if a.offset < len(sent)]
    delays, entry = np.array(found), np.array([a.entry for a in arrived if a.offset < len(sent)], dtype=np.bool_)
    if len(delays) == 0:
        return Result(
            name="latency", what="tick -> order_attempt", figures={"attempts": 0}, ratio=None, bare="none", budget="p50 5 ms, p99 25 ms",
            met=False, notes=["the desk attempted no order"],
        )  # fmt: skip
    p50, p90, p99 = (float(np.quantile(delays, q)) for q in (0.5, 0.9, 0.99))
    return Result(
        name="latency",
        what=f"tick -> order_attempt through Apache Kafka at {RATE} ticks/s, {symbols} symbols",
        figures={
            "attempts": len(delays), "p50_ms": round(p50, 2), "p90_ms": round(p90, 2), "p99_ms": round(p99, 2),
            "max_ms": round(float(delays.max()), 2), **_quantiles("entries", delays[entry]), **_quantiles("exits", delays[~entry]),
        },
        ratio=None,
        bare="none: the budget is absolute, for an otherwise idle machine",
        budget="p50 at most 5 ms, p99 at most 25 ms",
        met=p50 <= 5.0 and p99 <= 25.0,
    )  # fmt: skip


class Arrived(NamedTuple):
    """An accepted order attempt: the offset it follows from, when the reader had it (monotonic ns), whether it opens a position."""

    offset: int
    at: int
    entry: bool


def _quantiles(name: str, delays: F8) -> dict[str, float]:
    if len(delays) == 0:
        return {}
    return {f"{name}_p50_ms": round(float(np.quantile(delays, 0.5)), 2), f"{name}_p99_ms": round(float(np.quantile(delays, 0.99)), 2)}


def _log(seconds: int, symbols: int) -> list[bytes]:
    log: list[bytes] = []
    for batch in batches(symbols=symbols, seconds=seconds, per_second=RATE, quotes=0.5):
        log.extend(messages(batch))
    return log


def _start_desk(folder: Path, address: str) -> subprocess.Popen[bytes]:
    settings = {
        **EAGER, "broker": {"kind": "external", "address": address},
        "run": {"folder": str(folder / "var")},
    }  # fmt: skip
    file = folder / "settings.yaml"
    file.write_bytes(msgspec.yaml.encode(settings))
    with (folder / "desk.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.cli", "run", "desk", "--settings", str(file)], stdout=log, stderr=log,
            env={**os.environ, "EMBERLINE_READY_FILE": str(folder / "ready")},
        )  # fmt: skip


def _wait_for(desk: subprocess.Popen[bytes], folder: Path, within_s: float = READY_S) -> None:
    """Until the desk is ready. Raises CommandError with its last line if it ends or takes too long."""
    until = time.monotonic() + within_s
    while not (folder / "ready").exists():
        _ask(desk, folder)
        if time.monotonic() > until:
            raise CommandError(f"the desk was not ready within {within_s:.0f} s; its last line: {_last_line(folder)}")
        time.sleep(0.05)


def _ask(desk: subprocess.Popen[bytes], folder: Path) -> None:
    """Raises CommandError with the desk's last line if it has ended."""
    status = desk.poll()
    if status is not None:
        raise CommandError(f"the desk ended with status {status}; its last line: {_last_line(folder)}")


def _last_line(folder: Path) -> str:
    lines = (folder / "desk.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "none"


def _drive(address: str, log: list[bytes]) -> tuple[list[int], list[Arrived]]:
    """Send the log at RATE and listen; returns hand-over times by offset, monotonic ns, and the attempts after the warm-up."""
    arrived: list[Arrived] = []
    done = threading.Event()
    reader = threading.Thread(target=_listen, args=(address, arrived, done))
    reader.start()
    producer = Producer(
        {"bootstrap.servers": address, "linger.ms": 0.5, "acks": "all", "enable.idempotence": True, "queue.buffering.max.messages": 10**6}
    )
    sent: list[int] = []
    key = MARKET.encode()
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    at = 0
    warm = RATE * 10
    while at < len(log):
        wanted = min(len(log), int((time.perf_counter() - begun) * RATE) + 1)
        while at < wanted:
            producer.produce(EVENTS.name, log[at], key, partition=0)
            sent.append(time.monotonic_ns())
            at += 1
        producer.poll(0)
        time.sleep(0.0005)
    producer.flush(30)
    gc.enable()
    time.sleep(2.0)
    done.set()
    reader.join()
    return sent, [a for a in arrived if a.offset > warm]


def _listen(address: str, arrived: list[Arrived], done: threading.Event) -> None:
    reader = consumer(address)
    reader.assign([TopicPartition(ORDER_ATTEMPTS.name, 0, 0)])
    while not done.is_set():
        messages_in = reader.consume(1, 0.01) + reader.consume(1000, 0)
        now = time.monotonic_ns()
        for message in messages_in:
            value = message.value()
            if message.error() is None and value is not None:
                fact = decode_fact(value)
                if isinstance(fact, OrderAttempt) and fact.verdict == "accepted":
                    arrived.append(Arrived(fact.offset, now, fact.purpose == "entry"))
    reader.close()
