"""Binance's time stamps: milliseconds, or microseconds where `timeUnit=MICROSECOND` was asked for."""

from __future__ import annotations

from typing import Annotated

import msgspec

EARLIEST_MS = 1_262_304_000_000  # 2010-01-01: no exchange of today has an older event
LATEST_MS = 4_102_444_800_000  # 2100-01-01
MICROSECONDS_FROM = EARLIEST_MS * 1000

Stamp = Annotated[int, msgspec.Meta(ge=EARLIEST_MS, le=LATEST_MS * 1000)]
"""Milliseconds or microseconds since 1970. The two ranges do not touch; `nanos` tells them apart."""


def plausible(stamp: int) -> bool:
    """Whether this is a time between 2010 and 2100 in either unit."""
    return EARLIEST_MS <= stamp <= LATEST_MS or MICROSECONDS_FROM <= stamp <= LATEST_MS * 1000


def nanos(stamp: int) -> int:
    """Unix nanoseconds of a stamp in milliseconds or microseconds.

    >>> nanos(1_700_000_000_000), nanos(1_700_000_000_000_000)
    (1700000000000000000, 1700000000000000000)
    """
    return stamp * 1_000_000 if stamp < MICROSECONDS_FROM else stamp * 1000
