"""Anomaly: which coin's volume, price, trading, spread or book has just left its recent range?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from contracts import facts
from contracts.settings import DeskSettings
from operators import anomaly_walk as walking
from operators.slices import F4, F8, I8, SECOND, U1, AnomalyBlock, HistoryBars, Slice
from operators.state import State, capacity, grow

RANK = 3
FLOORS = np.array([0.35, 0.35, 0.35, 0.0005, 0.001, 0.35, 1.0, 0.15])
"""Least scale of each measure (ln, ln, ln, log return, log return, ln, basis points, part): calm coins do not explode."""


def _filled(shape: tuple[int, ...], value: float, kind: type = np.float64) -> np.ndarray:
    return np.full((*shape, capacity(0)), value, dtype=kind)


@dataclass
class AnomalyState(State):
    """Windows of seconds (rows by second modulo length), an hour of samples (rows by minute), and what was said when."""

    VERSION: ClassVar[int] = 1
    clock: I8 = field(default_factory=lambda: np.full(2, -1, dtype=np.int64))
    stamps: I8 = field(default_factory=lambda: np.full(walking.SAMPLES, -1, dtype=np.int64))
    closes: F8 = field(default_factory=lambda: _filled((walking.WINDOW,), np.nan))
    volumes: F8 = field(default_factory=lambda: _filled((walking.WINDOW,), 0.0))
    trades: F8 = field(default_factory=lambda: _filled((60,), 0.0))
    sums: F8 = field(default_factory=lambda: _filled((3,), 0.0))
    resumed: I8 = field(default_factory=lambda: _filled((), 0, np.int64))
    priced: I8 = field(default_factory=lambda: _filled((), 0, np.int64))
    samples: F4 = field(default_factory=lambda: _filled((walking.COUNT, walking.SAMPLES), np.nan, np.float32))
    middle: F8 = field(default_factory=lambda: _filled((walking.COUNT,), np.nan))
    scale: F8 = field(default_factory=lambda: _filled((walking.COUNT,), np.nan))
    lower: F8 = field(default_factory=lambda: _filled((walking.COUNT,), -np.inf))
    upper: F8 = field(default_factory=lambda: _filled((walking.COUNT,), np.inf))
    going: U1 = field(default_factory=lambda: _filled((), 0, np.uint8))
    since: I8 = field(default_factory=lambda: _filled((walking.COUNT,), 0, np.int64))
    quiet_until: I8 = field(default_factory=lambda: _filled((walking.COUNT,), 0, np.int64))

    def reserve(self, width: int) -> None:
        """Make room for so many symbols."""
        if self.sums.shape[-1] >= width:
            return
        for name, fill in _FILLS.items():
            setattr(self, name, grow(getattr(self, name), width, fill))


_FILLS = {
    "closes": np.nan, "volumes": 0.0, "trades": 0.0, "sums": 0.0, "resumed": 0, "priced": 0, "samples": np.nan,
    "middle": np.nan, "scale": np.nan, "lower": -np.inf, "upper": np.inf, "going": 0, "since": 0, "quiet_until": 0,
}  # fmt: skip


class AnomalyDetector:
    """Find coins that have just left their recent range.

    Each measure is sampled at the end of every minute; its distance is measured each second from the median of the last
    hour's samples in units of 1.4826 MAD (Rousseeuw & Croux 1993), so that one spike does not hide the next. Measures:
    quote volume of 1 s, 1 m, 5 m and trades of 1 m as ln(1 + x); changes over 1 m and 5 m as log returns; quoted spread
    in basis points; book imbalance (bid - ask) / (bid + ask) at the touch. History bars count as samples. A coin is
    silent until it has `least_samples`, after a gap until its windows have filled again, and without a price of this
    second.

    step adds `anomaly` (F, S) columns and `Anomaly` facts.
    """

    name = "anomaly"
    state_type = AnomalyState

    def __init__(self, settings: DeskSettings) -> None:
        own = settings.anomaly
        self._own = own
        self._rules = np.array(
            [
                own.threshold,
                own.least_samples,
                own.cooldown_s,
                own.gap_s,
                own.least_notional,
                own.least_change_1m,
                own.least_change_5m,
            ],
            dtype=np.float64,
        )

    def start(self) -> AnomalyState:
        """Nothing seen yet."""
        return AnomalyState()

    def step(self, state: AnomalyState, piece: Slice) -> None:
        """Walk the frames; see the class."""
        frames = piece.frames
        if frames is None:
            return
        width = piece.width
        state.reserve(width)
        shape = (len(frames), width)
        block = AnomalyBlock(np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))
        room = walking.COUNT * width * frames.most(self._own.cooldown_s)
        where: I8 = np.empty((room, 4), dtype=np.int64)
        what: F8 = np.empty((room, 2))
        used = 0
        for first, until, bars in between_history(piece):
            if bars is not None:
                self._learn(state, bars, int(piece.ticks.ts_recv[bars.row]))
                continue
            used = walking.walk(
                first, until, width, frames.ts_open, frames.restart, frames.close, frames.quote_volume, frames.trades,
                frames.updates, frames.bid, frames.ask, frames.bid_size, frames.ask_size, state.clock, state.closes,
                state.volumes, state.trades, state.sums, state.resumed, state.priced, state.samples, state.stamps,
                state.middle, state.scale, state.lower, state.upper, state.since, state.going,
                state.quiet_until, self._rules, FLOORS, block.log_close,
                block.surge, block.change_1m, block.change_5m, where, what, used,
            )  # fmt: skip
        piece.anomaly = block
        for n in range(used):
            self._say(piece, where[n].tolist(), what[n].tolist())

    def _learn(self, state: AnomalyState, bars: HistoryBars, ts_recv: int) -> None:
        """Take one-minute history as samples of the minutes that were not sampled live."""
        if bars.seconds != 60 or not len(bars.ts_open):
            return
        own = bars.symbol
        positive = (bars.close > 0) & (bars.quote_volume >= 0)
        minutes = bars.ts_open // (60 * SECOND)
        with np.errstate(divide="ignore", invalid="ignore"):
            closes = np.where(positive, np.log(bars.close), np.nan)
        volumes = np.where(positive, bars.quote_volume, np.nan)
        known = {minute: n for n, minute in enumerate(minutes.tolist())}
        newest = ts_recv // (60 * SECOND)
        for minute in sorted(known)[-walking.SAMPLES :]:
            if minute > newest:
                continue
            row = minute % walking.SAMPLES
            if state.stamps[row] > minute:
                continue
            if state.stamps[row] < minute:
                state.stamps[row] = minute
                state.samples[:, row, :] = np.nan
            n = known[minute]
            last = [known.get(minute - k) for k in range(6)]
            into = state.samples[:, row, own]
            values = {walking.VOLUME_1M: np.log(1.0 + volumes[n])}
            if last[1] is not None:
                values[walking.CHANGE_1M] = closes[n] - closes[last[1]]
            if None not in last:
                values[walking.VOLUME_5M] = np.log(1.0 + sum(float(volumes[k]) for k in last[:5] if k is not None))
                values[walking.CHANGE_5M] = closes[n] - closes[last[5]]
            for k, value in values.items():
                if np.isnan(into[k]):
                    into[k] = value
        one = slice(own, own + 1)
        walking.refresh(
            state.samples[:, :, one],
            self._rules[walking.LEAST_SAMPLES],
            self._rules[walking.THRESHOLD],
            FLOORS,
            state.middle[:, one],
            state.scale[:, one],
            state.lower[:, one],
            state.upper[:, one],
            1,
        )

    def _say(self, piece: Slice, where: list[int], what: list[float]) -> None:
        frames = piece.frames
        assert frames is not None
        f, s, k, since = where
        value, distance = what
        symbol = piece.symbols[s]
        measure = walking.MEASURES[k]
        if k <= walking.VOLUME_5M or k == walking.TRADE_RATE:
            value = float(np.expm1(value))
        end = int(frames.ts_open[f]) + SECOND
        key = f"{piece.market}-anomaly-{symbol}-{measure}-{end // SECOND}"
        piece.add(
            int(frames.row[f]),
            RANK,
            facts.Anomaly(
                id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=int(frames.offset[f]),
                ts_event=end, settings_hash=piece.settings_hash, model_hash=piece.model_hash, symbol=symbol,
                measure=measure, value=round(value, 6), score=round(distance, 3), threshold=self._own.threshold,
                since=since * SECOND, price=float(frames.close[f, s]),
            ),
        )  # fmt: skip


def between_history(piece: Slice) -> Iterator[tuple[int, int, HistoryBars | None]]:
    """Walk frames and history in log order: (first, until, None) for frames [first, until), (0, 0, bars) for history.

    A frame acts before the row that closed it, so history at a row comes after the frames that this row or an earlier
    one closed.
    """
    assert piece.frames is not None
    rows = piece.frames.row
    done = 0
    for bars in piece.history:
        until = int(np.searchsorted(rows, bars.row, side="right"))
        if until > done:
            yield done, until, None
            done = until
        yield 0, 0, bars
    if len(rows) > done:
        yield done, len(rows), None
