"""The `ember` command as typed: help everywhere; one line and the right exit status when something is wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from contracts import facts
from contracts.events import ClosePosition, LogEvent
from infra.broker import EmbeddedBroker, LocalBroker
from infra.cli import app, run_command
from infra.ports import free_port
from tests.recorded import ROOT


def command_lines() -> list[list[str]]:
    lines = [[c.name or c.callback.__name__] for c in app.registered_commands if c.callback is not None]
    for group in app.registered_groups:
        instance = group.typer_instance
        assert instance is not None
        lines.append([group.name or ""])
        lines += [[group.name or "", c.name or ""] for c in instance.registered_commands]
    return lines


def ember(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        check=False,
    )


def test_the_commands_of_the_design_are_there() -> None:
    names = {" ".join(line) for line in command_lines()}
    assert names >= {
        "up", "simulate", "run", "tap", "replay", "bench", "evaluate discovery",
        "pause", "resume", "close", "close-all", "preflight", "broker start",
        "broker stop", "broker status",
    }  # fmt: skip


@pytest.mark.parametrize("line", command_lines(), ids=" ".join)
def test_every_command_has_help(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*line, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: ember {' '.join(line)}")
    said = out.split("\n\n")[1].strip()
    assert said
    assert not said.startswith("Options")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["nonsense"], "ember: No such command 'nonsense'."),
        (["close"], "ember: Missing argument 'symbol'."),
        (
            ["run", "nonsense"],
            "ember: Invalid value: expected one of desk, project, archive, ingest, cockpit, was nonsense",
        ),
        (["up", "--venue", "moon"], "ember: Invalid value: --venue: expected simulated or binance, was moon"),
        (["up", "--for", "-1"], "ember: Invalid value for '--for': Input should be greater than or equal to 0.1"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(line: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(line) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [says]
    assert captured.out == ""


@pytest.mark.parametrize(
    "line",
    [["up"], ["simulate"], ["run", "desk"], ["tap", "decision.v1"], ["pause"], ["broker", "start"]],
    ids=" ".join,
)
def test_an_unknown_settings_key_is_named_and_nothing_starts(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("entry:\n  heat_mn: 50\n")
    assert run_command([*line, "--settings", "mine.yaml"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("mine.yaml: ")
    assert "heat_mn" in error
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("line", [["up"], ["run", "desk"], ["replay", "."]], ids=" ".join)
def test_settings_of_which_no_desk_can_be_made_are_one_line_and_nothing_starts(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("strategy: {name: moon}\n")
    assert run_command([*line, "--settings", "mine.yaml"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "`markets.binance.spot`: `strategy.name`: expected one of hot_momentum, pullback, was 'moon'" in captured.err
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("line", [["tap", "decision.v1"], ["broker", "topics"]], ids=" ".join)
def test_a_missing_broker_is_one_line(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*line, "--broker", f"127.0.0.1:{free_port()}"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "start one with: ember broker start" in error


def test_a_command_without_a_broker_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["close-all", "--broker", f"127.0.0.1:{free_port()}"]) == 1
    assert "start the desk with: ember up" in capsys.readouterr().err


def test_a_broker_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["pause", "--broker", "nonsense"]) == 1
    assert capsys.readouterr().err == "--broker: expected HOST:PORT, was nonsense\n"


def test_a_taken_port_stops_up_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = ember("up", "--port", str(port), "--no-browser", "--venue", "binance", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"cockpit: port {port} is in use by ")
    assert not (tmp_path / "var" / "log").exists()


def test_broker_start_status_stop(tmp_path: Path) -> None:
    port = free_port()
    started = ember("broker", "start", "--kind", "embedded", "--port", str(port), cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith(f"embedded broker on 127.0.0.1:{port}, pid ")
    status = json.loads(ember("broker", "status", "--json", cwd=tmp_path).stdout)
    assert status["running"]
    assert status["answers"]
    assert ember("broker", "stop", cwd=tmp_path).stdout == "embedded broker does not run\n"
    assert ember("broker", "status", cwd=tmp_path).returncode == 1


def test_help_answers_without_loading_what_commands_need() -> None:
    code = (
        "import sys, infra.cli\n"
        "infra.cli.run_command(['--help'])\n"
        "heavy = {'numba', 'polars', 'pandas', 'bytewax', 'confluent_kafka', 'sqlalchemy', 'streamlit', 'rich'}\n"
        "sys.exit(f'loaded {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def produce(address: str, topic: str, *values: bytes, key: bytes = b"") -> None:
    producer = Producer({"bootstrap.servers": address})
    for value in values:
        producer.produce(topic, value, key=key, partition=0)
    assert producer.flush(20) == 0


def test_tap_filters_by_symbol_and_type(broker: LocalBroker, capsys: pytest.CaptureFixture[str]) -> None:
    produce(
        broker.address,
        "decision.v1",
        b'{"type":"decision","symbol":"AUSDT","action":"long"}',
        b'{"type":"decision","symbol":"BUSDT","action":"wait"}',
        b'{"type":"other","symbols":["AUSDT","BUSDT"]}',
        b"not json",
        b'{"type":"tickers","rows":[["AUSDT",1],["CUSDT",2]]}',
    )
    assert run_command(["tap", "decision.v1", "--broker", broker.address, "--symbol", "ausdt", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["offset"] for line in lines] == [0, 2, 4]
    assert run_command(["tap", "decision.v1", "--broker", broker.address, "--type", "decision", "--since", "5m"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[1:4] for line in shown] == [["0/0", "decision", "AUSDT"], ["0/1", "decision", "BUSDT"]]
    assert 'action="long"' in shown[0]
    assert run_command(["tap", "decision.v1", "--broker", broker.address, "--limit", "4"]) == 0
    assert capsys.readouterr().out.splitlines()[3].endswith("? b'not json'")


def test_tap_of_an_unknown_topic_lists_those_there(
    embedded_broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["tap", "decisions", "--broker", embedded_broker.address]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"topic decisions: not on {embedded_broker.address}; there are alert.v1, bar.v1")
    assert error.count("\n") == 1


def test_tap_refuses_a_stretch_of_time_it_cannot_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["tap", "decision.v1", "--since", "yesterday"]) == 1
    assert "expected a number and s, m, h or d" in capsys.readouterr().err


class FakeDesk(threading.Thread):
    """Answers the commands on the log as the desk does: one result each, unknown symbols refused."""

    def __init__(self, address: str, known: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.known = known
        self.ended = threading.Event()

    def run(self) -> None:
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "fake", "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition("events.v1", 0, 0)])
        while not self.ended.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            event = msgspec.json.decode(message.value(), type=LogEvent)
            refused = isinstance(event, ClosePosition) and event.symbol != self.known
            result = facts.CommandResult(
                id=event.command_id, trace_id="t", market="binance.spot", partition=0, offset=message.offset(),
                ts_event=time.time_ns(), settings_hash="s", command_id=event.command_id, command="close_position",
                author=event.author, ok=not refused, reason="unknown symbol NOUSDT" if refused else "",
                detail={} if refused else {"orders": "1"},
            )  # fmt: skip
            produce(self.address, "engine_state.v1", b"{}", facts.encode_fact(result))
        consumer.close()


def test_a_command_waits_for_its_own_effect(broker: LocalBroker, capsys: pytest.CaptureFixture[str]) -> None:
    desk = FakeDesk(broker.address, "AUSDT")
    desk.start()
    try:
        line = ["close", "ausdt", "--broker", broker.address, "--author", "kay", "--wait", "30"]
        assert run_command(line) == 0
        said = capsys.readouterr().out
        assert said.startswith("close_position: done: orders 1  (command ")
        assert "by kay, log 0/0" in said
        assert run_command(["close", "NOUSDT", "--broker", broker.address, "--wait", "30"]) == 1
        assert capsys.readouterr().err == "close_position: unknown symbol NOUSDT\n"
    finally:
        desk.ended.set()
        desk.join()


def test_a_command_nobody_answers_says_that_it_is_in_the_log(
    embedded_broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["pause", "--broker", embedded_broker.address, "--wait", "0.2", "--reason", "lunch"]) == 1
    error = capsys.readouterr().err
    assert "is in the log, but no desk answered within 0.2 s" in error
    assert error.count("\n") == 1
    assert run_command(["tap", "events.v1", "--broker", embedded_broker.address, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value"]["type"] == "pause_trading"
    assert found["value"]["reason"] == "lunch"
    assert found["key"] == "binance.spot"


def test_preflight_as_json_and_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["preflight", "--no-kernels", "--json"]) == 0
    checks = {check["name"]: check["result"] for check in json.loads(capsys.readouterr().out)}
    assert set(checks) == {"python", "packages", "settings", "broker", "disk", "ports", "clock", "secrets", "scorer"}
    (tmp_path / "far.yaml").write_text(f"broker: {{kind: external, address: '127.0.0.1:{free_port()}'}}\n")
    assert run_command(["preflight", "--no-kernels", "--settings", "far.yaml"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "preflight: broker failed\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "far.yaml"]


def test_every_command_has_its_line_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for line in command_lines():
        words = " ".join(line)
        table = [row for row in readme.splitlines() if row.startswith("| `ember ")]
        assert any(all(word in row for word in line) for row in table), words
