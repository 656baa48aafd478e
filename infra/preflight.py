"""Look before the start: would a run on this machine work, and if not, what to do.

Every check answers ok, warning or failed, with one line. Kernels are run in a child process: compiled code that crashes
takes only the child with it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import msgspec
from packaging.requirements import Requirement

from contracts.errors import EmberlineError
from contracts.settings import Settings, load_settings
from contracts.topics import EVENTS, TOPICS
from infra.broker.kafka_jars import find_java, home, jars_present
from infra.broker.librdkafka import bundled_library
from infra.broker.local import running_broker
from infra.ports import port_is_free, port_owner
from infra.topics import existing_topics

GIB = 1024**3
DISK_LEAST = GIB
KERNELS_WITHIN_S = 180
CLOCK_OFF_MAX_MS = 1000
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC).timestamp()


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    name: str
    result: Literal["ok", "warning", "failed"]
    detail: str


def ok(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name=name, result="ok", detail=detail)


def warning(name: str, detail: str) -> Check:
    """It runs, but somebody should know."""
    return Check(name=name, result="warning", detail=detail)


def failed(name: str, detail: str) -> Check:
    """It would not run."""
    return Check(name=name, result="failed", detail=detail)


def preflight(settings_path: Path | None, *, kernels: bool = True) -> list[Check]:
    """Run every check. Those that need settings are left out if the settings cannot be read, or no desk can be made of them."""
    checks = [check_python(), check_packages()]
    try:
        settings = load_settings(settings_path)
        if checks[-1].result == "ok":  # without its packages no desk can be imported
            check_desk(settings, settings_path)
    except EmberlineError as e:
        return [*checks, failed("settings", str(e))]
    hashes = ", ".join(f"{name} {market.desk.hash()}" for name, market in settings.markets.items())
    checks.append(ok("settings", f"{settings_path or 'defaults'} ({hashes})"))
    with_settings: list[Callable[[Settings], Check]] = [
        check_broker,
        check_disk,
        check_ports,
        check_clock,
        check_secrets,
        check_scorer,
    ]
    checks += [check(settings) for check in with_settings]
    if kernels:
        checks.append(check_kernels(settings_path))
    return checks


def check_desk(settings: Settings, settings_path: Path | None) -> None:
    """Make every step of the desk once. Raises SettingsError."""
    from flows.desk import check

    check(settings, str(settings_path or "defaults"))


def check_python() -> Check:
    """Python 3.11 or 3.12."""
    was = platform.python_version()
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        return ok("python", was)
    return failed("python", f"expected Python 3.11 or 3.12, was {was}; Bytewax has no wheels for others: run make demo")


def check_packages() -> Check:
    """Every dependency is there in a version we allow."""
    try:
        wanted = [Requirement(text) for text in requires("emberline") or []]
    except PackageNotFoundError:
        return failed("packages", "emberline is not installed in this Python; run: make install")
    wrong: list[str] = []
    plain = [
        requirement
        for requirement in wanted
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    for requirement in plain:
        try:
            was = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(was, prereleases=True):
            wrong.append(f"{requirement.name}: expected {requirement.specifier}, was {was}")
    if wrong:
        return failed("packages", f"{'; '.join(wrong)}; run: make install")
    return ok("packages", f"{len(plain)} dependencies in allowed versions")


def check_broker(settings: Settings) -> Check:
    """The broker answers, or could be started."""
    kind = settings.broker.kind
    running = running_broker(Path(settings.run.folder))
    try:
        if kind == "external" or running is not None:
            address = settings.broker.address if kind == "external" or running is None else running.address
            missing = sorted(set(TOPICS) - set(existing_topics(address)))
            detail = f"{kind} on {address} answers"
            return ok("broker", detail + (f"; topics made at the start: {', '.join(missing)}" if missing else ""))
        if kind == "kafka":
            java = find_java()
            if not jars_present() and shutil.which("mvn") is None:
                return failed("broker", f"kafka: no jars in {home()} and no mvn to fetch them; install Maven")
            return ok("broker", f"kafka can be started with {java}")
        return ok("broker", f"embedded can be started from {bundled_library().name}")
    except EmberlineError as e:
        return failed("broker", str(e))


def check_disk(settings: Settings) -> Check:
    """The disk under the run's folder holds what log, archive and read model may grow to."""
    folder = Path(settings.run.folder).absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return failed("disk", f"{folder} cannot be written; set run.folder")
    free = shutil.disk_usage(folder).free
    log = 0
    if settings.broker.kind == "kafka":
        for topic in TOPICS.values():
            used = len(settings.markets) if topic is EVENTS else topic.partitions
            log += used * (topic.retention_bytes + topic.segment_bytes)
    may_grow = settings.archive.max_bytes + log
    said = f"{free / GIB:.1f} GiB free under {folder}, log and archive may take {may_grow / GIB:.1f}"
    if free < DISK_LEAST:
        return failed("disk", f"{said}; free some")
    return ok("disk", said) if free > may_grow else warning("disk", f"{said}; lower archive.max_bytes")


