"""Python's search for reference cycles, while a flow runs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

THRESHOLDS = (100_000, 20, 20)
"""A replay's slice holds some fifty thousand lists of its facts; all are freed by their counts, none by looking for cycles."""


@contextlib.contextmanager
def calm_collector() -> Iterator[None]:
    """Look for cycles seldom, and never among what was there before: that lives to the end."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
