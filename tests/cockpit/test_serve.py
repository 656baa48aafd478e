import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cockpit import library, serve
from contracts.settings import parse_settings
from tests.cockpit.conftest import ROOT, Served


def fetch(url: str):
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback server
        return answer.status, answer.headers, answer.read()


def test_the_server_is_on_loopback_and_serves_our_assets_and_the_library(served: Served):
    status, headers, body = fetch(f"{served.url}/assets/lightweight-charts.js")
    assert status == 200
    assert headers["content-type"].startswith("text/javascript")
    assert body == library.chart_library().read_bytes()
    for asset in ("panel.mjs", "kline.mjs"):
        assert "javascript" in fetch(f"{served.url}/assets/{asset}")[1]["content-type"]
    for page in serve.PAGES:  # below the root the page is told where the server is, or it asks in the wrong place first
        status, headers, body = fetch(f"{served.url}/{page}")
        assert (status, headers["content-type"].split(";")[0]) == (200, "text/html")
        assert body.index(b"BACKEND_BASE_URL") < body.index(b"<script type=")
    with pytest.raises(urllib.error.HTTPError):
        fetch(f"{served.url}/assets/../serve.py")
    listening = subprocess.run(
        ["ss", "-Hltn", f"sport = :{served.port}"], capture_output=True, text=True, check=False
    ).stdout
    if listening:
        assert f"127.0.0.1:{served.port}" in listening
        assert f"0.0.0.0:{served.port}" not in listening


def test_every_page_with_an_address_of_its_own_is_served():
    named = re.findall(r'url_path="(\w+)"', (ROOT / "cockpit" / "app.py").read_text())
    assert named == ["market", *serve.PAGES]


def test_sigterm_ends_it_in_order(served: Served):
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(20) == 0


def test_a_port_in_use_ends_it_with_one_clear_line(served: Served, tmp_path: Path):
    file = tmp_path / "again.yaml"
    file.write_text(f"cockpit: {{port: {served.port}}}\n")
    second = subprocess.run(
        [sys.executable, "-m", "cockpit.serve", "--settings", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert str(served.port) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_nothing_is_sent_home_and_only_loopback_names_are_answered():
    options = serve.options(parse_settings({}, "test"))
    assert options["browser.gatherUsageStats"] is False
    assert options["server.address"] == "127.0.0.1"
    assert options["server.allowedHosts"] == ["127.0.0.1", "localhost"]
