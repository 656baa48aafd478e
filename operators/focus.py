"""Focus: which coins are streamed in detail, and their forming bars for the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from contracts import facts
from contracts.events import WatchSymbol
from contracts.settings import DeskSettings
from operators import framing
from operators.chart_indicators import Carried, ChartIndicators, Recent, history_fact, plain
from operators.forming import CLOSE, HIGH, LOW, NO_WINDOW, OPEN, QUOTE, SHOWN, VOLUME, form
from operators.frame import FORMING, INTERVALS
from operators.slices import F8, I8, SECOND, FrameBlock, HistoryBars, IndicatorBlock, Kind, Slice
from operators.state import State, capacity, grow

RANK = 9
WINDOWS = len(FORMING)


@dataclass
class FocusState(State):
    """What is held, looked at and listed; windows in progress per symbol; recent bars, and what the charts that are looked at carry,
    with which settings of indicators.
    """

    VERSION: ClassVar[int] = 1
    held: list[str] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)  # symbol -> event time until which a person looks at it
    listed: dict[str, int] = field(default_factory=dict)  # symbol -> event time it was last wanted
    told: list[str] = field(default_factory=list)
    windows: F8 = field(default_factory=lambda: np.zeros((WINDOWS, framing.BAR, capacity(0))))
    recent: Recent = field(default_factory=dict)
    charts: dict[str, dict[int, Carried]] = field(default_factory=dict)
    made_with: F8 = field(default_factory=lambda: np.zeros(0))


class Focus:
    """Choose the coins in focus: held ones, those a person looks at, then the hottest, at most `frame.detail_symbols`.

    Every `watch_every_s` the wanted coins are compared with the list; a coin leaves it `watch_keep_s` after it was last wanted,
    so that streams do not flap. A `Watchlist` fact is written when the list changed, held coins
    first, then watched ones, since ingest may take fewer. Forming 1 m bars of coins in
    focus are written each second (not while the whole feed is silent), the longer
    ones with every comparison; their indicators (`IndicatorValues`) as bars close. For a coin that a person looks at, the indicators
    of its chart's past are written once (`IndicatorHistory`), and those of its forming bars with the bars.
    """

    name = "focus"
    state_type = FocusState

    def __init__(self, settings: DeskSettings) -> None:
        self._rules = settings.focus
        self._charts = ChartIndicators(settings)

    def start(self) -> FocusState:
        """An empty list."""
        return FocusState(recent=self._charts.start())

    def step(self, state: FocusState, piece: Slice) -> None:
        """Add `Watchlist` and forming `Bars` facts."""
        frames = piece.frames
        if frames is None:
            return
        state.windows = grow(state.windows, piece.width, 0.0)
        self._charts.widen(state.recent, piece.width)
        if state.made_with is not self._charts.made_with:
            if len(state.made_with) and not np.array_equal(state.made_with, self._charts.made_with):
                state.charts.clear()  # other periods: their past is told anew
            state.made_with = self._charts.made_with
        ended = self._charts.closed(piece)
        history = iter([*piece.history, None])
        told = next(history)
        changes = self._changes(piece)
        partial = dict(piece.partial)
        closed: dict[int, list[IndicatorBlock]] = {}
        for block in piece.indicators:
            closed.setdefault(block.frame, []).append(block)
        ids = {name: number for number, name in enumerate(piece.symbols[: piece.width])} if len(frames) else {}
        seconds = frames.ts_open // SECOND + 1
        # Whether anything of the whole market came in the forming minute, by frame.
        heard: list[bool] = np.logical_or.reduce(~np.isnan(frames.minute_open), axis=1).tolist()
        lists: I8 = np.flatnonzero(seconds % self._rules.watch_every_s == 0)
        done = changed = 0
        focus = _numbers(state, ids)
        forming = self._bars(piece, frames, 0, int(lists[0]) if len(lists) else len(frames), focus, 60, None)
        first = 0
        for f, second in enumerate(seconds.tolist()):
            row = int(frames.row[f])
            while done < len(changes) and changes[done][0] < row:
                self._change(state, *changes[done][1:])
                done += 1
            while told is not None and told.row < row:
                self._hear(state, piece, told)
                told = next(history)
            for bar in ended.get(f, ()):
                self._charts.take(state.recent, state.charts, ids, *bar)
            if state.watched or state.charts:
                self._look(state, piece, frames, f, ids)
            if frames.restart[f]:
                state.windows[:, :, :] = 0.0
            if second % self._rules.watch_every_s == 0:
                self._list(state, piece, f, second * SECOND)
                focus = _numbers(state, ids)
                for index, length in enumerate(FORMING):
                    if second % length and (heard[f] or state.windows[index, framing.B_UPDATES].any()):
                        for bars in self._bars(piece, frames, f, f + 1, focus, length, state.windows[index]):
                            self._tell(state, piece, row, bars, length)
                changed += 1
                until = int(lists[changed]) if changed < len(lists) else len(frames)
                forming, first = self._bars(piece, frames, f, until, focus, 60, None), f
            if second % 60 and heard[f]:
                self._tell(state, piece, row, forming[f - first], 60)
            for block in closed.get(f, ()):
                self._indicators(piece, frames, block, focus)
            if f in partial:  # only now: this second's forming bars join the minute that ends here to those before it
                state.windows[:, :, : piece.width] = partial[f]
        for change in changes[done:]:
            self._change(state, *change[1:])
        while told is not None:
            self._hear(state, piece, told)
            told = next(history)

    def _hear(self, state: FocusState, piece: Slice, heard: HistoryBars) -> None:
        self._charts.hear(state.recent, heard)
        if len(heard.ts_open) > 1:
            state.charts.pop(piece.symbols[heard.symbol], None)  # its past is another now: told anew

    def _look(self, state: FocusState, piece: Slice, frames: FrameBlock, f: int, ids: dict[str, int]) -> None:
        """Begin the charts of coins that a person looks at now, end those of others."""
        now = int(frames.ts_open[f]) + SECOND
        for symbol in [symbol for symbol in state.charts if state.watched.get(symbol, 0) <= now]:
            del state.charts[symbol]
        for symbol, until in state.watched.items():
            number = ids.get(symbol)
            if symbol in state.charts or until <= now or number is None or np.isnan(frames.close[f, number]):
                continue
            state.charts[symbol], told = self._charts.past(state.recent, number)
            for seconds, (ts_open, values) in told.items():
                if len(ts_open):
                    fact = history_fact(piece, frames, f, symbol, seconds, ts_open, values)
                    piece.add(int(frames.row[f]), RANK, fact)

    def _changes(self, piece: Slice) -> list[tuple[int, str, int]]:
        """(row, symbol, +1 held, 0 not held any more, or event time until which it is watched), in row order."""
        found: list[tuple[int, str, int]] = []
        for placed in piece.facts:
            if isinstance(placed.fact, facts.Position):
                found.append((placed.row, placed.fact.symbol, 1 if placed.fact.status == "open" else 0))
        if piece.events:
            ticks = piece.ticks
            for row in np.flatnonzero(ticks.kind == Kind.EVENT).tolist():
                event = piece.events[int(ticks.v0[row])]
                if isinstance(event, WatchSymbol):
                    found.append((row, event.symbol, event.ts_recv + min(max(event.seconds, 1), 3600) * SECOND))
        found.sort(key=lambda change: change[0])
        return found

    def _change(self, state: FocusState, symbol: str, value: int) -> None:
        if value > 1:
            state.watched[symbol] = value
        elif value == 1 and symbol not in state.held:
            state.held.append(symbol)
        elif value == 0 and symbol in state.held:
            state.held.remove(symbol)

    def _list(self, state: FocusState, piece: Slice, f: int, now: int) -> None:
        rules = self._rules
        state.watched = {symbol: until for symbol, until in state.watched.items() if until > now}
        wanted = list(state.held)
        wanted += [symbol for symbol in state.watched if symbol not in wanted]
        if piece.heat is not None:
            known = piece.symbols
            wanted += [known[n] for n in piece.heat.top[f].tolist() if 0 <= n < piece.width and known[n] not in wanted]
        for symbol in wanted[: rules.detail_symbols]:
            state.listed[symbol] = now
        keep = now - rules.watch_keep_s * SECOND
        # Oldest wishes give way first; among equals the order of wishing decides.
        listed = [symbol for symbol, wished in state.listed.items() if wished >= keep]
        if len(listed) > rules.detail_symbols:
            listed.sort(key=lambda symbol: -state.listed[symbol])
            listed = listed[: rules.detail_symbols]
        state.listed = {symbol: state.listed[symbol] for symbol in listed}
        held, watched = set(state.held), state.watched
        names = sorted(listed, key=lambda symbol: (symbol not in held, symbol not in watched, symbol))
        if names != state.told and piece.frames is not None:
            state.told = names
            key = f"{piece.market}-watchlist-{now}"
            fact = facts.Watchlist(
                id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(piece.frames.offset[f]), ts_event=now,
                settings_hash=piece.settings_hash, model_hash=piece.model_hash, symbols=names,
            )  # fmt: skip
            piece.add(int(piece.frames.row[f]), RANK, fact)

    def _indicators(self, piece: Slice, frames: FrameBlock, block: IndicatorBlock, focus: I8) -> None:
        focus = focus[focus < block.took.shape[0]]
        focus = focus[block.took[focus]]
        if not len(focus):
            return
        name = INTERVALS[block.seconds]
        key = f"{piece.market}-indicators-{name}-{block.ts_open}"
        columns = {
            column: plain(row) for column, row in zip(facts.INDICATORS, block.values[:, focus].tolist(), strict=True)
        }
        symbols = piece.symbols
        fact = facts.IndicatorValues(
            id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[block.frame]),
            ts_event=int(frames.ts_open[block.frame]) + SECOND, settings_hash=piece.settings_hash,
            model_hash=piece.model_hash, interval=name, ts_open=block.ts_open,  # type: ignore[arg-type]
            closed=True, symbols=[symbols[number] for number in focus.tolist()], **columns,
        )  # fmt: skip
        piece.add(int(frames.row[block.frame]), RANK, fact)

    def _bars(
        self, piece: Slice, frames: FrameBlock, first: int, until: int, focus: I8, seconds: int, window: F8 | None
    ) -> list[facts.Bars | None]:
        """Forming bars of frames [first, until), during which the focus stays; None where nothing in focus has a price.

        `window` (framing.BAR, S) is what the bar holds of the minutes before this one.
        """
        if not len(focus) or until <= first:
            return [None] * (until - first)
        unknown = np.isnan(frames.close[first:until, focus])
        if unknown.any():  # asked for, but never priced so far
            if until > first + 1:
                each = [self._bars(piece, frames, f, f + 1, focus, seconds, window) for f in range(first, until)]
                return [bars for one in each for bars in one]
            return self._bars(piece, frames, first, until, focus[~unknown[0]], seconds, window)
        values = np.empty((until - first, SHOWN, len(focus)))
        counts: I8 = np.empty((until - first, len(focus)), dtype=np.int64)
        form(
            first, until, focus, frames.minute_open, frames.minute_high, frames.minute_low, frames.close, frames.minute_volume,
            frames.minute_quote_volume, frames.minute_trades, window if window is not None else NO_WINDOW, window is not None,
            values, counts,
        )  # fmt: skip
        name = INTERVALS[seconds]
        symbols = [piece.symbols[number] for number in focus.tolist()]
        opened, offsets = frames.ts_open[first:until].tolist(), frames.offset[first:until].tolist()
        bars: list[facts.Bars | None] = []
        for ts_open, offset, columns, trades in zip(opened, offsets, values.tolist(), counts.tolist(), strict=True):
            end = ts_open + SECOND
            key = f"{piece.market}-forming-{name}-{end}"
            bars.append(
                facts.Bars(
                    id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=offset, ts_event=end,
                    settings_hash=piece.settings_hash, model_hash=piece.model_hash, interval=name,  # type: ignore[arg-type]
                    ts_open=ts_open // (seconds * SECOND) * (seconds * SECOND), closed=False, symbols=symbols,
                    open=columns[OPEN], high=columns[HIGH], low=columns[LOW], close=columns[CLOSE], volume=columns[VOLUME],
                    quote_volume=columns[QUOTE], trades=trades,
                )
            )  # fmt: skip
        return bars

    def _tell(self, state: FocusState, piece: Slice, row: int, bars: facts.Bars | None, seconds: int) -> None:
        if bars is None:
            return
        piece.add(row, RANK, bars)
        if state.charts:
            self._forming(state, piece, bars, row, seconds)

    def _forming(self, state: FocusState, piece: Slice, bars: facts.Bars, row: int, seconds: int) -> None:
        """Write the indicators of the forming bars of the charts that are looked at."""
        found: list[tuple[str, F8]] = []
        for symbol, *bar in zip(bars.symbols, bars.high, bars.low, bars.close, bars.volume, strict=True):
            chart = state.charts.get(symbol)
            column = self._charts.forming(chart, seconds, bars.ts_open, np.array(bar)) if chart is not None else None
            if column is not None:
                found.append((symbol, column))
        if not found:
            return
        key = f"{piece.market}-indicators-forming-{bars.interval}-{bars.ts_event}"
        values = np.stack([column for _, column in found], axis=1)
        columns: dict[str, Any] = {
            name: plain(line) for name, line in zip(facts.INDICATORS, values.tolist(), strict=True)
        }
        fact = facts.IndicatorValues(
            id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=bars.offset, ts_event=bars.ts_event,
            settings_hash=piece.settings_hash, model_hash=piece.model_hash, interval=bars.interval,  # type: ignore[arg-type]
            ts_open=bars.ts_open, closed=False, symbols=[symbol for symbol, _ in found], **columns,
        )  # fmt: skip
        piece.add(row, RANK, fact)


def _numbers(state: FocusState, ids: dict[str, int]) -> I8:
    return np.array([ids[symbol] for symbol in state.told if symbol in ids], dtype=np.int64)
