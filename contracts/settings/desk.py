"""Settings of the desk's first steps: cut, frame, freshness."""

from __future__ import annotations

import msgspec


class FrameSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How ticks become 1 s frames and bars."""

    lateness_ms: int = 200  # a second closes when the watermark is this far past its end (< 1000): streams differ by so much
    max_ahead_s: float = 60.0  # an event time further ahead of the skew-corrected receive clock is not believed
    max_gap_s: int = 300  # a longer silence closes no empty frames; every symbol warms up again
    skew_window_s: float = 30.0  # clock skew is the least (receive - event) of the last one to two windows
    heartbeat_grace_ms: int = 1500  # in silence the watermark follows the receive clock this far behind
    trade_source_s: int = 60  # ticker volume is ignored for a symbol that traded on its trade stream this recently


class FreshnessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old data may be, per stream, in receive time."""

    ticker_stale_ms: int = 90_000
    ticker_lost_ms: int = 300_000
    quote_stale_ms: int = 60_000  # quotes come on change only; a quiet book is not a stale one
    trade_stale_ms: int = 60_000
    symbol_stale_ms: int = 30_000  # a coin without any price this long is not opened


class StatusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the desk tells of itself."""

    every_s: int = 2  # engine state and account
    marks_every_s: int = 5  # open positions at their marks; each change of a position is told at once


class FocusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which coins are streamed in detail (trades and quotes) and shown with forming bars."""

    detail_symbols: int = 40
    watch_every_s: int = 5  # the list is looked at this often; must divide 60
    watch_keep_s: int = 120  # a coin stays this long after it was last wanted, so that streams do not flap
