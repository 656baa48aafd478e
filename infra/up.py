"""`ember up`: everything on one machine under one supervisor.

    broker -> topics -> simulator (when simulated) -> desk -> projector -> archiver -> ingest -> cockpit

Each starts after the one before is ready and stops in reverse. One run per folder: a lock keeps a second one out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.engine import make_url

from contracts.errors import EmberlineError
from contracts.settings import Settings, load_settings
from contracts.topics import TOPICS
from infra.broker import broker_of_kind
from infra.broker.local import LocalBroker, running_broker
from infra.effective import SETTINGS_ENV, broker_choice, write_effective
from infra.manifest import write_manifest
from infra.ports import port_is_free, port_owner
from infra.services import READY_ENV, SERVICES
from infra.supervisor import ChildProcess, Supervisor, Unit, UnitStatus
from infra.topics import answers, ensure_topics

EFFECTIVE = "settings.yaml"
STATUS = "status.json"
LOCK = "up.lock"


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line chose; None leaves it to the settings."""

    settings: Path | None = None
    venue: str | None = None
    broker: str | None = None
    cockpit_port: int | None = None
    for_s: float | None = None


class LocalBrokerUnit:
    """A broker we start. If one of its kind runs already it is used, and left running at the end.

    The embedded broker forgets the log: the desk's state and the read model, which follow from it, begin anew with it,
    and every later unit is restarted with it (`takes_along`).
    """

    def __init__(self, broker: LocalBroker, forget: Callable[[], None]) -> None:
        self.name = "broker"
        self.ready_within_s = broker.start_within_s
        self.takes_along = broker.kind == "embedded"
        self._broker = broker
        self._forget = forget
        self._ours = running_broker(broker.folder) is None

    def start(self) -> None:
        """Start it and wait until it serves."""
        if self._ours and self.takes_along:
            self._forget()
        self._broker.start()

    def ready(self) -> bool:
        """Whether it serves: `start` waited for it."""
        return self.alive()

    def alive(self) -> bool:
        """Whether its process runs."""
        return self._broker.running() is not None

    def stop(self) -> bool:
        """Stop it, unless somebody else started it."""
        if self._ours:
            self._broker.stop()
        return True

    def pid(self) -> int | None:
        """Its process."""
        record = self._broker.running()
        return record.pid if record is not None else None

    def about(self) -> str:
        """Kind and address."""
        return f"{self._broker.kind} {self._broker.address}"

    def last_words(self) -> str:
        """Why it ended."""
        return self._broker.failure()


class ExternalBrokerUnit:
    """A Kafka somewhere else: its topics are made where they are missing, nothing of it is started or stopped."""

    def __init__(self, address: str) -> None:
        self.name = "broker"
        self.ready_within_s = 15.0
        self.takes_along = False
        self._address = address

    def start(self) -> None:
        """Make missing topics. Raises BrokerError if it does not answer."""
        ensure_topics(self._address, TOPICS.values())

    def ready(self) -> bool:
        """Whether it answers."""
        return answers(self._address)

    def alive(self) -> bool:
        """Clients reconnect by themselves; there is nothing here to restart."""
        return True

    def stop(self) -> bool:
        """Leave it as it is."""
        return True

    def pid(self) -> int | None:
        """Not ours."""
        return None

    def about(self) -> str:
        """Its address."""
        return f"kafka {self._address}"

    def last_words(self) -> str:
        """Nothing is known of it here."""
        return f"no answer from {self._address}"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises EmberlineError if another `ember up` holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise EmberlineError(
                f"up: another `ember up` (pid {holder}) runs in {folder.absolute()}; stop it, or set run.folder"
            ) from e
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def settings_of_run(options: UpOptions) -> tuple[Settings, Path]:
    """Merge file and options, write the result beside the run, return it with its path. Raises SettingsError."""
    base = load_settings(options.settings)
    changes: dict[str, dict[str, Any]] = {}
    if options.venue is not None:
        changes["ingest"] = {"venue": options.venue}
    if options.broker is not None:
        kind, address = broker_choice(options.broker)
        changes["broker"] = {"kind": kind, **({"address": address} if address else {})}
    if options.cockpit_port is not None:
        changes["cockpit"] = {"port": options.cockpit_port}
    target = Path(base.run.folder) / EFFECTIVE
    return write_effective(options.settings, changes, target), target


