"""Each check says ok, warning or failed with its reason."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from contracts.settings import Settings, parse_settings
from infra import preflight as module
from infra.ports import free_port
from infra.preflight import (
    check_broker,
    check_clock,
    check_disk,
    check_kernels,
    check_packages,
    check_ports,
    check_scorer,
    preflight,
)


def settings(**sections: object) -> Settings:
    return parse_settings(sections, "test")


def test_packages_of_this_environment_are_what_the_project_asks_for() -> None:
    assert check_packages().result == "ok"


def test_a_package_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "version", lambda _: "0.0.1")
    found = check_packages()
    assert found.result == "failed"
    assert "bytewax: expected ==0.21.1, was 0.0.1" in found.detail


def test_kernels_run_in_a_child() -> None:
    assert check_kernels(None).result == "ok"


def test_a_kernel_that_crashes_takes_only_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(crashing))
    found = check_kernels(None)
    assert found.result == "failed"
    assert "compiled code died of signal 11" in found.detail


def test_an_unreachable_broker_fails(var: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    found = check_broker(settings(broker={"kind": "external", "address": address}, run={"folder": str(var)}))
    assert found.result == "failed"
    assert f"broker {address}: no answer" in found.detail


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch, var: Path) -> None:
    monkeypatch.setattr(module, "DISK_LEAST", 1 << 60)
    assert check_disk(settings(run={"folder": str(var)})).result == "failed"


def test_a_classifier_that_is_not_there_fails() -> None:
    assert check_scorer(settings()).detail == "lexicon"
    found = check_scorer(settings(mentions={"scorer": "onnx", "classifier": {"file": "gone.onnx"}}))
    assert (found.result, found.detail) == ("failed", "mentions.classifier.file: gone.onnx: no such file")


def test_a_taken_port_is_named_with_its_owner() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = check_ports(settings(cockpit={"port": port}))
    assert found.result == "warning"
    assert f"cockpit.port {port} is in use by" in found.detail


def test_a_venue_that_cannot_be_asked_for_the_time_is_a_warning() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert check_clock(settings(ingest={"venue": "binance", "rest_url": url})).result == "warning"


def test_wrong_settings_end_the_list_there(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("nonsense: 1\n")
    last = preflight(tmp_path / "wrong.yaml", kernels=False)[-1]
    assert (last.name, last.result) == ("settings", "failed")
    assert "unknown key `nonsense`" in last.detail


def test_what_only_the_steps_know_of_settings_ends_the_list_as_well(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("markets: {a.spot: {partition: 0}, b.spot: {partition: 1, strategy: {options: {hot_momentum: {trend: -1.0}}}}}\n")
    last = preflight(file, kernels=False)[-1]
    assert (last.name, last.result) == ("settings", "failed")
    assert last.detail == (
        f"{file}: `markets.b.spot`: Expected `float` >= 0.0 - at `strategy.options.hot_momentum.trend`, was -1.0"
    )