def check_ports(settings: Settings) -> Check:
    """The ports of simulator and cockpit are free (a desk that runs already has them)."""
    wanted = {"cockpit.port": settings.cockpit.port}
    if settings.ingest.venue == "simulated":
        wanted["simulator.port"] = settings.simulator.port
    if settings.broker.kind != "external" and running_broker(Path(settings.run.folder)) is None:
        wanted["broker.address"] = int(settings.broker.address.rpartition(":")[2])
    taken = [
        f"{key} {port} is in use by {port_owner(port)}"
        for key, port in wanted.items()
        if port and not port_is_free(port)
    ]
    if taken:
        return warning("ports", f"{'; '.join(taken)}: stop it unless it is this desk")
    return ok("ports", ", ".join(f"{key} {port}" for key, port in wanted.items()) + " free")


def check_clock(settings: Settings) -> Check:
    """The clock is of this decade, and near the venue's where the venue can be asked."""
    now = time.time()
    said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < EARLIEST:
        return failed("clock", f"{said} is long past; set the clock")
    if settings.ingest.venue != "binance":
        return ok("clock", said)
    url = f"{settings.ingest.rest_url or 'https://api.binance.com'}/api/v3/time"
    if not url.startswith(("http://", "https://")):
        return failed("clock", f"ingest.rest_url: expected an http or https URL, was {settings.ingest.rest_url}")
    try:
        before = time.time()
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the scheme was checked above
            server_ms = json.load(answer)["serverTime"]
        off_ms = (before + time.time()) * 500 - server_ms
    except (urllib.error.URLError, OSError, ValueError, KeyError) as e:
        return warning("clock", f"{said}; the venue's time could not be asked ({e})")
    if abs(off_ms) > CLOCK_OFF_MAX_MS:
        return failed("clock", f"{off_ms:+.0f} ms off the venue's; synchronise it (NTP)")
    return ok("clock", f"{off_ms:+.0f} ms off the venue's")


def check_secrets(settings: Settings) -> Check:
    """The cockpit's password is set; without one `ember up` makes one up for each run."""
    name = settings.cockpit.password_env
    if os.environ.get(name):
        return ok("secrets", f"{name} is set")
    return warning("secrets", f"{name} is not set; ember up makes up a password for each run")


def check_scorer(settings: Settings) -> Check:
    """The scorer of mentions can be made: its file is there and is a model, its package is installed."""
    from venues.mentions import load_scorer

    try:
        load_scorer(settings.mentions.scorer, settings.mentions.classifier)
    except EmberlineError as e:
        return failed("scorer", str(e))
    return ok("scorer", f"{settings.mentions.scorer} {settings.mentions.classifier.file}".strip())


def check_kernels(settings_path: Path | None) -> Check:
    """Compile and run every kernel of the desk once, in a child process; what is compiled stays cached."""
    code = (
        "import sys; from contracts.settings import load_settings; from flows.warm import warm_up; "
        "warm_up(load_settings(sys.argv[1] if len(sys.argv) > 1 else None))"
    )
    begun = time.monotonic()
    command = [sys.executable, "-c", code, *([str(settings_path)] if settings_path else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=KERNELS_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return failed("kernels", f"not compiled within {KERNELS_WITHIN_S} s; is the machine overloaded?")
    if done.returncode < 0:
        target = os.environ.get("NUMBA_CPU_NAME", "set by operators")
        return failed(
            "kernels",
            f"compiled code died of signal {-done.returncode} (NUMBA_CPU_NAME {target}); "
            "try NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= in the environment",
        )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return failed("kernels", f"a warm-up run of the desk failed: {said[-1] if said else 'no reason given'}")
    return ok("kernels", f"compiled and run in {time.monotonic() - begun:.1f} s")
