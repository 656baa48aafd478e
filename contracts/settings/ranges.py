"""Ranges of numbers that settings share. A bound refuses what would break a step, overflow or mean nothing; it says nothing of taste.

They act when a file is read, not when tests make settings by hand (msgspec), and change neither values nor hash.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Meta

TEN_YEARS_S: Final = 320_000_000
"""The longest time: as nanoseconds beside a present time it stays far within 64 bits."""

Seconds: TypeAlias = Annotated[float, Meta(ge=0.0, le=TEN_YEARS_S)]
PositiveSeconds: TypeAlias = Annotated[float, Meta(gt=0.0, le=TEN_YEARS_S)]
WholeSeconds: TypeAlias = Annotated[int, Meta(ge=0, le=TEN_YEARS_S)]
PositiveWholeSeconds: TypeAlias = Annotated[int, Meta(ge=1, le=TEN_YEARS_S)]
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=1000 * TEN_YEARS_S)]
Hours: TypeAlias = Annotated[float, Meta(gt=0.0, le=87_600.0)]
Days: TypeAlias = Annotated[float, Meta(gt=0.0, le=3650.0)]
BackoffSteps: TypeAlias = Annotated[tuple[PositiveSeconds, ...], Meta(min_length=1)]

Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)]
PositiveCount: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Coins: TypeAlias = Annotated[int, Meta(ge=1, le=10_000)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]

Share: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
PositiveShare: TypeAlias = Annotated[float, Meta(gt=0.0, le=1.0)]
Change: TypeAlias = Annotated[float, Meta(ge=-1.0, le=10.0)]  # of a price, as a fraction
Move: TypeAlias = Annotated[float, Meta(gt=0.0, le=1000.0)]
"""A change of price as a fraction; 1000 is a thousandfold."""
AnyMove: TypeAlias = Annotated[float, Meta(ge=0.0, le=1000.0)]
Score: TypeAlias = Annotated[float, Meta(ge=0.0, le=100.0)]
Factor: TypeAlias = Annotated[float, Meta(ge=0.0, le=1000.0)]
PositiveFactor: TypeAlias = Annotated[float, Meta(gt=0.0, le=1000.0)]
Bps: TypeAlias = Annotated[float, Meta(ge=0.0, le=1000.0)]
"""A cost in basis points: up to a tenth of the price, so that no fill is below zero."""
Quote: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e15)]
"""Quote currency."""
PositiveQuote: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e15)]


def check_time_zone(field: str, name: str) -> None:
    """Raises ValueError for a name that the time zone database does not have."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as e:  # not found is a KeyError, a folder of the database an OSError
        raise ValueError(f"`{field}`: expected a time zone such as Asia/Shanghai, was {name!r}") from e
