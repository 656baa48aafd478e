"""Settings of the desk's first steps: cut, frame, freshness."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.settings.ranges import Milliseconds, PositiveSeconds, PositiveWholeSeconds, WholeSeconds


class FrameSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How ticks become 1 s frames and bars."""

    # A second closes when the watermark is this far past its end: streams differ by so much. No more than two are open at once.
    lateness_ms: Annotated[int, Meta(ge=0, lt=1000)] = 200
    max_ahead_s: PositiveSeconds = 60.0  # an event time further ahead of the skew-corrected receive clock is not believed
    max_gap_s: Annotated[int, Meta(ge=1, le=3600)] = 300  # a longer silence closes no empty frames; every symbol warms up again
    skew_window_s: PositiveSeconds = 30.0  # clock skew is the least (receive - event) of the last one to two windows
    heartbeat_grace_ms: Milliseconds = 1500  # in silence the watermark follows the receive clock this far behind
    trade_source_s: WholeSeconds = 60  # ticker volume is ignored for a symbol that traded on its trade stream this recently


class FreshnessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old data may be, per stream, in receive time."""

    ticker_stale_ms: Milliseconds = 90_000
    ticker_lost_ms: Milliseconds = 300_000
    quote_stale_ms: Milliseconds = 60_000  # quotes come on change only; a quiet book is not a stale one
    trade_stale_ms: Milliseconds = 60_000
    symbol_stale_ms: Milliseconds = 30_000  # a coin without any price this long is not opened


class StatusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the desk tells of itself."""

    every_s: PositiveWholeSeconds = 2  # engine state and account
    marks_every_s: PositiveWholeSeconds = 5  # open positions at their marks; each change of a position is told at once


class FocusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which coins are streamed in detail (trades and quotes) and shown with forming bars."""

    detail_symbols: Annotated[int, Meta(ge=0, le=10_000)] = 40
    watch_every_s: Literal[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] = 5  # the list is looked at this often
    watch_keep_s: WholeSeconds = 120  # a coin stays this long after it was last wanted, so that streams do not flap
