"""How long a refusal tells us to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0  # whatever a server says: a feed that is asked once a day costs nobody anything


def told_wait_s(headers: Mapping[str, str], longest_s: float = LONGEST_S) -> float:
    """Seconds of `Retry-After`, 0..longest_s: a whole number of them, or an HTTP date (RFC 9110, 10.2.3); 0 for others.

    A date counts from the answer's own `Date`, so that this machine's clock does not matter; without one, from now.

    >>> told_wait_s({"Retry-After": "120"}), told_wait_s({"Retry-After": "soon"}), told_wait_s({})
    (120.0, 0.0, 0.0)
    """
    told = headers.get("Retry-After", "").strip()
    if told.isdecimal():  # not isdigit, which takes "²" for a digit and float does not
        return min(float(told), longest_s)
    until = _date(told)
    if until is None:
        return 0.0
    since = _date(headers.get("Date", "")) or datetime.now(UTC)
    return min(max((until - since).total_seconds(), 0.0), longest_s)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
