"""Indicators of the coins that a person looks at: over the chart's whole past once, and of the bar that is forming.

What `decide` writes of closed bars goes on where the past ends; both come from the same formulas and the same bars.
"""

from __future__ import annotations

from math import isfinite
from typing import Final, TypeAlias

import numpy as np

from contracts import facts
from contracts.settings import DeskSettings
from operators.aggregate import aggregate
from operators.frame import INTERVALS
from operators.gates import significant
from operators.indicators import Indicators, IndicatorState
from operators.indicators.shown import shown
from operators.recent_bars import CLOSE, HIGH, LOW, VOLUME, RecentBars
from operators.slices import F4, F8, I8, SECOND, FrameBlock, HistoryBars, Slice

CHARTS: Final = (60, 300, 900)
"""Seconds of the bars that charts show."""
KEPT: Final = {60: 1440, 900: 384}
"""Bars kept of every coin: a day of minutes (a session of the VWAP; five-minute bars are made of them), four days of quarters."""
TOLD: Final = 1000
"""Bars told at once: what a chart shows at most."""

Recent: TypeAlias = dict[int, tuple[I8, F4]]
"""By seconds: what `RecentBars` keeps."""
Carried: TypeAlias = tuple[I8, I8, F8, F8, F8]
"""The fields of an `IndicatorState` of one coin."""


