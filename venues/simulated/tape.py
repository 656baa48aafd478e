"""What has traded: last prices, candles, the statistics of 24 hours, and the newest trades."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from venues.simulated.bars import (
    BUY_QUOTE,
    BUY_VOLUME,
    CLOSE,
    COLUMNS,
    COUNT,
    FIRST_ID,
    HIGH,
    INTERVALS_MS,
    LOW,
    OPEN,
    QUOTE,
    VOLUME,
    BarWindow,
    close_time,
    merge,
    open_time,
    to_hours,
)
from venues.simulated.split import split_minute
from venues.simulated.universe import Ints, Universe

DAY_MINUTES = 1440
_SECONDS_KEPT = 1200


class PublicTrade(NamedTuple):
    """One trade as everybody sees it; price in ticks, lots, time in ms, maker: the buyer was the maker."""

    row: int
    id: int
    time_ms: int
    price: int
    lots: int
    maker: bool


@dataclass(frozen=True, slots=True, eq=False)
class DayStatistics:
    """The last 1,440 minutes, the running one included, per symbol (S,), in ticks, lots and ticks x lots."""

    open: Ints
    high: Ints
    low: Ints
    last: Ints
    volume: Ints
    quote: Ints
    count: Ints
    next_id: Ints
    last_lots: Ints
    previous_close: Ints


class Tape:
    """Take trades in and answer what has happened.

    minutes: (M, COLUMNS, S) up to the minute of `start_s`, beginning on a full hour; hours: (H, COLUMNS, S) before
    them.

    `apply` in time order, `close_second` after the last trade of each second; closing a minute's last second closes
    the minute. Tickers are sums of the same bars that klines return.
    """

    def __init__(self, universe: Universe, start_s: int, minutes: Ints, hours: Ints) -> None:
        size = universe.size
        self.universe = universe
        self.born_s = universe.born_s.copy()
        ids = np.rint(universe.trade_rate * 86_400 * 400).astype(np.int64)
        ids[universe.listed :] = 1
        self.next_id = _number(minutes, _number(hours, ids))
        self.last: Ints = minutes[-1, CLOSE].copy()
        self.last_lots: Ints = np.maximum(minutes[-1, VOLUME] // np.maximum(minutes[-1, COUNT], 1), 1)
        unborn = self.born_s > start_s
        self.last[unborn] = 0
        self.next_id[unborn] = 1
        self.minutes = BarWindow(60, max(DAY_MINUTES, len(minutes)) + 1, size)
        self.minutes.replace(start_s // 60 * 60 - 60 * len(minutes), minutes)
        whole = len(minutes) // 60
        hours = np.concatenate([hours, to_hours(minutes[: 60 * whole])])
        self.hours = BarWindow(3600, max(1, len(hours)), size)
        self.hours.replace(self.minutes.first_s + 3600 * (whole - len(hours)), hours)
        self.seconds = BarWindow(1, _SECONDS_KEPT, size)
        self.second_bar = self._fresh()
        self.minute_bar = self._fresh()
        self.minute_s = start_s // 60 * 60
        self.recent: list[deque[PublicTrade]] = [deque(maxlen=1000) for _ in range(size)]
        self._roll_day()

    def apply(self, second: int, row: Ints, ms: Ints, price: Ints, lots: Ints, maker: Ints) -> list[PublicTrade]:
        """Book the trades of one step of `second`, in time order; returns them with their ids."""
        if not len(row):
            return []
        order = np.argsort(row, kind="stable")
        sorted_row = row[order]
        starts = np.concatenate([[0], np.flatnonzero(np.diff(sorted_row)) + 1])
        rows, sizes = sorted_row[starts], np.diff(np.append(starts, len(row)))
        ids = np.empty(len(row), dtype=np.int64)
        ids[order] = np.repeat(self.next_id[rows] - starts, sizes) + np.arange(len(row))
        p, v, bought = price[order], lots[order], ~maker[order].astype(bool)
        q = p * v
        ends = starts + sizes - 1
        for bar in (self.second_bar, self.minute_bar):
            fresh = bar[COUNT, rows] == 0
            bar[FIRST_ID, rows] = np.where(fresh, self.next_id[rows], bar[FIRST_ID, rows])
            bar[OPEN, rows] = np.where(fresh, p[starts], bar[OPEN, rows])
            high, low = np.maximum.reduceat(p, starts), np.minimum.reduceat(p, starts)
            bar[HIGH, rows] = np.where(fresh, high, np.maximum(bar[HIGH, rows], high))
            bar[LOW, rows] = np.where(fresh, low, np.minimum(bar[LOW, rows], low))
            bar[CLOSE, rows] = p[ends]
            bar[VOLUME, rows] += np.add.reduceat(v, starts)
            bar[QUOTE, rows] += np.add.reduceat(q, starts)
            bar[COUNT, rows] += sizes
            bar[BUY_VOLUME, rows] += np.add.reduceat(v * bought, starts)
            bar[BUY_QUOTE, rows] += np.add.reduceat(q * bought, starts)
        self.last[rows], self.last_lots[rows] = p[ends], v[ends]
        self.next_id[rows] += sizes
        opened = second * 1000
        trades = [
            PublicTrade(r, i, opened + m, p, n, bool(k))
            for r, i, m, p, n, k in zip(
                row.tolist(), ids.tolist(), ms.tolist(), price.tolist(), lots.tolist(), maker.tolist(), strict=True
            )
        ]
        for trade in trades:
            self.recent[trade.row].append(trade)
        return trades

    def close_second(self, second: int) -> tuple[Ints, bool]:
        """Close `second`; returns the rows that traded in it, and whether a minute closed with it."""
        changed = np.flatnonzero(self.second_bar[COUNT] > 0)
        self.seconds.append(second, self.second_bar)
        self.second_bar = self._fresh()
        return changed, (second + 1) % 60 == 0

    def close_minute(self) -> None:
        """Close the running minute; called after its candles have been sent."""
        self.minutes.append(self.minute_s, self.minute_bar)
        self.minute_s += 60
        if self.minute_s % 3600 == 0:
            self.hours.append(self.minute_s - 3600, to_hours(self.minutes.bars[-60:])[0])
        self.minute_bar = self._fresh()
        self._roll_day()

    def day(self) -> DayStatistics:
        """Return the statistics of the last 1,440 minutes, the running one included."""
        bar, closed = self.minute_bar, self._closed
        traded = bar[COUNT] > 0
        high = np.where(traded, np.maximum(closed[HIGH], bar[HIGH]), closed[HIGH])
        low = np.where(traded, np.minimum(closed[LOW], bar[LOW]), closed[LOW])
        first = (closed[COUNT] == 0) & traded
        idle = (closed[COUNT] == 0) & ~traded
        return DayStatistics(
            open=np.where(first, bar[OPEN], np.where(idle, self.last, closed[OPEN])),
            high=np.where(first, bar[HIGH], np.where(idle, self.last, high)),
            low=np.where(first, bar[LOW], np.where(idle, self.last, low)),
            last=self.last,
            volume=closed[VOLUME] + bar[VOLUME],
            quote=closed[QUOTE] + bar[QUOTE],
            count=closed[COUNT] + bar[COUNT],
            next_id=self.next_id,
            last_lots=self.last_lots,
            previous_close=closed[CLOSE],
        )

    def average_price(self, row: int) -> float:
        """Return the volume-weighted price of the last five minutes in ticks, the last price where none traded."""
        bars = self.minutes.bars[-4:, :, row]
        volume = int(bars[:, VOLUME].sum() + self.minute_bar[VOLUME, row])
        if volume == 0:
            return float(self.last[row])
        return float(bars[:, QUOTE].sum() + self.minute_bar[QUOTE, row]) / volume

    def candles(
        self, row: int, interval: str, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int
    ) -> list[tuple[int, Ints]]:
        """Return at most `limit` candles as (opening in ms, columns): the first from `start_ms`, else the last ones."""
        end = min(now_ms, end_ms if end_ms is not None else now_ms)
        step = 1.04 * INTERVALS_MS[interval] if interval == "1M" else INTERVALS_MS[interval]
        born_ms = int(self.born_s[row]) * 1000
        if born_ms > end:
            return []
        long = INTERVALS_MS[interval] >= 3_600_000 and len(self.hours)
        oldest_ms = max(born_ms, 1000 * (self.hours.first_s if long else self.minutes.first_s))
        if start_ms is None:
            first = max(open_time(int(end - (limit - 1) * step), interval), open_time(oldest_ms, interval))
        else:
            # The limit counts candles that exist: a start before the first one loses none of them.
            first = close_time(open_time(start_ms - 1, interval), interval) + 1
            first = max(first, open_time(oldest_ms, interval))
            end = min(end, int(first + limit * step))
        if first > end:
            return []
        joined = merge(*self._source(row, interval, first // 1000, end // 1000, born_ms), interval)
        return joined[:limit] if start_ms is not None else joined[-limit:]

    def candle(self, row: int, interval: str, now_ms: int) -> tuple[int, Ints]:
        """Return the running candle of `interval` at `now_ms`, its opening in ms first."""
        opening = open_time(now_ms, interval)
        candles = self.candles(row, interval, None, now_ms, 1, now_ms)
        return candles[-1] if candles else (opening, self.minute_bar[:, row])

    def _source(self, row: int, interval: str, first_s: int, last_s: int, born_ms: int) -> tuple[list[int], Ints]:
        """Return the longest bars that `interval` can be made of, with their openings in ms."""
        parts: list[tuple[int, int, Ints]] = []
        if interval == "1s":
            kept_from = self.seconds.first_s if len(self.seconds) else last_s + 1
            if first_s < kept_from:
                parts.append(self._seconds_of_minutes(row, first_s, min(last_s, kept_from - 1)))
            opened, bars = self.seconds.column(row, first_s, last_s)
            parts.append((opened, 1, bars))
            running_s = self.seconds.first_s + len(self.seconds)
            if len(self.seconds) and first_s <= running_s <= last_s:
                parts.append((running_s, 1, self.second_bar[None, :, row]))
        else:
            minutes_from = first_s
            if INTERVALS_MS[interval] >= 3_600_000 and len(self.hours):
                hours_end = self.hours.first_s + 3600 * len(self.hours)
                opened, bars = self.hours.column(row, first_s, min(last_s, hours_end - 3600))
                parts.append((opened, 3600, bars))
                minutes_from = max(first_s, hours_end)
            opened, bars = self.minutes.column(row, minutes_from, last_s)
            parts.append((opened, 60, bars))
            if minutes_from <= self.minute_s <= last_s:
                parts.append((self.minute_s, 60, self.minute_bar[None, :, row]))
        openings = [1000 * (at + step * i) for at, step, bars in parts for i in range(len(bars))]
        steps = [1000 * step for _, step, bars in parts for _ in range(len(bars))]
        bars = np.concatenate([bars for _, _, bars in parts])
        unborn = sum(1 for at, step in zip(openings, steps, strict=True) if at + step <= born_ms)
        return openings[unborn:], bars[unborn:]

    def _seconds_of_minutes(self, row: int, first_s: int, last_s: int) -> tuple[int, int, Ints]:
        """Return seconds that add up to the minutes behind the start, always the same ones."""
        opened, minutes = self.minutes.column(row, first_s // 60 * 60, last_s)
        bars = np.concatenate(
            [split_minute(bar, row, opened // 60 + i) for i, bar in enumerate(minutes)]
            or [np.zeros((0, COLUMNS), dtype=np.int64)]
        )
        low = max(0, first_s - opened)
        return opened + low, 1, bars[low : max(low, last_s - opened + 1)]

    def _fresh(self) -> Ints:
        bar = np.zeros((COLUMNS, self.universe.size), dtype=np.int64)
        bar[OPEN] = bar[HIGH] = bar[LOW] = bar[CLOSE] = self.last
        bar[FIRST_ID] = -1
        return bar

    def _roll_day(self) -> None:
        bars = self.minutes.bars[-(DAY_MINUTES - 1) :]
        born = 60 * np.arange(len(bars))[:, None] + (self.minute_s - 60 * len(bars)) + 60 > self.born_s
        traded = (bars[:, COUNT] > 0) & born
        closed = np.zeros((COLUMNS, self.universe.size), dtype=np.int64)
        for column in (VOLUME, QUOTE, COUNT):
            closed[column] = (bars[:, column] * born).sum(axis=0)
        closed[HIGH] = np.where(traded, bars[:, HIGH], 0).max(axis=0)
        closed[LOW] = np.where(traded, bars[:, LOW], np.iinfo(np.int64).max).min(axis=0)
        closed[OPEN] = np.take_along_axis(bars[:, OPEN], traded.argmax(axis=0)[None], axis=0)[0]
        closed[CLOSE] = self.minutes.bars[-DAY_MINUTES:][0, CLOSE]
        self._closed = closed


def _number(bars: Ints, next_id: Ints) -> Ints:
    """Give the trades of `bars` (B, COLUMNS, S) ids from `next_id` on, in place; returns the ids that follow."""
    if not len(bars):
        return next_id
    count = bars[:, COUNT]
    before = next_id + np.cumsum(count, axis=0) - count
    bars[:, FIRST_ID] = np.where(count > 0, before, -1)
    return np.asarray(next_id + count.sum(axis=0))
