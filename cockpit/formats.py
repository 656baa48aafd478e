"""Numbers and times as short text: as many digits as are read, the same number of them in a column, a true minus sign.

Every function takes None (or NaN) and gives a dash, so that a missing value never looks like a zero.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from math import floor, isfinite, log10
from zoneinfo import ZoneInfo

DASH = "–"
MINUS = "−"
NANOS = 1_000_000_000


def price(value: float | None) -> str:
    """A price with its usual digits: two decimals from 100 up, four significant digits below 1.

    >>> price(64123.456), price(3.14159), price(0.0000123456)
    ('64,123.46', '3.1416', '0.00001235')
    """
    if value is None or not isfinite(value):
        return DASH
    return _signed(f"{abs(value):,.{price_decimals(value)}f}", value < 0)


def price_decimals(value: float) -> int:
    """Decimals that `price` writes for a value of this size."""
    size = abs(value)
    if size >= 100 or size == 0:
        return 2
    if size >= 10:
        return 3
    if size >= 1:
        return 4
    return min(3 - floor(log10(size)), 12)


def percent(fraction: float | None, decimals: int = 2) -> str:
    """A signed fraction as percent.

    >>> percent(0.0123), percent(-0.5), percent(12.3)
    ('+1.23%', '−50.00%', '+1230%')
    """
    if fraction is None or not isfinite(fraction):
        return DASH
    value = fraction * 100.0
    text = f"{abs(value):.0f}" if abs(value) >= 1000 else f"{abs(value):.{decimals}f}"
    return f"{_sign(value, text)}{text}%"


def share(fraction: float | None) -> str:
    """A fraction of a whole as percent, without a sign: a probability, a drawdown.

    >>> share(0.734)
    '73%'
    """
    return DASH if fraction is None or not isfinite(fraction) else f"{fraction * 100.0:.0f}%"


def money(value: float | None, *, sign: bool = False) -> str:
    """An amount of the quote currency, two decimals; with `sign` a plus is written too.

    >>> money(10023.4), money(-3.1), money(12.0, sign=True)
    ('10,023.40', '−3.10', '+12.00')
    """
    if value is None or not isfinite(value):
        return DASH
    text = f"{abs(value):,.2f}"
    return f"{_sign(value, text)}{text}" if sign else _signed(text, value < 0)


def compact(value: float | None) -> str:
    """A large amount with three digits and a unit.

    >>> compact(1234567), compact(987.6), compact(45_300)
    ('1.23M', '988', '45.3k')
    """
    if value is None or not isfinite(value):
        return DASH
    size = abs(value)
    for unit, scale in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= scale * 0.9995:
            scaled = size / scale
            decimals = 2 if scaled < 10 else 1 if scaled < 100 else 0
            return _signed(f"{scaled:.{decimals}f}{unit}", value < 0)
    return _signed(f"{size:.0f}", value < 0)


def figure(value: float | None) -> str:
    """A number of unknown size with three or four digits.

    >>> figure(48213.0), figure(0.012345), figure(9.4)
    ('48.2k', '0.01235', '9.4')
    """
    if value is None or not isfinite(value):
        return DASH
    if abs(value) >= 1000:
        return compact(value)
    return _signed(f"{abs(value):.4g}", value < 0)


def quantity(value: float | None) -> str:
    """A quantity of coins, five significant digits, no trailing zeros.

    >>> quantity(1234.5678), quantity(0.00123456), quantity(2.0)
    ('1,234.6', '0.0012346', '2')
    """
    if value is None or not isfinite(value):
        return DASH
    size = abs(value)
    decimals = 0 if size == 0 else max(0, min(8, 4 - floor(log10(size))))
    text = f"{size:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return _signed(text, value < 0)


def number(value: float | None, decimals: int = 1, *, sign: bool = False) -> str:
    """A plain number with fixed decimals."""
    if value is None or not isfinite(value):
        return DASH
    text = f"{abs(value):,.{decimals}f}"
    return f"{_sign(value, text)}{text}" if sign else _signed(text, value < 0)


def duration(seconds: float | None) -> str:
    """A length of time in its largest sensible unit.

    >>> duration(0.42), duration(42), duration(420), duration(7300)
    ('0.4 s', '42 s', '7 min', '2.0 h')
    """
    if seconds is None or not isfinite(seconds):
        return DASH
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 7170:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_000:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} d"


def clock(ts: int | None, zone: str) -> str:
    """Time of day in `zone`; `ts` in Unix nanoseconds.

    >>> clock(1_700_000_000_000_000_000, "Asia/Shanghai")
    '06:13:20'
    """
    return DASH if ts is None else _at(ts, zone).strftime("%H:%M:%S")


def day_clock(ts: int | None, zone: str) -> str:
    """Day and minute in `zone`: for rows that may be older than a day.

    >>> day_clock(1_700_000_000_000_000_000, "Asia/Shanghai")
    '11-15 06:13'
    """
    return DASH if ts is None else _at(ts, zone).strftime("%m-%d %H:%M")


def utc(ts: int | None) -> str:
    """The same instant in UTC, in full: for tooltips.

    >>> utc(1_700_000_000_123_000_000)
    '2023-11-14 22:13:20.123 UTC'
    """
    if ts is None:
        return ""
    at = datetime.fromtimestamp(ts // NANOS, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts // 1_000_000 % 1000:03d} UTC"


def zone_offset_s(ts: int, zone: str) -> int:
    """Seconds that local time is ahead of UTC at `ts`: charts know no time zones and are shifted by it."""
    offset = _at(ts, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _at(ts: int, zone: str) -> datetime:
    return datetime.fromtimestamp(ts // NANOS, UTC).astimezone(_zone(zone))


def _signed(text: str, negative: bool) -> str:
    return f"{MINUS}{text}" if negative and text.strip("0.,") else text


def _sign(value: float, text: str) -> str:
    if not text.strip("0.,"):
        return ""
    return MINUS if value < 0 else "+"
