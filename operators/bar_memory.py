"""What deciding knows of a coin's past: its bars, their indicators, votes and outlook.

Bars of 1 m come from the frame step and, at the start, from the venue's history; longer ones are joined from both, so that
they are whole even where the desk started in their middle.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from contracts.settings import DeskSettings
from operators.aggregate import NONE, AggregateState, Aggregator
from operators.decide_state import DecideState
from operators.indicators import Indicators, IndicatorState
from operators.indicators.shown import shown
from operators.outlook import Outlook, remember, remember_all
from operators.signals import TIMEFRAMES, remember_flow, vote, vote_all
from operators.slices import B1, F8, SECOND, HistoryBars, IndicatorBlock, Slice

MINUTE_S: Final = 60


class BarMemory:
    """Carry bars of every timeframe into indicators, votes and outlook. Everything it keeps stands in the step's state.

    take_history and take_minute move the state on; widen makes room for new symbols.
    """

    def __init__(self, settings: DeskSettings) -> None:
        self._indicators = {seconds: Indicators(seconds, settings.indicators) for seconds in TIMEFRAMES}
        self._joiners = {seconds: Aggregator(MINUTE_S, seconds) for seconds in TIMEFRAMES if seconds > MINUTE_S}
        self.outlook = Outlook(settings.outlook)
        half = settings.signals.flow_half_life_bars
        self._keep = np.array([0.5 ** (MINUTE_S / seconds / half) for seconds in TIMEFRAMES])

    def indicators(self) -> dict[int, IndicatorState]:
        """Indicators of every timeframe before the first bar."""
        return {seconds: indicators.start() for seconds, indicators in self._indicators.items()}

    def bars(self) -> dict[int, AggregateState]:
        """Longer bars before the first minute."""
        return {seconds: joiner.start() for seconds, joiner in self._joiners.items()}

    def adopt(self, state: DecideState) -> bool:
        """Take up a state that was made with other settings: what they changed starts over. Returns whether the outlook's did."""
        for seconds, indicators in self._indicators.items():
            own = state.indicators[seconds]
            if indicators.adopt(own):
                vote_all(own.values, own.memory, own.ring, own.count, TIMEFRAMES.index(seconds), state.votes, state.anchors)
        return self.outlook.adopt(state.outlook)

    def widen(self, state: DecideState, width: int) -> None:
        """Make room for so many symbols."""
        for seconds, indicators in self._indicators.items():
            indicators.widen(state.indicators[seconds], width)
        for seconds, joiner in self._joiners.items():
            joiner.widen(state.bars[seconds], width)
        self.outlook.widen(state.outlook, width)

    def take_history(self, state: DecideState, history: HistoryBars) -> None:
        """Go on with the venue's bars where they follow what was seen (history comes in parts, oldest first); start the coin over where
        they tell more than was seen.
        """
        s = history.symbol
        if history.seconds != MINUTE_S:
            return
        minutes = state.indicators[MINUTE_S]
        known = int(minutes.count[s])
        newer = history.ts_open > minutes.last[s] if known else np.ones(len(history.ts_open), dtype=np.bool_)
        over = not newer.any()
        if over and len(history.ts_open) <= known:
            return
        columns = np.array(
            [history.open, history.high, history.low, history.close, history.volume, history.quote_volume]
        )
        ts_open = np.ascontiguousarray(history.ts_open)
        if not over:
            ts_open, columns = np.ascontiguousarray(ts_open[newer]), np.ascontiguousarray(columns[:, newer])
        for seconds, indicators in self._indicators.items():
            own = state.indicators[seconds]
            if over:
                indicators.forget(own, s)
            starts, bars = ts_open, columns
            if seconds > MINUTE_S:
                if over:
                    self._joiners[seconds].forget(state.bars[seconds], s)
                starts, bars = self._joiners[seconds].join(state.bars[seconds], s, ts_open, columns)
            indicators.replay(own, s, starts, bars[1].copy(), bars[2].copy(), bars[3].copy(), bars[4].copy())
            number = TIMEFRAMES.index(seconds)
            vote(own.values, own.memory, own.ring, own.count, s, number, state.votes, state.anchors)
        if over or not known:
            self.outlook.replay(state.outlook, s, columns[1].copy(), columns[2].copy(), columns[3].copy())
            return
        past = state.outlook
        for high, low, close in zip(*columns[1:4].tolist(), strict=True):
            remember(past.count, past.bars, minutes.count, s, high, low, close)

    def take_minute(self, state: DecideState, piece: Slice, b: int) -> None:
        """Take the closed minute `b` of the slice's bars, and what longer bars it completes."""
        block = piece.bars[MINUTE_S]
        ts_open = int(block.ts_open[b])
        columns = np.array(
            [block.open[b], block.high[b], block.low[b], block.close[b], block.volume[b], block.quote_volume[b]]
        )
        own = state.indicators[MINUTE_S]
        width = columns.shape[1]
        took: B1 = (own.last[:width] < ts_open) & ~np.isnan(columns[3])
        self._indicators[MINUTE_S].advance(own, ts_open, *_bars(columns))
        past = state.outlook
        remember_all(past.count, past.bars, own.count, took, columns[1].copy(), columns[2].copy(), columns[3].copy())
        vote_all(own.values, own.memory, own.ring, own.count, 0, state.votes, state.anchors)
        remember_flow(state.minute, state.flow, self._keep)
        frame = int(block.frame[b])
        self._show(state, piece, frame, MINUTE_S, ts_open, took)
        for seconds, joiner in self._joiners.items():
            starts, whole = joiner.take(state.bars[seconds], ts_open, columns)
            if (starts != NONE).any():
                longer = state.indicators[seconds]
                self._indicators[seconds].advance(longer, starts, *_bars(whole))
                number = TIMEFRAMES.index(seconds)
                vote_all(longer.values, longer.memory, longer.ring, longer.count, number, state.votes, state.anchors)
                window = (ts_open + MINUTE_S * SECOND) // (seconds * SECOND) * (seconds * SECOND) - seconds * SECOND
                self._show(state, piece, frame, seconds, window, starts == window)

    def _show(self, state: DecideState, piece: Slice, frame: int, seconds: int, ts_open: int, took: B1) -> None:
        """Put the indicators of the bars that just closed on the slice."""
        if frame < 0 or not took.any():
            return
        own, width = state.indicators[seconds], took.shape[0]
        values = shown(own.values[:, :width], own.memory[:, :width])
        piece.indicators.append(IndicatorBlock(frame, seconds, ts_open, took, values))


def _bars(columns: F8) -> tuple[F8, F8, F8, F8]:
    """High, low, close, volume of columns (6, n)."""
    return columns[1].copy(), columns[2].copy(), columns[3].copy(), columns[4].copy()