class ChartIndicators:
    """Keep recent bars, tell the past of a chart, go on with it bar by bar."""

    def __init__(self, settings: DeskSettings) -> None:
        self._indicators = {seconds: Indicators(seconds, settings.indicators) for seconds in CHARTS}
        self._recent = {seconds: RecentBars(seconds, depth) for seconds, depth in KEPT.items()}
        self.made_with = self._indicators[CHARTS[0]].made_with

    def start(self) -> Recent:
        """No bars."""
        return {seconds: recent.start() for seconds, recent in self._recent.items()}

    def widen(self, kept: Recent, symbols: int) -> None:
        """Make room for so many symbols."""
        for seconds, recent in self._recent.items():
            newest, bars = kept.get(seconds) or recent.start()
            kept[seconds] = (newest, recent.widen(bars, symbols))

    def hear(self, kept: Recent, history: HistoryBars) -> None:
        """Keep what the venue's history tells."""
        recent = self._recent.get(history.seconds)
        if recent is not None:
            columns = np.array([history.high, history.low, history.close, history.volume])
            recent.tell(*kept[history.seconds], history.symbol, history.ts_open, columns)

    def closed(self, piece: Slice) -> dict[int, list[tuple[int, int, F8]]]:
        """By frame: (seconds, open time, columns (4, S)) of the bars that close with it."""
        found: dict[int, list[tuple[int, int, F8]]] = {}
        for seconds in CHARTS:
            block = piece.bars.get(seconds)
            if block is None:
                continue
            for b, frame in enumerate(block.frame.tolist()):
                columns = np.array([block.high[b], block.low[b], block.close[b], block.volume[b]])
                found.setdefault(frame, []).append((seconds, int(block.ts_open[b]), columns))
        return found

    def take(
        self,
        kept: Recent,
        charts: dict[str, dict[int, Carried]],
        ids: dict[str, int],
        seconds: int,
        ts_open: int,
        columns: F8,
    ) -> None:
        """Keep a bar that closed, and take it into the charts that are looked at."""
        recent = self._recent.get(seconds)
        if recent is not None:
            recent.take(*kept[seconds], ts_open, columns)
        for symbol, chart in charts.items():
            number = ids.get(symbol, -1)
            if 0 <= number < columns.shape[1]:
                self._replay(chart, seconds, np.array([ts_open]), columns[:, number : number + 1])

    def past(self, kept: Recent, number: int) -> tuple[dict[int, Carried], dict[int, tuple[I8, F8]]]:
        """What a chart of coin `number` carries from here on, and its past: by seconds open times (n,), values (12, n)."""
        carried: dict[int, Carried] = {}
        told: dict[int, tuple[I8, F8]] = {}
        for seconds in CHARTS:
            ts_open, columns = self._bars(kept, number, seconds)
            state = self._indicators[seconds].start()
            values, memory = self._indicators[seconds].trace(
                state, 0, ts_open, columns[HIGH], columns[LOW], columns[CLOSE], columns[VOLUME]
            )
            columns = shown(values, memory)
            known = np.flatnonzero(~np.isnan(columns).all(axis=0))[-TOLD:]
            told[seconds] = (ts_open[known], columns[:, known])
            carried[seconds] = (
                state.count[:1].copy(), state.last[:1].copy(), state.values[:, :1].copy(), state.memory[:, :1].copy(),
                state.ring[:, :, :1].copy(),
            )  # fmt: skip
        return carried, told

    def forming(self, chart: dict[int, Carried], seconds: int, ts_open: int, bar: F8) -> F8 | None:
        """Values (12,) as if the forming bar (high, low, close, volume) closed now; None where it is none that follows."""
        if ts_open <= int(chart[seconds][1][0]):
            return None
        count, last, values, memory, ring = chart[seconds]
        tried: dict[int, Carried] = {seconds: (count.copy(), last.copy(), values.copy(), memory.copy(), ring.copy())}
        self._replay(tried, seconds, np.array([ts_open]), bar[:, None])
        column: F8 = shown(tried[seconds][2], tried[seconds][3])[:, 0]
        return column

    def _replay(self, chart: dict[int, Carried], seconds: int, ts_open: I8, columns: F8) -> None:
        high, low, close, volume = (np.ascontiguousarray(column) for column in columns)
        self._indicators[seconds].replay(IndicatorState(*chart[seconds]), 0, ts_open, high, low, close, volume)

    def _bars(self, kept: Recent, number: int, seconds: int) -> tuple[I8, F8]:
        """Bars of one coin: those kept, else (and before them) made of its minutes."""
        ts_open, columns = self._recent[60].of(*kept[60], number)
        if seconds == 60 or not len(ts_open):
            return ts_open, columns
        length = seconds * SECOND
        whole = ts_open >= -(-int(ts_open[0]) // length) * length  # from the first whole window on
        six = np.zeros((6, int(whole.sum())))
        six[1:5] = columns[:, whole]
        ts_open, joined = aggregate(ts_open[whole], six, 60, seconds)
        columns = joined[1:5]
        if seconds in self._recent:
            own, mine = self._recent[seconds].of(*kept[seconds], number)
            other = ~np.isin(ts_open, own)
            ts_open, columns = np.concatenate([ts_open[other], own]), np.concatenate([columns[:, other], mine], axis=1)
            order = np.argsort(ts_open, kind="stable")
            ts_open, columns = ts_open[order], columns[:, order]
        return np.ascontiguousarray(ts_open), np.ascontiguousarray(columns)


def history_fact(
    piece: Slice, frames: FrameBlock, f: int, symbol: str, seconds: int, ts_open: I8, values: F8
) -> facts.IndicatorHistory:
    """The past of one chart, told at frame f: open times (n,), values (12, n)."""
    end = int(frames.ts_open[f]) + SECOND
    name = INTERVALS[seconds]
    key = f"{piece.market}-indicator-history-{name}-{symbol}-{end // SECOND}"
    columns = {column: plain(row) for column, row in zip(facts.INDICATORS, values.tolist(), strict=True)}
    return facts.IndicatorHistory(
        id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]), ts_event=end,
        settings_hash=piece.settings_hash, model_hash=piece.model_hash, interval=name, symbol=symbol,  # type: ignore[arg-type]
        ts_open=ts_open.tolist(), **columns,
    )  # fmt: skip


def plain(values: list[float]) -> list[float | None]:
    """As they are written: six digits, None where unknown."""
    return [significant(value) if isfinite(value) else None for value in values]
