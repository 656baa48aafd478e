"""Start a flow so that it can be stopped in order.

Bytewax ends at once on SIGTERM and aborts on SIGINT, both without a last snapshot. Here both set a flag; the source then ends the
stream, the last snapshot is written, and nothing is sent twice at the next start. What goes wrong inside `stopping` ends the flow without a
snapshot and comes out of `run_flow` as it was raised.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType

import structlog
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from contracts.errors import EmberlineError, StateError
from flows.wiring.collector import calm_collector

log = structlog.get_logger("flow")


def stop_on_signals() -> threading.Event:
    """A flag that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def recovery_folder(folder: Path, *, rebuild: bool = False) -> RecoveryConfig:
    """The recovery store in this folder, made if absent; `rebuild` begins it anew, so that state comes from the log again."""
    if rebuild and folder.exists():
        shutil.rmtree(folder)
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        init_db_dir(folder, 1)  # type: ignore[no-untyped-call]
    return RecoveryConfig(str(folder))  # type: ignore[no-untyped-call]


class _Stderr:
    """Where file descriptor 2 led while it leads nowhere: Bytewax prints a Rust panic of forty lines for every exception."""

    def __init__(self) -> None:
        self.watched = False
        self._kept: int | None = None

    def shut(self) -> None:
        if self.watched and self._kept is None:
            sys.stderr.flush()
            self._kept = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)

    def open(self) -> None:
        self.watched = False
        if self._kept is not None:
            os.dup2(self._kept, 2)
            os.close(self._kept)
            self._kept = None


_stderr = _Stderr()


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Around what a source, a step or a sink does: an error of ours is told once, by who ran the flow, without Bytewax's account of it."""
    try:
        yield
    except EmberlineError:
        _stderr.shut()
        raise


def run_flow(flow: Dataflow, *, epoch_s: float, recovery: RecoveryConfig | None = None) -> None:
    """Run until the source ends. An error of ours comes out as it was raised (see `stopping`), any other with Bytewax's account of it.

    Raises StateError where the recovery store knows a part of the source that is no more.
    """
    _stderr.watched = True
    try:
        with calm_collector():
            cli_main(flow, epoch_interval=timedelta(seconds=epoch_s), recovery_config=recovery)  # type: ignore[no-untyped-call]
    except RuntimeError as e:  # BytewaxRuntimeError is one
        cause: BaseException | None = e
        while cause is not None and not isinstance(cause, EmberlineError):
            cause = cause.__cause__
        if cause is not None:
            raise cause from e
        gone = re.search(r'Key StateKey\("(.+?)"\) is not in this worker', str(e))
        if gone is not None:
            raise StateError(
                f"stored state: it has {gone[1]}, which the settings do not have: put it back, "
                "or compute the state from the log again with `ember run desk --rebuild`"
            ) from e
        raise
    finally:
        _stderr.open()
