"""`ember up` on the embedded broker: a coin is pumped at the exchange, found, bought, and closed from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cockpit import queries
from contracts.topics import TOPICS
from infra.cli import run_command
from infra.ports import free_port
from tests.end_to_end.running import MARKET, ROOT, Follower, wait_for

QUIET = {  # nothing happens on this market but what the test does
    "history_days": 2,
    "pump_every_s": 0,
    "slow_pump_every_s": 0,
    "dump_every_s": 0,
    "crash_every_s": 0,
    "listings": 0,
}
COIN = "ADAUSDT"


class Up:
    """`ember up` as a process, with what a test asks of it."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        self.url = f"sqlite:///{self.var / 'read_model.db'}"
        self.broker = f"127.0.0.1:{free_port()}"
        self.exchange = free_port()
        self.file = folder / "settings.yaml"
        self.out = folder / "up.txt"
        settings: dict[str, Any] = {
            "broker": {"kind": "embedded", "address": self.broker},
            "simulator": {"port": self.exchange, "symbols": 40, "market": QUIET},
            "cockpit": {"port": free_port()},
            "run": {"folder": str(self.var)},
            "read_model": {"url": self.url},
            "archive": {"folder": str(self.var / "archive")},
        }
        self.file.write_text(json.dumps(settings))
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", "up", "--settings", str(self.file), "--no-browser", "--for", "900"],
                cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def said(self, line: str) -> bool:
        text = self.out.read_text()
        assert self.process.poll() is None, text
        return line in text

    def parts(self) -> dict[str, Any]:
        return {part["name"]: part for part in json.loads((self.var / "status.json").read_text())}

    def pump(self, symbol: str, percent: float, minutes: float) -> None:
        body = json.dumps({"symbol": symbol, "percent": percent, "minutes": minutes}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.exchange}/sim/pump", body)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            assert json.load(answer)["symbol"] == symbol

    def engine(self) -> dict[str, Any] | None:
        try:
            return queries.desk(self.url, MARKET, 60.0).engine
        except queries.ReadModelMissing:
            return None

    def tradeable(self) -> bool:
        engine = self.engine()
        return engine is not None and engine["state"] == "tradeable"

    def ember(self, *arguments: str) -> dict[str, Any]:
        """One command with `--json`, run as a person would; its answer."""
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments, "--settings", str(self.file), "--json"],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path)
    yield up
    if up.process.poll() is None:
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(90)


def why_not(follower: Follower, symbol: str) -> str:
    """What the desk said last of a coin, for a test that fails."""
    seen = [signal for signal in follower.of("signal_snapshot.v1", "signal") if signal["symbol"] == symbol]
    return (
        json.dumps({key: seen[-1][key] for key in ("heat", "consensus", "gates", "reasons")}) if seen else "never seen"
    )


@pytest.mark.timeout(420)
def test_a_pumped_coin_is_found_bought_and_closed_by_command(running: Up, capsys: pytest.CaptureFixture[str]) -> None:
    wait_for(lambda: running.said("broker: up"), 60, "the broker")
    follower = Follower(running.broker)
    try:
        wait_for(lambda: running.said("Ctrl-C stops"), 180, "everything")
        wait_for(running.tradeable, 60, "a tradeable engine")
        wait_for(lambda: queries.ranking(running.url, MARKET, 10), 30, "candidates")

        running.pump(COIN, 8.0, 2.5)
        wait_for(lambda: follower.of("candidate_snapshot.v1", "alarm"), 150, "an alarm")
        try:
            wait_for(lambda: queries.open_positions(running.url, MARKET), 150, "a position")
        except pytest.fail.Exception as e:
            raise AssertionError(f"{e}; of {COIN} the desk says: {why_not(follower, COIN)}") from e
        assert COIN in {alarm["symbol"] for alarm in follower.of("candidate_snapshot.v1", "alarm")}
        [held] = [row for row in queries.open_positions(running.url, MARKET) if row["symbol"] == COIN]
        decision = queries.decision(running.url, held["body"]["decision_id"])
        assert decision is not None
        assert (decision["symbol"], decision["action"]) == (COIN, "long")
        bought = [row for row in queries.orders(running.url, MARKET, 50, COIN) if row["purpose"] == "entry"]
        assert {row["decision_id"] for row in bought} == {decision["id"]}
        fills = [row for row in queries.fills(running.url, MARKET, COIN, 500) if row["purpose"] == "entry"]
        assert {row["client_order_id"] for row in fills} == {row["client_order_id"] for row in bought}
        assert sum(row["quantity"] for row in fills) == pytest.approx(sum(row["filled_quantity"] for row in bought))

        answer = running.ember("close-all", "--reason", "test", "--wait", "30")
        assert (answer["command"], answer["ok"]) == ("close_all", True)
        wait_for(lambda: not queries.open_positions(running.url, MARKET), 60, "the end of all positions")
        closed = {row["position_id"]: row for row in queries.closed_positions(running.url, MARKET, 50)}
        assert closed[held["position_id"]]["exit_reason"]
        wait_for(lambda: (running.engine() or {}).get("paused"), 30, "the pause")
        assert running.ember("resume", "--wait", "30")["ok"]
        wait_for(lambda: not (running.engine() or {})["paused"], 30, "the end of the pause")

        quiet = {"dead_letter.v1", "alert.v1"}  # may rightly be empty
        for topic in TOPICS:
            assert run_command(["tap", topic, "-n", "3", "--json", "--settings", str(running.file)]) == 0
            lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert lines or topic in quiet, topic
            assert all(line["value"]["type"] for line in lines)

        parts = running.parts()
        assert {part["state"] for part in parts.values()} == {"up"}
        assert {part["restarts"] for part in parts.values()} == {0}
    finally:
        follower.close()
    children = psutil.Process(running.process.pid).children(recursive=True)
    pids = [part["pid"] for part in parts.values()]
    os.kill(running.process.pid, signal.SIGTERM)
    assert running.process.wait(90) == 0, running.out.read_text()
    stopped = [line for line in running.out.read_text().splitlines() if line.endswith(": stopped")]
    assert stopped == [f"{name}: stopped" for name in reversed(parts)]
    assert not any(child.is_running() for child in children)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not (running.var / "status.json").exists()
