"""What the two local brokers share: one record, one way to start, wait for readiness and stop."""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from contracts.errors import BrokerError
from contracts.topics import TOPICS, Topic
from infra.ports import LOOPBACK, free_port, port_is_free, port_owner
from infra.processes import (
    ProcessRecord,
    is_running,
    read_record,
    record_of,
    start_detached,
    stop_process,
    write_record,
)
from infra.topics import answers

RECORD = "broker.json"


class BrokerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `ember broker status` prints."""

    kind: str
    running: bool
    address: str  # HOST:PORT, empty while it does not run
    pid: int | None
    log: str
    answers: bool  # a metadata request came back


class LocalBroker(ABC):
    """A broker on loopback, in a process of its own, that outlives the command that started it.

    folder: where it keeps its record, log and data. port: 0 takes any free one. topics: created at the start.
    """

    kind: ClassVar[str]
    start_within_s: ClassVar[float]
    stop_within_s: ClassVar[float]

    def __init__(self, folder: Path, port: int = 0, topics: Sequence[Topic] | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.topics = list(TOPICS.values()) if topics is None else list(topics)
        self.record_path = self.folder / RECORD
        self._process: subprocess.Popen[bytes] | None = None
        self._own: ProcessRecord | None = None  # of the process that we started: its file may be gone before it

    @property
    def address(self) -> str:
        """HOST:PORT for clients; known once a port was chosen."""
        return f"{LOOPBACK}:{self.port}"

    @property
    @abstractmethod
    def log(self) -> Path:
        """The file a person reads when something is wrong."""

    @abstractmethod
    def prepare(self) -> None:
        """Everything that must be there before the process starts. Raises BrokerError saying what is missing."""

    @abstractmethod
    def command(self) -> tuple[Sequence[str], Mapping[str, str], Path]:
        """Argument list, extra environment, and the file that takes what the process prints."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves; called until it does. May create topics."""

    @abstractmethod
    def failure(self) -> str:
        """Why it did not start, from its log, in one line."""

    def start(self) -> BrokerStatus:
        """Start it and wait until it serves; a broker of this kind that already runs is left as it is.

        Raises BrokerError: another kind runs here, the port is taken, something is missing, it did not come up.
        """
        running = self.running()
        if running is not None:
            status = self._already(running)
            if status.answers or self.running() is not None:
                return status  # else it was just dying
        self._wait_for_the_old()
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.port == 0:
            self.port = free_port()
        elif not self._port_becomes_free():
            raise BrokerError(
                f"broker {self.kind}: port {self.port} is in use by {port_owner(self.port)}; stop it or pass --port"
            )
        self.prepare()
        command, env, output = self.command()
        self._process = process = start_detached(command, output, env)
        record = self._own = record_of(process.pid, self.kind, self.address, self.log)
        write_record(self.record_path, record)
        deadline = time.monotonic() + self.start_within_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self.record_path.unlink(missing_ok=True)
                raise BrokerError(f"broker {self.kind}: ended with status {process.returncode}: {self.failure()}")
            if self.ready():
                return self.status()
            time.sleep(0.02)
        stop_process(record, self.stop_within_s)
        self.record_path.unlink(missing_ok=True)
        raise BrokerError(f"broker {self.kind}: not up within {self.start_within_s:.0f} s: {self.failure()}")

    def stop(self) -> BrokerStatus:
        """Stop it in order (killed only if that takes too long); one that does not run is left as it is."""
        record = self.running()
        if record is not None:
            stop_process(record, self.stop_within_s)
        self._wait_for_the_old()
        self.record_path.unlink(missing_ok=True)
        return self.status()

    def status(self) -> BrokerStatus:
        """How it is now."""
        record = self.running()
        if record is None or record.kind != self.kind:
            return BrokerStatus(kind=self.kind, running=False, address="", pid=None, log=str(self.log), answers=False)
        return BrokerStatus(
            kind=record.kind,
            running=True,
            address=record.address,
            pid=record.pid,
            log=record.log,
            answers=answers(record.address, timeout_s=2.0),
        )

    def running(self) -> ProcessRecord | None:
        """The record of the broker that runs in this folder; also of our own whose file was deleted under it."""
        record = read_record(self.record_path)
        if record is None and self._own is not None and is_running(self._own):
            return self._own
        return record

    def _wait_for_the_old(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _port_becomes_free(self) -> bool:
        # A killed process with many threads is gone from the table a moment before its sockets are closed.
        patience = time.monotonic() + (3.0 if self.record_path.exists() else 0.0)
        while not port_is_free(self.port):
            if time.monotonic() > patience:
                return False
            time.sleep(0.05)
        return True

    def _already(self, running: ProcessRecord) -> BrokerStatus:
        port = int(running.address.rpartition(":")[2])
        if running.kind != self.kind or self.port not in (0, port):
            raise BrokerError(
                f"broker {self.kind}: the {running.kind} broker already runs on {running.address} (pid {running.pid}); "
                "stop it first: ember broker stop"
            )
        self.port = port
        return self.status()


def running_broker(folder: Path) -> ProcessRecord | None:
    """The broker that runs in this folder, whichever kind, or None."""
    return read_record(folder / RECORD)
