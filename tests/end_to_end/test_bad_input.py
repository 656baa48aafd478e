"""Bad input gives one clear line and exit status 1, and leaves files and topics as they were."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contracts.settings import parse_settings
from contracts.topics import EVENTS, TOPICS
from infra.broker import LocalBroker
from infra.ports import free_port
from sinks.archive import ArchiveWriter, market_files
from tests.builders import market_log
from tests.end_to_end.running import MARKET, ROOT, Follower, Parts, publish, wait_for


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def refused(folder: Path, *line: str) -> str:
    """Run a command in `folder`, which it must refuse with one line and status 1; returns the line."""
    before = contents(folder)
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", *line],
        cwd=folder, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stdout
    assert contents(folder) == before
    return done.stderr


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        yield port


@pytest.mark.parametrize(
    "line",
    [["run", "desk"], ["run", "ingest"], ["replay", "nothing"], ["evaluate", "discovery", "x.parquet"]],
    ids=" ".join,
)
def test_an_unknown_settings_key_is_named_with_its_file(line: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[markets."binance.spot"]\npartition = 0\n[markets."binance.spot".exits]\nstop_los = 0.1\n'
    )
    said = refused(tmp_path, *line, "--settings", "mine.toml")
    assert said.startswith("mine.toml: ")
    assert "stop_los" in said
    assert "markets.binance.spot.exits" in said


def test_a_port_in_use_is_named(taken: int, tmp_path: Path) -> None:
    said = refused(tmp_path, "simulate", "--port", str(taken), "--symbols", "5")
    assert str(taken) in said
    assert "simulator.port" in said


def test_a_missing_broker_is_named_with_the_way_out(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    broker = {"kind": "external", "address": address}

    def run(line: str) -> str:
        folder = tmp_path / line.replace(" ", "-")
        folder.mkdir()
        (folder / "settings.yaml").write_text(json.dumps({"broker": broker}))
        return refused(folder, *line.split(), "--settings", "settings.yaml")

    lines = ["run desk", "run project", "run archive", "run ingest", "pause", "replay kafka"]
    with ThreadPoolExecutor() as pool:  # some wait for up to half a minute
        for said in pool.map(run, lines):
            assert address in said
            assert "ember broker start" in said or "ember up" in said


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three files of one market."""
    folder = tmp_path / "archive"
    log = market_log(90, symbols=5, history_minutes=60)
    settings = parse_settings({"archive": {"rows_per_file": 500}}, "test").archive
    writer = ArchiveWriter(folder, MARKET, settings)
    writer.start("one")
    for offset, message in enumerate(log):
        writer.add(offset, message, 7)
    writer.close()
    assert len(market_files(folder / MARKET)) >= 3
    return folder


@pytest.mark.parametrize("damage", ["cut", "overwritten", "missing"])
def test_a_corrupt_archive_file_is_named_and_earlier_results_stay(damage: str, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "decision.v1.jsonl").write_text("of an earlier run\n")
    file = market_files(archive / MARKET)[1].path
    whole = file.read_bytes()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "overwritten":
        middle = len(whole) // 3
        file.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    else:
        file.unlink()
    said = refused(tmp_path, "replay", str(archive), "--out", str(out))
    named = market_files(archive / MARKET)[1].path if damage == "missing" else file
    assert str(named) in said


@pytest.mark.timeout(180)
def test_a_command_for_an_unknown_symbol_is_refused_and_does_nothing(
    embedded_broker: LocalBroker, tmp_path: Path
) -> None:
    parts = Parts(tmp_path, embedded_broker.address)
    follower = Follower(embedded_broker.address)
    try:
        log = market_log(60, symbols=5, history_minutes=30)
        publish(embedded_broker.address, log)
        parts.start("desk")
        wait_for(lambda: follower.of("engine_state.v1", "engine_state"), 60, "the desk")
        wait_for(lambda: quiet(follower), 60, "the desk's last fact")
        before = {name: len(follower.whole(name)) for name in TOPICS}
        done = parts.ember("close", "NOSUCHUSDT", "--settings", str(parts.file), "--wait", "30")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("close_position: ")
        assert "NOSUCHUSDT" in done.stderr
        after = {name: len(follower.whole(name)) for name in TOPICS}
        changed = {name: after[name] - before[name] for name in TOPICS if after[name] != before[name]}
        assert changed == {EVENTS.name: 1, "engine_state.v1": 1}  # the command and its answer
        [answer] = follower.of("engine_state.v1", "command_result")
        assert (answer["ok"], answer["reason"]) == (False, "UNKNOWN_SYMBOL")
        parts.end("desk")
    finally:
        parts.stop()
        follower.close()


def quiet(follower: Follower) -> bool:
    """Whether the newest state stands on the last second of the log."""
    newest: int = follower.of("engine_state.v1", "engine_state")[-1]["offset"]
    return newest > len(follower.topics[EVENTS.name]) * 0.9
