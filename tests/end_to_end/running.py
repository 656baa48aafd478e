"""A desk's processes under test, and an independent reader of every topic."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from contracts.topics import EVENTS, TOPICS
from infra.ports import free_port
from infra.services import READY_ENV

ROOT = Path(__file__).resolve().parents[2]
MARKET = "binance.spot"


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    return pytest.fail(f"{what} did not come within {seconds:.0f} s")


def publish(address: str, messages: Iterable[bytes]) -> None:
    """Append to the market's log."""
    producer = Producer({"bootstrap.servers": address})
    for message in messages:
        producer.produce(EVENTS.name, message, key=MARKET.encode(), partition=0)
    assert producer.flush(30) == 0


class Parts:
    """`ember` processes of one run, each with a log file; `stop` ends those still alive in reverse order."""

    def __init__(self, folder: Path, broker: str, **settings: Any) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.url = f"sqlite:///{self.var / 'read_model.db'}"
        self.simulator = free_port()
        self.file = folder / "settings.yaml"
        self.given: dict[str, Any] = {
            "broker": {"kind": "external", "address": broker},
            "run": {"folder": str(self.var), "epoch_s": 0.5},
            "read_model": {"url": self.url},
            "archive": {"folder": str(self.var / "archive")},
            **settings,
        }
        self.given["simulator"] = {**settings.get("simulator", {}), "port": self.simulator}
        self.file.write_text(json.dumps(self.given))
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def ember(self, *arguments: str, timeout: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line, run to its end."""
        return subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, env={**os.environ, **environment},
        )  # fmt: skip

    def start(self, *names: str, seconds: float = 120.0) -> None:
        """Start parts beside each other and wait until each says that it is ready."""
        begun = [(name, *self._begin(name)) for name in names]
        wait_for(lambda: all(p.poll() is not None or ready.exists() for _, p, ready in begun), seconds, str(names))
        for name, process, _ in begun:
            assert process.poll() is None, self.log(name)

    def _begin(self, name: str) -> tuple[subprocess.Popen[bytes], Path]:
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        arguments = ["simulate"] if name == "simulate" else ["run", name]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", *arguments, "--settings", str(self.file)],
                cwd=ROOT, stdout=log, stderr=log, env={**os.environ, READY_ENV: str(ready)},
            )  # fmt: skip
        self.running[name] = process
        return process, ready

    def log(self, name: str) -> str:
        """What a part has said."""
        return (self.folder / f"{name}.log").read_text()

    def end(self, *names: str) -> None:
        """Stop parts in order."""
        ending = [(name, self.running.pop(name)) for name in names]
        for _, process in ending:
            process.send_signal(signal.SIGTERM)
        for name, process in ending:
            assert process.wait(60) == 0, self.log(name)

    def kill(self, name: str) -> None:
        """Stop a part as a failing machine does."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    def stop(self) -> None:
        """Stop what still runs."""
        for name in reversed(list(self.running)):
            process = self.running.pop(name)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def exchange(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the simulated exchange."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.simulator}{path}", data)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def status(self, name: str) -> dict[str, Any]:
        """The status file of a part, {} before there is one."""
        file = self.var / f"{name}.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found


class Read(NamedTuple):
    """One message as the broker holds it."""

    offset: int
    value: bytes

    @property
    def json(self) -> Any:
        """Its content; None where it is no JSON."""
        try:
            return json.loads(self.value)
        except ValueError:
            return None


class Follower:
    """Reads every topic from its beginning with a plain consumer, as the messages come: a broker in memory forgets."""

    def __init__(self, address: str) -> None:
        self.topics: dict[str, list[Read]] = {name: [] for name in TOPICS}
        self.address = address
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": uuid.uuid4().hex,
                "auto.offset.reset": "error",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )
        self._consumer.assign([TopicPartition(name, 0, 0) for name in TOPICS])
        self._stopped = threading.Event()
        self._failures: list[str] = []
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._stopped.is_set():
            for message in self._consumer.consume(5000, 0.1):
                if message.error() is not None:
                    self._failures.append(str(message.error()))
                    continue
                topic = self.topics[message.topic() or ""]
                topic.append(Read(message.offset() or 0, message.value() or b""))

    def end(self, topic: str) -> int:
        """Offset behind the newest message on the broker."""
        asking = Consumer({"bootstrap.servers": self.address, "group.id": "t"})
        try:
            return int(asking.get_watermark_offsets(TopicPartition(topic, 0), timeout=10.0)[1])
        finally:
            asking.close()

    def whole(self, topic: str, seconds: float = 30.0) -> list[Read]:
        """Everything ever written to a topic's first partition, without a hole."""
        end = self.end(topic)
        messages = self.topics[topic]
        wait_for(lambda: not end or (messages and messages[-1].offset >= end - 1), seconds, f"the end of {topic}")
        found = messages[:]
        assert not self._failures
        assert [read.offset for read in found] == list(range(len(found)))
        return found

    def of(self, topic: str, kind: str) -> list[dict[str, Any]]:
        """What has come so far of one type."""
        return [body for body in (read.json for read in self.topics[topic][:]) if body and body.get("type") == kind]

    def close(self) -> None:
        """Stop reading."""
        self._stopped.set()
        self._thread.join()
        self._consumer.close()
