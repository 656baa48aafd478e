"""Frame: ticks -> closed seconds of all symbols, and bars from them.

Windows are [open, close), epoch-aligned, on the venue's clock. The watermark is the newest believable event time; in silence it
follows the heartbeats, corrected by the measured skew of the clocks. A second closes `lateness_ms` after the watermark passed its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from contracts import facts
from contracts.events import Klines, StreamGap
from contracts.settings import DeskSettings
from operators import framing, past
from operators.slices import B1, F8, I8, SECOND, BarBlock, FrameBlock, HistoryBars, Slice
from operators.state import State, capacity, grow

RANK = 1
INTERVALS = {60: "1m", 300: "5m", 900: "15m", 3600: "1h", 14400: "4h", 86400: "1d"}
SECONDS_OF = {"1s": 1, **{name: seconds for seconds, name in INTERVALS.items()}}
HIGHER = tuple(seconds for seconds in INTERVALS if seconds > 60)
LENGTHS = np.array(HIGHER, dtype=np.int64) * SECOND
FORMING = HIGHER[:2]  # intervals whose window in progress is handed on, so that forming bars can be shown
CHUNK = 256  # frames made room for at once


def _nan(rows: int) -> F8:
    return np.full((rows, capacity(0)), np.nan)


@dataclass
class FrameState(State):
    """Clock (see `framing`), last values and open accumulators per symbol, bars in progress per interval; `told`: opening of the
    newest bar written, per interval; `past` and `until`: what the venue's history tells of the longer ones (see `past`); `unheard`:
    end of the newest minute in which the feed was silent, ns.
    """

    VERSION: ClassVar[int] = 1
    clock: I8 = field(default_factory=framing.new_clock)
    last: F8 = field(default_factory=lambda: _nan(framing.LAST))
    times: I8 = field(default_factory=lambda: np.zeros((framing.TIMES, capacity(0)), dtype=np.int64))
    seconds: F8 = field(default_factory=lambda: np.zeros((2, framing.SUMS, capacity(0))))
    minute: F8 = field(default_factory=lambda: np.zeros((framing.BAR, capacity(0))))
    higher: F8 = field(default_factory=lambda: np.zeros((len(HIGHER), framing.BAR, capacity(0))))
    told: I8 = field(default_factory=lambda: np.full(len(INTERVALS), -1, dtype=np.int64))
    past: F8 = field(default_factory=lambda: np.zeros((len(HIGHER), framing.BAR, capacity(0))))
    until: I8 = field(default_factory=lambda: np.zeros(capacity(0), dtype=np.int64))
    unheard: int = 0

    def reserve(self, width: int) -> None:
        """Make room for so many symbols."""
        if self.last.shape[-1] >= width and len(self.until) >= width:
            return
        self.last = grow(self.last, width, np.nan)
        self.times = grow(self.times, width, 0)
        self.seconds = grow(self.seconds, width, 0.0)
        self.minute = grow(self.minute, width, 0.0)
        self.higher = grow(self.higher, width, 0.0)
        self.past = grow(self.past, width, 0.0)
        self.until = grow(self.until, width, 0)


@dataclass
class _Minute:
    """Bars of one interval that closed, collected while a slice is walked."""

    ts_open: list[int] = field(default_factory=list)
    frame: list[int] = field(default_factory=list)
    columns: list[F8] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)  # how often the clock had been set anew by then


class Frame:
    """Close seconds and bars.

    step adds `frames` (F, S), `bars` by interval, `history`, and `Bars` facts for what closed; `partial` holds per minute close the
    frame's index and the (FORMING, framing.BAR, S) columns of the longer windows so far (zeros where just closed). Windows that
    were not followed from their opening begin with the venue's history, where it reaches without a hole to a minute that closes
    here. A late trade is counted, not applied; a late ticker still moves the price, since it is a state and no increment. Ticker
    volume is the increase of the 24 h figure: where it falls (old trades drop out, the venue's daily reset) it counts as none, and
    after a gap the first figure only sets the base.
    """

    name = "frame"
    state_type = FrameState

    def __init__(self, settings: DeskSettings) -> None:
        own = settings.frame
        self._rules = np.array(
            [
                own.lateness_ms * 1_000_000,
                int(own.max_ahead_s * SECOND),
                own.max_gap_s,
                int(own.skew_window_s * SECOND),
                own.heartbeat_grace_ms * 1_000_000,
                own.trade_source_s * SECOND,
                settings.freshness.quote_stale_ms * 1_000_000,
            ],
            dtype=np.int64,
        )
        self._stale = settings.freshness.ticker_stale_ms * 1_000_000

    def start(self) -> FrameState:
        """Nothing seen yet."""
        return FrameState()

    def step(self, state: FrameState, piece: Slice) -> None:
        """Walk all rows; see the class."""
        width = piece.width
        state.reserve(width)
        ticks = piece.ticks
        blocks: list[tuple[F8, I8, int]] = []
        done = 0  # frames in finished blocks
        block, heads, used = self._room(state, piece, width)
        closed: dict[int, _Minute] = {seconds: _Minute() for seconds in INTERVALS}
        before = state.clock[framing.COUNTERS :].copy()
        row = 0
        size = len(ticks)
        resume = False
        while row < size:
            status, row, used = framing.walk(
                ticks.kind, ticks.symbol, ticks.ts_event, ticks.ts_recv, ticks.offset, ticks.v0, ticks.v1, ticks.v2, ticks.v3,
                row, resume, state.clock, self._rules, state.last, state.times, state.seconds, state.minute, width, block, heads, used,
            )  # fmt: skip
            resume = True
            if status == framing.NEED_ROOM:
                blocks.append((block, heads, used))
                done += used
                block, heads, used = _block(CHUNK, width)
            elif status == framing.MINUTE_CLOSED:
                ended = heads[:, used - 1]
                silent = int(ended[framing.H_RECV] - ended[framing.H_FEED])
                self._close_minute(state, piece, closed, int(ended[framing.H_OPEN]), done + used - 1, width, silent)
            elif status == framing.GAP:
                state.minute[:, :] = 0.0
                state.higher[:, :, :] = 0.0
                ahead = state.until > (state.clock[framing.BASE] + 60) * SECOND
                state.until[ahead] = 0  # of a time that the clock went back from
            elif status == framing.EVENT:
                self._event(state, piece, row)
                row += 1
                resume = False
        blocks.append((block, heads, used))
        piece.frames = _join(blocks)
        for seconds, minute in closed.items():
            if minute.ts_open:
                self._publish(state, piece, seconds, minute)
        for index, name in enumerate(framing.COUNTER_NAMES):
            more = int(state.clock[framing.COUNTERS + index] - before[index])
            if more:
                piece.counters[name] = piece.counters.get(name, 0) + more

    def _room(self, state: FrameState, piece: Slice, width: int) -> tuple[F8, I8, int]:
        newest = int(piece.ticks.ts_event.max()) if len(piece.ticks) else 0
        base = int(state.clock[framing.BASE])
        wanted = 0 if base < 0 else min(max(newest // SECOND - base + 1, 0), CHUNK)
        return _block(wanted, width)

    def _event(self, state: FrameState, piece: Slice, row: int) -> None:
        event = piece.events[int(piece.ticks.v0[row])]
        if isinstance(event, StreamGap):
            names = set(event.symbols)
            for number in range(piece.width):
                if not names or piece.symbols[number] in names:
                    state.last[framing.CUM_QUOTE, number] = np.nan
                    state.last[framing.CUM_BASE, number] = np.nan
                    state.minute[framing.B_WHOLE, number] = 0.0
        elif isinstance(event, Klines) and event.closed and event.rows:
            columns = np.array(event.rows, dtype=np.float64).T
            ts_open: I8 = np.array([line[0] for line in event.rows], dtype=np.int64)
            symbol = int(piece.ticks.symbol[row])
            if event.interval == "1m":
                past.remember(state.past, state.until, symbol, LENGTHS, ts_open, np.ascontiguousarray(columns[1:8]))
            piece.history.append(
                HistoryBars(
                    row=row, symbol=symbol, seconds=SECONDS_OF[event.interval], ts_open=ts_open, open=columns[1],
                    high=columns[2], low=columns[3], close=columns[4], volume=columns[5], quote_volume=columns[6], trades=columns[7],
                )
            )  # fmt: skip

    def _close_minute(
        self, state: FrameState, piece: Slice, closed: dict[int, _Minute], second: int, frame: int, width: int, silent: int
    ) -> None:
        """Close the minute that ends with `second`, and the longer windows that end with it.

        silent: ns since anything of the market was received. A window without any price of any coin that lies in a silence longer
        than `ticker_stale_ms` is not known: no bar, instead of a flat one (a coin that is quiet in a market that is not has a flat one,
        as at the venue).
        """
        bar = state.minute
        end = second + SECOND
        unheard = not bar[framing.B_UPDATES].any() and (silent >= self._stale or state.unheard == end - 60 * SECOND)
        if unheard:
            state.unheard = end
        price = state.last[framing.CLOSE]
        quiet = bar[framing.B_UPDATES] == 0
        for column in (framing.B_OPEN, framing.B_HIGH, framing.B_LOW, framing.B_CLOSE):
            bar[column, quiet] = price[quiet]
        resets = int(state.clock[framing.C_RESETS])
        if unheard:
            bar[framing.B_WHOLE] = 0.0
        _collect(closed[60], end - 60 * SECOND, frame, bar[:, :width], resets, known=not unheard)
        ends_here = (state.until == end - 60 * SECOND) & ~np.isnan(price)
        for index, seconds in enumerate(HIGHER):
            into = state.higher[index]
            seeded = ends_here & (into[framing.B_WHOLE] == 0.0) & (state.past[index, framing.B_WHOLE] > 0.0)
            into[:, seeded] = state.past[index][:, seeded]
            if (end - 60 * SECOND) % (seconds * SECOND) == 0:
                into[:, :] = bar
            else:
                unset = into[framing.B_CLOSE] == 0.0  # followed from the middle of the window on
                into[: framing.B_CLOSE, unset] = bar[: framing.B_CLOSE, unset]
                fresh = (into[framing.B_UPDATES] == 0) & (bar[framing.B_UPDATES] > 0)
                # The venue's candles open at the first traded price of the window.
                into[framing.B_OPEN, fresh] = bar[framing.B_OPEN, fresh]
                into[framing.B_HIGH, fresh] = bar[framing.B_HIGH, fresh]
                into[framing.B_LOW, fresh] = bar[framing.B_LOW, fresh]
                moved = ~fresh & (bar[framing.B_UPDATES] > 0)
                into[framing.B_HIGH, moved] = np.maximum(into[framing.B_HIGH, moved], bar[framing.B_HIGH, moved])
                into[framing.B_LOW, moved] = np.minimum(into[framing.B_LOW, moved], bar[framing.B_LOW, moved])
                into[framing.B_CLOSE] = bar[framing.B_CLOSE]
                for column in (framing.B_VOLUME, framing.B_QUOTE, framing.B_TRADES, framing.B_UPDATES):
                    into[column] += bar[column]
                into[framing.B_WHOLE] = np.minimum(into[framing.B_WHOLE], bar[framing.B_WHOLE])
            prices = into[: framing.B_CLOSE + 1]
            prices[np.isnan(prices)] = 0.0  # as where the symbol is not known yet
            if end % (seconds * SECOND) == 0:
                known = not unheard or bool(into[framing.B_UPDATES].any())
                _collect(closed[seconds], end - seconds * SECOND, frame, into[:, :width], resets, known=known)
                into[:, :] = 0.0
        piece.partial.append((frame, state.higher[: len(FORMING), :, :width].copy()))
        bar[:, :] = 0.0
        bar[framing.B_WHOLE] = ~np.isnan(price)

    def _publish(self, state: FrameState, piece: Slice, seconds: int, minute: _Minute) -> None:
        assert piece.frames is not None
        columns = np.stack(minute.columns)
        block = BarBlock(
            seconds=seconds,
            ts_open=np.array(minute.ts_open, dtype=np.int64),
            frame=np.array(minute.frame, dtype=np.int64),
            open=columns[:, framing.B_OPEN],
            high=columns[:, framing.B_HIGH],
            low=columns[:, framing.B_LOW],
            close=columns[:, framing.B_CLOSE],
            volume=columns[:, framing.B_VOLUME],
            quote_volume=columns[:, framing.B_QUOTE],
            trades=columns[:, framing.B_TRADES],
            complete=columns[:, framing.B_WHOLE] > 0,
        )
        piece.bars[seconds] = block
        own = list(INTERVALS).index(seconds)
        for b, frame in enumerate(minute.frame):
            priced = ~np.isnan(block.close[b])
            again = minute.ts_open[b] <= state.told[own]
            if again:  # the clock was set back: only what was followed from its opening replaces what was written
                priced &= block.complete[b]
            state.told[own] = max(int(state.told[own]), minute.ts_open[b])
            known = np.flatnonzero(priced)
            if len(known):
                mark = f"-{minute.resets[b]}" if again else ""
                piece.add(int(piece.frames.row[frame]), RANK, _fact(piece, block, b, frame, known, mark))


def _fact(piece: Slice, block: BarBlock, b: int, frame: int, known: I8, mark: str) -> facts.Bars:
    assert piece.frames is not None
    name = INTERVALS[block.seconds]
    ts_open = int(block.ts_open[b])
    offset = int(piece.frames.offset[frame])
    key = f"{piece.market}-bars-{name}-{ts_open}{mark}"
    symbols = piece.symbols
    return facts.Bars(
        id=key, trace_id=key, market=piece.market, partition=piece.partition, offset=offset, ts_event=ts_open + block.seconds * SECOND,
        settings_hash=piece.settings_hash, model_hash=piece.model_hash, interval=name, ts_open=ts_open, closed=True,  # type: ignore[arg-type]
        symbols=[symbols[number] for number in known.tolist()],
        open=block.open[b, known].tolist(), high=block.high[b, known].tolist(), low=block.low[b, known].tolist(),
        close=block.close[b, known].tolist(), volume=np.round(block.volume[b, known], 8).tolist(),
        quote_volume=np.round(block.quote_volume[b, known], 6).tolist(), trades=block.trades[b, known].astype(np.int64).tolist(),
    )  # fmt: skip


def _collect(minute: _Minute, ts_open: int, frame: int, columns: F8, resets: int, *, known: bool) -> None:
    minute.ts_open.append(ts_open)
    minute.frame.append(frame)
    own = columns.copy()
    prices = own[: framing.B_CLOSE + 1]
    prices[prices == 0.0] = np.nan
    if not known:
        own[: framing.B_CLOSE + 1] = np.nan
        own[framing.B_WHOLE] = 0.0
    minute.columns.append(own)
    minute.resets.append(resets)


def _block(frames: int, width: int) -> tuple[F8, I8, int]:
    return np.empty((framing.FIELDS, frames, width)), np.zeros((framing.HEADS, frames), dtype=np.int64), 0


def _join(blocks: list[tuple[F8, I8, int]]) -> FrameBlock:
    if len(blocks) == 1:
        block, heads, used = blocks[0]
        block, heads = block[:, :used], heads[:, :used]
    else:
        block = np.concatenate([b[:, :used] for b, _, used in blocks], axis=1)
        heads = np.concatenate([h[:, :used] for _, h, used in blocks], axis=1)
    restart: B1 = heads[framing.H_RESTART] != 0
    return FrameBlock(
        ts_open=heads[framing.H_OPEN], row=heads[framing.H_ROW], offset=heads[framing.H_OFFSET], restart=restart,
        **{name: block[index] for index, name in enumerate(framing.FIELD_NAMES)},
        ts_recv=heads[framing.H_RECV], feed_recv=heads[framing.H_FEED], lag_ms=heads[framing.H_LAG] / 1e6,
        skew_ms=heads[framing.H_SKEW] / 1e6,
    )  # fmt: skip


__all__ = ["FORMING", "HIGHER", "INTERVALS", "RANK", "SECONDS_OF", "Frame", "FrameState"]
