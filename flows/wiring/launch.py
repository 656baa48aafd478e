"""Start a flow so that it can be stopped in order.

Bytewax ends at once on SIGTERM and aborts on SIGINT, both without a last snapshot. Here both set a flag; the source then ends the
stream, the last snapshot is written, and nothing is sent twice at the next start.
"""

from __future__ import annotations

import gc
import re
import shutil
import signal
import threading
from datetime import timedelta
from pathlib import Path
from types import FrameType

import structlog
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from contracts.errors import EmberlineError, StateError

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


def run_flow(flow: Dataflow, *, epoch_s: float, recovery: RecoveryConfig | None = None) -> None:
    """Run until the source ends. An error of ours that a step raised comes out as it was raised, any other with Bytewax's account of it.

    Raises StateError where the recovery store knows a part of the source that is no more.
    """
    gc.collect()
    gc.freeze()  # what lives from here on to the end need not be looked at by every collection
    try:
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
        gc.unfreeze()
