"""Starting and stopping a flow: what a step raises comes out, a stop writes the last snapshot, a rebuild forgets it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink, TestingSource

from contracts.errors import DeliveryError, StateError
from contracts.settings import load_settings
from contracts.topics import TOPICS
from flows.desk import build, operators
from flows.wiring.encode import Outgoing
from flows.wiring.launch import recovery_folder, run_flow, stop_on_signals
from flows.wiring.sinks import Collected, CollectFacts, KafkaFacts
from flows.wiring.sources import Item
from operators.frame import FrameState
from operators.slices import RawBatch
from tests.builders import market_log
from tests.checks import MARKET, run


class Endless(FixedPartitionedSource[Item, int]):
    """A log that is there and says no more, until `stop`; it resumes where its snapshot stands."""

    def __init__(self, log: list[bytes], stop: threading.Event, upto: int) -> None:
        self.log, self.stop, self.upto = log, stop, upto

    def list_parts(self) -> list[str]:
        return [MARKET]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> EndlessPart:
        return EndlessPart(self, resume_state or 0)


class EndlessPart(StatefulSourcePartition[Item, int]):
    def __init__(self, source: Endless, at: int) -> None:
        self.source, self.at = source, at

    def next_batch(self) -> list[Item]:
        if self.at >= self.source.upto:
            os.kill(os.getpid(), signal.SIGTERM)
            self.source.stop.wait(10)
        if self.source.stop.is_set():
            raise StopIteration
        part = self.source.log[self.at : min(self.at + 100, self.source.upto)]
        offsets = np.arange(self.at, self.at + len(part), dtype=np.int64)
        self.at += len(part)
        return [(MARKET, (MARKET, RawBatch(offsets, part)))]

    def snapshot(self) -> int:
        return self.at


@pytest.fixture
def signals() -> Any:
    """Handlers as they were before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def failing(error: Exception) -> Dataflow:
    def fail(_item: int) -> int:
        raise error

    flow = Dataflow("failing")
    op.output("out", op.map("step", op.input("in", flow, TestingSource([1])), fail), TestingSink([]))
    return flow


def test_an_error_of_ours_comes_out_as_it_was_raised() -> None:
    error = StateError("expected version 2, was 1")
    with pytest.raises(StateError) as found:
        run_flow(failing(error), epoch_s=1.0)
    assert found.value is error


def test_any_other_error_comes_with_the_account_of_where() -> None:
    with pytest.raises(BytewaxRuntimeError) as found:
        run_flow(failing(ZeroDivisionError("nothing")), epoch_s=1.0)
    causes = []
    cause: BaseException | None = found.value
    while cause is not None:
        causes.append(type(cause))
        cause = cause.__cause__
    assert ZeroDivisionError in causes


class Lossy:
    """Takes this many facts, then none."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.taken: list[Outgoing] = []

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        if len(self.taken) == self.takes:
            raise DeliveryError(f"{topic}: timed out")
        self.taken.append(Outgoing(topic, key, value))

    def flush(self, timeout: float) -> None:
        pass


def test_a_fact_that_cannot_be_delivered_ends_the_flow_in_one_line_and_is_repeated(
    tmp_path: Path, signals: None, capfd: pytest.CaptureFixture[str]
) -> None:
    log = market_log(60)
    settings = load_settings()
    expected = run(lambda: [make(settings.markets[MARKET].desk) for make in operators()], log).facts

    def go(takes: int) -> list[Outgoing]:
        sender = Lossy(takes)
        flow = build(settings, Endless(log, stop_on_signals(), len(log)), KafkaFacts(sender))
        try:
            run_flow(flow, epoch_s=0.0, recovery=recovery_folder(tmp_path / "recovery"))
        finally:
            first.extend(sender.taken)
        return sender.taken

    first: list[Outgoing] = []
    with pytest.raises(DeliveryError, match=r": timed out; .*`ember broker status`"):
        go(len(expected) // 2)
    print("still heard", file=sys.stderr)
    assert capfd.readouterr().err == "still heard\n"
    taken = go(len(expected))
    assert taken == expected[-len(taken) :]
    assert list(dict.fromkeys(first)) == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_set_the_flag(number: signal.Signals, signals: None) -> None:
    stop = stop_on_signals()
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    assert stop.wait(5)


def test_a_stopped_flow_goes_on_where_it_stopped(tmp_path: Path, signals: None) -> None:
    log = market_log(60)
    settings = load_settings()
    expected = run(lambda: [make(settings.markets[MARKET].desk) for make in operators()], log).facts
    taken: list[Outgoing] = []
    for upto in (len(log) // 2, len(log)):
        stop = stop_on_signals()
        collected = Collected(keep=frozenset(TOPICS))
        flow = build(settings, Endless(log, stop, upto), CollectFacts(collected))
        run_flow(flow, epoch_s=60.0, recovery=recovery_folder(tmp_path / "recovery"))
        taken += collected.kept
        assert collected.ticks > 0
    assert taken == expected


def test_a_state_of_another_version_stops_the_flow_with_the_way_out(
    tmp_path: Path, signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = market_log(20)
    folder = tmp_path / "recovery"

    def go(upto: int, *, rebuild: bool = False) -> int:
        collected = Collected()
        flow = build(load_settings(), Endless(log, stop_on_signals(), upto), CollectFacts(collected))
        run_flow(flow, epoch_s=60.0, recovery=recovery_folder(folder, rebuild=rebuild))
        return collected.ticks

    first = go(200)
    monkeypatch.setattr(FrameState, "VERSION", 99)
    with pytest.raises(StateError, match=r"expected FrameState version 99, was FrameState version 1; .*--rebuild"):
        go(300)
    assert go(300, rebuild=True) > first


class Parts(FixedPartitionedSource[int, int]):
    """A source of these parts, each at its end."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def list_parts(self) -> list[str]:
        return self.names

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Ended:
        return Ended()


class Ended(StatefulSourcePartition[int, int]):
    def next_batch(self) -> list[int]:
        raise StopIteration

    def snapshot(self) -> int:
        return 1


def test_a_market_that_was_taken_away_is_named_with_the_way_out(tmp_path: Path) -> None:
    def go(*names: str) -> None:
        flow = Dataflow("parts")
        op.output("out", op.input("in", flow, Parts(list(names))), TestingSink([]))
        run_flow(flow, epoch_s=60.0, recovery=recovery_folder(tmp_path / "recovery"))

    go("a.spot", "b.spot")
    with pytest.raises(StateError, match=r"it has b\.spot, which the settings do not have: .*--rebuild"):
        go("a.spot")
    go("a.spot", "b.spot", "c.spot")


def test_a_rebuild_forgets_and_a_start_keeps(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "recovery"
    recovery_folder(folder)
    parts = sorted(path.name for path in folder.iterdir())
    assert parts
    (folder / "mark").write_text("here")
    recovery_folder(folder)
    assert (folder / "mark").exists()
    recovery_folder(folder, rebuild=True)
    assert sorted(path.name for path in folder.iterdir()) == parts
    recovery_folder(tmp_path / "never", rebuild=True)
    assert (tmp_path / "never").is_dir()
