"""Candles of every symbol: a ring of seconds, a window of minutes, and the hours before them."""

from __future__ import annotations

import numpy as np

from venues.simulated.universe import Ints

# One candle is a row of these columns: open, high, low, close in ticks; volume and taker-buy volume in lots;
# quote volume and taker-buy quote volume in ticks x lots; number of trades; id of the first trade.
OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE, COUNT, BUY_VOLUME, BUY_QUOTE, FIRST_ID = range(10)
COLUMNS = 10

INTERVALS_MS: dict[str, int] = {
    "1s": 1_000, "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000,
    "2h": 7_200_000, "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": 86_400_000,
    "3d": 259_200_000, "1w": 604_800_000, "1M": 2_592_000_000,
}  # fmt: skip
_MONDAY_MS = 4 * 86_400_000  # 1970-01-05


def open_time(time_ms: int, interval: str) -> int:
    """Return the opening of the candle that holds `time_ms`; weeks open on Mondays, months on the first.

    >>> open_time(1_700_000_000_000, "1h")
    1699999200000
    """
    if interval == "1M":
        month = np.datetime64(time_ms, "ms").astype("datetime64[M]")
        return int(month.astype("datetime64[ms]").astype(np.int64))
    step = INTERVALS_MS[interval]
    shift = _MONDAY_MS if interval == "1w" else 0
    return (time_ms - shift) // step * step + shift


def close_time(open_ms: int, interval: str) -> int:
    """Return the last millisecond of the candle that opens at `open_ms`."""
    if interval == "1M":
        month = np.datetime64(open_ms, "ms").astype("datetime64[M]") + np.timedelta64(1, "M")
        return int(month.astype("datetime64[ms]").astype(np.int64)) - 1
    return open_ms + INTERVALS_MS[interval] - 1


class BarWindow:
    """Bars of equal length of all symbols, oldest first, at most `capacity` of them.

    A bar is (COLUMNS, S) int64. Absent bars (a symbol not yet born) have COUNT -1.
    """

    def __init__(self, step_s: int, capacity: int, symbols: int) -> None:
        self.step_s = step_s
        # The spare part keeps appending cheap: rows move once every `capacity / 4` bars.
        self._bars = np.zeros((capacity + max(64, capacity // 4), COLUMNS, symbols), dtype=np.int64)
        self._capacity = capacity
        self._begin = 0
        self._end = 0
        self.first_s = 0  # opening of the oldest bar

    def __len__(self) -> int:
        return self._end - self._begin

    @property
    def bars(self) -> Ints:
        """All bars as a view, (B, COLUMNS, S)."""
        return self._bars[self._begin : self._end]

    def append(self, open_s: int, bar: Ints) -> None:
        """Add the bar that opened at `open_s`; bars follow each other without a gap."""
        if self._end == len(self._bars):
            keep = self._bars[self._end - self._capacity + 1 : self._end].copy()
            self._bars[: len(keep)] = keep
            self._begin, self._end = 0, len(keep)
        if self._end == self._begin:
            self.first_s = open_s
        self._bars[self._end] = bar
        self._end += 1
        if len(self) > self._capacity:
            self._begin = self._end - self._capacity
        self.first_s = open_s - self.step_s * (len(self) - 1)

    def replace(self, open_s: int, bars: Ints) -> None:
        """Hold exactly `bars` (B, COLUMNS, S), the first of which opened at `open_s`; B is at most the capacity."""
        self._bars[: len(bars)] = bars
        self._begin, self._end, self.first_s = 0, len(bars), open_s

    def column(self, row: int, first_s: int, last_s: int) -> tuple[int, Ints]:
        """Return one symbol's bars (B, COLUMNS) that open within first_s..last_s, and the first one's opening."""
        low = max(0, -(-(first_s - self.first_s) // self.step_s))
        high = min(len(self), (last_s - self.first_s) // self.step_s + 1)
        return self.first_s + low * self.step_s, self.bars[low : max(low, high), :, row]


def merge(openings: list[int], bars: Ints, interval: str) -> list[tuple[int, Ints]]:
    """Join bars (B, COLUMNS), which opened at `openings` (ms), into candles of `interval`, oldest first."""
    joined: list[tuple[int, Ints]] = []
    start = 0
    keys = [open_time(opening, interval) for opening in openings]
    for i in range(1, len(keys) + 1 if keys else 0):
        if i < len(keys) and keys[i] == keys[start]:
            continue
        part = bars[start:i]
        candle = part.sum(axis=0)
        traded = part[part[:, COUNT] > 0]
        # The exchange takes open, high and low from traded bars only where there are any.
        prices = traded if len(traded) else part
        candle[OPEN], candle[CLOSE] = prices[0, OPEN], part[-1, CLOSE]
        candle[HIGH], candle[LOW] = prices[:, HIGH].max(), prices[:, LOW].min()
        candle[FIRST_ID] = traded[0, FIRST_ID] if len(traded) else -1
        joined.append((keys[start], candle))
        start = i
    return joined


def to_hours(minutes: Ints) -> Ints:
    """Join minutes (60 H, COLUMNS, S) into hours (H, COLUMNS, S)."""
    split = minutes.reshape(-1, 60, COLUMNS, minutes.shape[2])
    hours: Ints = split.sum(axis=1)
    traded = split[:, :, COUNT] > 0
    first = traded.argmax(axis=1)[:, None]
    hours[:, OPEN] = np.take_along_axis(split[:, :, OPEN], first, axis=1)[:, 0]
    hours[:, FIRST_ID] = np.take_along_axis(split[:, :, FIRST_ID], first, axis=1)[:, 0]
    hours[:, CLOSE] = split[:, -1, CLOSE]
    any_traded = traded.any(axis=1)
    high = np.where(traded, split[:, :, HIGH], 0).max(axis=1)
    low = np.where(traded, split[:, :, LOW], np.iinfo(np.int64).max).min(axis=1)
    hours[:, HIGH] = np.where(any_traded, high, hours[:, CLOSE])
    hours[:, LOW] = np.where(any_traded, low, hours[:, CLOSE])
    return hours
