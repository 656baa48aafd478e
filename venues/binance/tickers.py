"""The whole-market ticker stream: one array per second, read at once where it is clean, row by row where it is not.

A bad row never costs its neighbours anything. What cannot be read is dropped and handed on as dirt with its reason;
an event time that is missing or impossible is replaced by the receive time. Rows of other quote assets are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

from venues.binance.endpoints import streamable
from venues.binance.times import LATEST_MS, MICROSECONDS_FROM, Stamp, nanos, plausible

Row: TypeAlias = tuple[str, int, float, float, float, float, float, float]
Price = Annotated[float, msgspec.Meta(gt=0.0, le=1e24)]  # an upper bound refuses infinity, a lower one NaN
Amount = Annotated[float, msgspec.Meta(ge=0.0, le=1e24)]

NUMBER = re.compile(r"-?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)
FIELDS = (("c", "close"), ("o", "open"), ("h", "high"), ("l", "low"), ("v", "base volume"), ("q", "quote volume"))
REMEMBERED_SYMBOLS = 20_000
MAX_DIRT = 65_536


class Dirt(NamedTuple):
    """What was unreadable: why, and the bytes (at most 64 KiB of them)."""

    reason: str
    raw: bytes


class TickerReading(NamedTuple):
    """Rows of a `Tickers` event and the fate of every row that came in: read = len(rows) + dropped + filtered.

    `repaired` counts rows among those kept; `newest` is the greatest event time of the rows kept, 0 if none.
    """

    rows: list[Row]
    read: int
    dropped: int
    repaired: int
    filtered: int
    newest: int
    dirt: Dirt | None


class _Ticker(msgspec.Struct, gc=False):
    E: Stamp
    s: str
    c: Price
    o: Amount
    h: Amount
    l: Amount
    v: Amount
    q: Amount


_decode_rows = msgspec.json.Decoder(list[_Ticker], strict=False).decode


class TickerReader:
    """Read ticker arrays. `keeps(symbol)` says which symbols belong to the market's universe.

    Its answers are remembered until `forget`, so a row costs one lookup.
    """

    def __init__(self, keeps: Callable[[str], bool]) -> None:
        self._keeps = keeps
        self._known: dict[str, bool] = {}

    def forget(self) -> None:
        """Ask `keeps` anew for every symbol: the table of instruments changed."""
        self._known.clear()

    def read(self, payload: msgspec.Raw | bytes, ts_recv: int) -> TickerReading:
        """Read the array of one frame; never raises."""
        try:
            tickers = _decode_rows(payload)
        except (ValueError, RecursionError):
            return self.read_dirty(bytes(payload), ts_recv)
        if not tickers:
            return TickerReading([], 0, 0, 0, 0, 0, None)
        stamps = [t.E for t in tickers]
        oldest, newest = min(stamps), max(stamps)
        if newest <= LATEST_MS:
            unit = 1_000_000
        elif oldest >= MICROSECONDS_FROM:
            unit = 1000
        else:
            return self.read_dirty(bytes(payload), ts_recv)
        known = self._known
        rows = []
        for t in tickers:
            kept = known.get(t.s)
            if kept is None:
                if not streamable(t.s):
                    return self.read_dirty(bytes(payload), ts_recv)
                kept = self._learn(t.s)
            if kept:
                rows.append((t.s, t.E * unit, t.c, t.o, t.h, t.l, t.v, t.q))
        return TickerReading(rows, len(tickers), 0, 0, len(tickers) - len(rows), newest * unit if rows else 0, None)

    def read_dirty(self, payload: bytes, ts_recv: int) -> TickerReading:
        """Read an array of which something is wrong, row by row."""
        try:
            items = json.loads(payload)  # unlike msgspec it reads bare NaN and Infinity, so the other rows are not lost
        except (ValueError, RecursionError) as e:
            return _unreadable(f"no JSON: {_brief(e)}", payload)
        return self.read_items(items, payload, ts_recv)

    def read_items(self, items: Any, payload: bytes, ts_recv: int) -> TickerReading:
        """Read decoded JSON of any shape. `payload` are the bytes it came from."""
        if not isinstance(items, list):
            return _unreadable(f"payload is no list but {_kind(items)}", payload)
        rows: list[Row] = []
        dirty: list[Any] = []
        reasons: Counter[str] = Counter()
        dropped = repaired = filtered = 0
        for item in items:
            row, reason = _repair(item, ts_recv)
            if row is None:
                dropped += 1
            elif not self._belongs(row[0]):
                filtered += 1
                continue
            else:
                rows.append(row)
                repaired += bool(reason)
            if reason:
                dirty.append(item)
                reasons[reason] += 1
        newest = max((row[1] for row in rows), default=0)
        dirt = None
        if reasons:
            said = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(8))
            dirt = Dirt(f"rows: {said}", _as_bytes(dirty))
        return TickerReading(rows, len(items), dropped, repaired, filtered, newest, dirt)

    def _belongs(self, symbol: str) -> bool:
        kept = self._known.get(symbol)
        return self._learn(symbol) if kept is None else kept

    def _learn(self, symbol: str) -> bool:
        if len(self._known) >= REMEMBERED_SYMBOLS:  # a venue has a few thousand: more is noise that must not grow
            self._known.clear()
        kept = self._known[symbol] = self._keeps(symbol)
        return kept


def _repair(item: Any, ts_recv: int) -> tuple[Row | None, str]:
    if not isinstance(item, dict):
        return None, f"item is no object but {_kind(item)}"
    symbol = item.get("s")
    if not isinstance(symbol, str) or not streamable(symbol):
        return None, "symbol missing or bad"
    numbers: list[float] = []
    for key, name in FIELDS:
        value = number(item.get(key))
        if value is None:
            return None, f"{name} is no finite number"
        if value < 0.0:
            return None, f"{name} is negative"
        if value > 1e24:
            return None, f"{name} is too large"
        numbers.append(value)
    c, o, h, l, v, q = numbers
    if c == 0.0:
        return None, "close is zero"
    stamp = number(item.get("E"))
    if stamp is None or not plausible(int(stamp)):
        return (symbol, ts_recv, c, o, h, l, v, q), "event time missing or bad, replaced by the receive time"
    return (symbol, nanos(int(stamp)), c, o, h, l, v, q), ""


def number(value: Any) -> float | None:
    """A finite number from JSON's number or string; None for anything else, booleans included.

    >>> number("0.5"), number(2), number("nan"), number(True), number("1_0")
    (0.5, 2.0, None, None, None)
    """
    if isinstance(value, str):
        if NUMBER.fullmatch(value) is None:
            return None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def _unreadable(reason: str, payload: bytes) -> TickerReading:
    return TickerReading([], 0, 0, 0, 0, 0, Dirt(reason, payload[:MAX_DIRT]))


def _as_bytes(items: list[Any]) -> bytes:
    try:
        return json.dumps(items).encode()[:MAX_DIRT]
    except (ValueError, RecursionError):
        return b""


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _brief(error: BaseException) -> str:
    return str(error)[:160]
