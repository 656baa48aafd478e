"""A seeded read model, pages in process, and the whole server with a browser in front of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cockpit import access
from cockpit.context import configure
from contracts.settings import Settings, parse_settings
from infra.ports import free_port
from tests.cockpit.desk import AnsweringDesk
from tests.cockpit.seeding import Seeding

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("EMBERLINE_CHROMIUM", "/usr/bin/chromium")
PASSWORD = "open sesame"

expect.set_options(timeout=30_000)


@pytest.fixture
def seeding(tmp_path: Path) -> Iterator[Seeding]:
    """A read model with ten hours of history, written a moment ago."""
    made = Seeding(f"sqlite:///{tmp_path}/read_model.db", time.time_ns())
    made.first()
    yield made
    made.engine.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings that name the seeded read model; pages of this process use them."""
    made = parse_settings({"read_model": {"url": f"sqlite:///{tmp_path}/read_model.db"}}, "test")
    configure(made)
    access.forget_wrong_tries()
    yield made
    access.forget_wrong_tries()


class Served(msgspec.Struct):
    """A cockpit in a process of its own, its read model kept alive by a desk that answers commands."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    desk: AnsweringDesk


@pytest.fixture
def served(tmp_path: Path, seeding: Seeding, request: pytest.FixtureRequest) -> Iterator[Served]:
    """The cockpit on a free port. The test's `embedded_broker` is the broker, if it asks for one."""
    port = free_port()
    address = "127.0.0.1:1"
    if "embedded_broker" in request.fixturenames:
        address = request.getfixturevalue("embedded_broker").address
    raw = {
        "cockpit": {"port": port},
        "read_model": {"url": f"sqlite:///{tmp_path}/read_model.db"},
        "broker": {"kind": "external", "address": address},
    }
    file = tmp_path / "settings.yaml"
    file.write_bytes(msgspec.yaml.encode(raw))
    log = (tmp_path / "cockpit.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "cockpit.serve", "--settings", str(file)],
        cwd=ROOT,
        env={**os.environ, "EMBERLINE_COCKPIT_PASSWORD": PASSWORD},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    desk = AnsweringDesk(seeding, address if address != "127.0.0.1:1" else None)
    desk.start()
    try:
        _wait_until_up(url, process, tmp_path / "cockpit.log")
        yield Served(url=url, port=port, process=process, desk=desk)
    finally:
        desk.stop()
        process.terminate()
        process.wait(20)
        log.close()


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"the cockpit ended: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):  # noqa: S310 - our own loopback server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the cockpit did not come up: {log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Closed after each module: while it is open its event loop runs, and no async test could."""
    if not Path(CHROMIUM).exists():
        reason = f"{CHROMIUM} not found; EMBERLINE_CHROMIUM names the browser"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A desktop-sized tab, dark; errors of scripts fail the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="dark")
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []
