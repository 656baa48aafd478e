"""Live parts of pages: drawn again each second, calm where there is nothing to read yet."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import streamlit as st

from cockpit import panel
from cockpit.context import settings
from cockpit.queries import ReadModelMissing
from cockpit.strings import word


def live(draw: Callable[[], None]) -> Callable[[], None]:
    """Make a page's live part of `draw`: a top-level fragment at the cockpit's refresh rate."""
    return every(settings().cockpit.refresh_s)(draw)


def every(seconds: float) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Make a live part that is drawn again every `seconds`: for what is looked at calmly."""

    def paced(draw: Callable[[], None]) -> Callable[[], None]:
        @wraps(draw)
        def guarded() -> None:
            try:
                draw()
            except ReadModelMissing:
                panel.draw(f"missing_{draw.__name__}", [panel.notice(word("no_data"), word("start_desk"))])

        return st.fragment(run_every=seconds)(guarded)

    return paced