def forget_what_followed(settings: Settings) -> None:
    """Remove the desk's stored state and a SQLite read model: both follow from a log that is gone."""
    shutil.rmtree(Path(settings.run.folder) / "recovery", ignore_errors=True)
    url = make_url(settings.read_model.url)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        for suffix in ("", "-wal", "-shm"):
            Path(url.database + suffix).unlink(missing_ok=True)


def check_ports(settings: Settings) -> None:
    """Raise EmberlineError if a port that a child needs is taken, naming it and who has it."""
    wanted = [("cockpit", "cockpit.port", settings.cockpit.port)]
    if settings.ingest.venue == "simulated":
        wanted.insert(0, ("simulator", "simulator.port", settings.simulator.port))
    for name, key, port in wanted:
        if port and not port_is_free(port):
            raise EmberlineError(f"{name}: port {port} is in use by {port_owner(port)}; stop it or set {key}")


def units_of(settings: Settings, effective: Path) -> list[Unit]:
    """Everything this run needs, in order of start."""
    folder = Path(settings.run.folder).absolute()
    return [_broker_unit(settings), *(_child(name, settings, effective, folder) for name in _children(settings))]


def _children(settings: Settings) -> list[str]:
    return [*(["simulate"] if settings.ingest.venue == "simulated" else []), *SERVICES]


def _broker_unit(settings: Settings) -> Unit:
    if settings.broker.kind == "external":
        return ExternalBrokerUnit(settings.broker.address)
    port = int(settings.broker.address.rpartition(":")[2])
    broker = broker_of_kind(settings.broker.kind, Path(settings.run.folder), port)
    return LocalBrokerUnit(broker, lambda: forget_what_followed(settings))


def _child(name: str, settings: Settings, effective: Path, folder: Path) -> ChildProcess:
    ready = folder / "run" / f"{name}.ready"
    about = {
        "simulate": f"http://{settings.simulator.host}:{settings.simulator.port}",
        "cockpit": cockpit_url(settings),
    }
    arguments = ["simulate"] if name == "simulate" else ["run", name]
    return ChildProcess(
        name,
        [sys.executable, "-m", "infra.cli", *arguments, "--settings", str(effective.absolute())],
        folder,
        env={READY_ENV: str(ready), SETTINGS_ENV: str(effective.absolute())},
        ready_when=ready.exists,
        clear_before=ready,
        ready_within_s=120.0,  # the first start compiles the kernels
        about=about.get(name, ""),
    )


def cockpit_url(settings: Settings) -> str:
    """Where a person looks."""
    return f"http://127.0.0.1:{settings.cockpit.port}"


def password_for(settings: Settings) -> str | None:
    """Give the cockpit a password for this run if none is set; returns the one made up, None if there was one."""
    name = settings.cockpit.password_env
    if os.environ.get(name):
        return None
    made_up = secrets.token_urlsafe(9)
    os.environ[name] = made_up
    return made_up


def keep(file: Path, statuses: list[UnitStatus], tell: Callable[[str], None]) -> None:
    """Write how each part is. Where that cannot be done it is told, and nothing else fails: parts are watched and stopped all the same."""
    draft = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(statuses), indent=2) + b"\n")
        draft.replace(file)
    except OSError as e:
        tell(f"{file}: cannot be written: {e.strerror}")


def up(
    options: UpOptions,
    tell: Callable[[str], None],
    started: Callable[[Settings, list[UnitStatus], str | None], None],
) -> bool:
    """Run everything until SIGTERM, SIGINT or `for_s`. True if all ended in order.

    tell: one line per change. started: called once when all is up, with a made-up cockpit password if there is one.
    Raises EmberlineError if something cannot start; what was started is stopped again.
    """
    from flows.desk import check

    base = load_settings(options.settings)
    check(base, str(options.settings or "defaults"))
    with only_one(Path(base.run.folder)):
        settings, effective = settings_of_run(options)
        check_ports(settings)
        write_manifest(settings)
        password = password_for(settings)
        status_file = Path(settings.run.folder) / STATUS

        supervisor = Supervisor(units_of(settings, effective), tell, lambda statuses: keep(status_file, statuses, tell))
        old = {number: signal.signal(number, supervisor.ask_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            supervisor.start()
            if not supervisor.stopping:
                started(settings, supervisor.status(), password)
                supervisor.run(options.for_s)
        finally:
            in_order = supervisor.stop()
            for number, handler in old.items():
                signal.signal(number, handler)
            with contextlib.suppress(OSError):
                status_file.unlink()
        return in_order
