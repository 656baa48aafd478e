"""Decide: from hot coin to one auditable DecisionPacket.

    bars ─ indicators ─ votes ─┐
    bars ─ outlook ────────────┼─ what is seen of the candidates ─ strategy's gates ─ verdicts ─ signals, packets
    quotes, heat, freshness ───┘

At each closed second the candidates (the top of the heat) are judged. A `Signal` is written for each at every closed
minute, and when its verdict changes; a `DecisionPacket` when every gate is open, once per episode. Further strategies
decide beside the acting one, in shadow: their facts are marked, and nothing acts on them. Bars of 1 m come from the
frame step and, at start, from the venue's history; longer ones are joined here from both, so that they are whole even
where the desk started in their middle.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from contracts.events import Instruments, StreamGap
from contracts.settings import DeskSettings
from operators.aggregate import NONE, Aggregator
from operators.candidates import Stage
from operators.decide_state import GAP, NEVER, TOLD, DecideState
from operators.gates import Column, Judgement, Seen, Threshold
from operators.indicators import Indicators
from operators.indicators.shown import shown
from operators.observe import COLUMNS, DECIDE, FRAME, LIMITS, TOLD_COLUMNS, find_duplicates, gather, see, settle, share
from operators.outlook import Outlook, remember, remember_all
from operators.packets import Place, Versions, Writer
from operators.signals import TIMEFRAMES, no_anchors, no_votes, remember_flow, vote, vote_all
from operators.slices import B1, F8, I4, I8, SECOND, Decided, FrameBlock, HeatBlock, HistoryBars, IndicatorBlock, Slice
from operators.state import capacity
from operators.strategies import Strategy, build

RANK: Final = 8
HOT: Final = int(Stage.HOT)
MINUTE_S: Final = 60
UNKNOWN: Final = [
    Column.PRICE,
    Column.BID,
    Column.ASK,
    Column.SPREAD_BPS,
    Column.TOUCH,
    Column.CHANGE_1M,
    Column.CHANGE_5M,
    Column.EDGE_BPS,
    Column.RISK_BPS,
    Column.ATR_BPS,
]
"""Columns that start as NaN."""


class Decide:
    """Judge candidates, write signals and decisions.

    step reads frames, bars, history, freshness, heat, groups and events; adds `consensus` (F, S), `indicators`,
    `decisions` and facts. Without the freshness step nothing is fresh, without the heat step there are no candidates.
    """

    name = "decide"
    state_type = DecideState

    def __init__(self, settings: DeskSettings, versions: Versions | None = None) -> None:
        versions = versions if versions is not None else Versions()
        self._settings = settings
        self._names = list(dict.fromkeys([settings.strategy.name, *settings.strategy.shadow]))
        self._strategies: list[Strategy] = [build(name, settings) for name in self._names]
        self._writers = [
            Writer(settings, versions, strategy.name, strategy.timeframe, strategy.setup, shadow=number > 0)
            for number, strategy in enumerate(self._strategies)
        ]
        self._weights = np.stack([strategy.weights for strategy in self._strategies])
        self._indicators = {seconds: Indicators(seconds, settings.indicators) for seconds in TIMEFRAMES}
        self._joiners = {seconds: Aggregator(MINUTE_S, seconds) for seconds in TIMEFRAMES if seconds > MINUTE_S}
        self._outlook = Outlook(settings.outlook)
        half = settings.signals.flow_half_life_bars
        self._keep = np.array([0.5 ** (MINUTE_S / seconds / half) for seconds in TIMEFRAMES])
        paper, guards = settings.paper, settings.guards
        self._numbers = np.array(
            [
                2.0 * paper.taker_fee_bps,
                paper.slippage_bps,
                guards.impact,
                paper.assumed_spread_bps,
                guards.jump_max,
                settings.signals.release,
                guards.jump_hold_s * SECOND,
                guards.duplicate_hold_s * SECOND,
            ]
        )
        self._follow = int(settings.exits.max_holding_s * SECOND)
        self._repeat = int(settings.signals.repeat_s * SECOND)
        self._thresholds: F8 = np.zeros((LIMITS, 0))
        self._trading: B1 = np.zeros(0, np.bool_)
        self._groups: tuple[list[str] | None, list[str] | None, I8] | None = None

    def start(self) -> DecideState:
        """Nothing seen yet."""
        s = capacity(1)
        n = len(self._names)
        state = DecideState(
            strategies=list(self._names),
            indicators={seconds: indicators.start() for seconds, indicators in self._indicators.items()},
            bars={seconds: joiner.start() for seconds, joiner in self._joiners.items()},
            outlook=self._outlook.start(),
            votes=no_votes(),
            anchors=no_anchors(),
            minute=np.zeros((2, s)),
            flow=np.zeros((len(TIMEFRAMES), 2, s)),
            last_close=np.full(s, np.nan),
            last_trade=np.zeros(s, np.int64),
            until=np.full((3, s), NEVER, np.int64),
            pace=np.full((n, 3, s), NEVER, np.int64),
            side=np.zeros((n, s)),
            followed=np.full(s, NEVER, np.int64),
            untradeable={},
        )
        state.pace[:, TOLD] = -1
        return state

    def step(self, state: DecideState, piece: Slice) -> None:
        """Walk the slice's closed seconds; between them take bars, history and events where they stand on the log."""
        state.arrange(self._names)
        self._widen(state, piece)
        frames = piece.frames
        count = len(frames) if frames is not None else 0
        agreed = np.full((count, piece.width), np.nan)
        piece.consensus = agreed
        walked = np.zeros(2, np.int64)
        done = 0
        for at, what in self._stops(piece, count):
            self._judge(state, piece, agreed, walked, done, at)
            done = max(done, at)
            if isinstance(what, HistoryBars):
                self._take_history(state, what)
            elif isinstance(what, int):
                if frames is not None and at < count:
                    self._gather(state, frames, walked, at + 1)
                self._take_minute(state, piece, what)
            else:
                self._take_event(state, piece, what)
        self._judge(state, piece, agreed, walked, done, count)
        self._find_duplicates(state, piece, walked)

    # --- what interrupts the walk over the seconds

    def _stops(self, piece: Slice, count: int) -> list[tuple[int, HistoryBars | Instruments | StreamGap | int]]:
        """(frame before which it acts, what) in the log's order; an int is a closed minute in `bars[60]`."""
        found: list[tuple[int, int, HistoryBars | Instruments | StreamGap | int]] = []
        rows = piece.frames.row if piece.frames is not None else np.zeros(0, np.int64)
        for history in piece.history:
            found.append((int(np.searchsorted(rows, history.row, side="right")), history.row, history))
        if piece.events:
            ticks = piece.ticks
            for row in np.flatnonzero(ticks.kind == 4).tolist():
                event = piece.events[int(ticks.v0[row])]
                if isinstance(event, Instruments | StreamGap):
                    found.append((int(np.searchsorted(rows, row, side="right")), row, event))
        block = piece.bars.get(MINUTE_S)
        if block is not None:
            for b, frame in enumerate(block.frame.tolist()):
                # A minute closes with its last second: after all that came on the log before that second's closing row.
                found.append((max(frame, 0), int(rows[frame]) if 0 <= frame < count else -1, b))
        found.sort(key=lambda stop: (stop[0], stop[1]))
        return [(at, what) for at, _, what in found]

    def _take_history(self, state: DecideState, history: HistoryBars) -> None:
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
            self._outlook.replay(state.outlook, s, columns[1].copy(), columns[2].copy(), columns[3].copy())
            return
        past = state.outlook
        for high, low, close in zip(*columns[1:4].tolist(), strict=True):
            remember(past.count, past.bars, minutes.count, s, high, low, close)

    def _take_minute(self, state: DecideState, piece: Slice, b: int) -> None:
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

    def _take_event(self, state: DecideState, piece: Slice, event: Instruments | StreamGap) -> None:
        if isinstance(event, Instruments):
            if event.complete:
                state.untradeable = {}
            for row in event.rows:
                if row.status == "TRADING":
                    state.untradeable.pop(row.symbol, None)
                else:
                    state.untradeable[row.symbol] = row.status
            self._trading = self._tradeable(state, piece)
            return
        until = max(event.ts_recv, event.ts_until) + int(self._settings.guards.gap_hold_s * SECOND)
        named = set(event.symbols)
        for s in range(piece.width):
            if not named or piece.symbols[s] in named:
                state.until[GAP, s] = max(int(state.until[GAP, s]), until)

    # --- the closed seconds

    def _judge(self, state: DecideState, piece: Slice, agreed: F8, walked: I8, first: int, last: int) -> None:
        """Judge the candidates of frames first..last - 1, between which no bar, history or event came.

        `agreed` (F, S) gets the consensus.
        """
        frames = piece.frames
        if frames is None or last <= first:
            return
        heat = piece.heat if piece.heat is not None else _no_heat(frames, piece.width)
        top = np.ascontiguousarray(heat.top)
        minute, gathered = state.minute.copy(), int(walked[FRAME])
        seen = self._see(state, piece, frames, heat, top, walked, first, last)
        group = self._group(state, piece, first)
        for number, (strategy, writer) in enumerate(zip(self._strategies, self._writers, strict=True)):
            judged = strategy.judge(seen[number], bool(piece.model_hash))
            told = np.empty((top.shape[1] * (last - first), TOLD_COLUMNS), np.int64)
            rows = settle(
                first,
                last,
                frames.ts_open,
                top,
                judged.gates,
                self._thresholds,
                group,
                self._repeat,
                state.pace[number],
                told,
            )
            for frame, k, symbol, verdict, in_the_way, since in told[:rows].tolist():
                status = state.untradeable.get(piece.symbols[symbol], "")
                place = Place(frame, frame - first, k, symbol, verdict, in_the_way, since, status)
                self._tell(state, piece, frames, place, seen[number], judged, writer)
            if number == 0:
                share(
                    first,
                    last,
                    gathered,
                    frames.ts_open,
                    frames.close,
                    frames.quote_volume,
                    frames.buy_volume,
                    frames.trades,
                    frames.minute_volume,
                    top,
                    seen[0].consensus,
                    told,
                    rows,
                    self._follow,
                    state.followed,
                    state.votes,
                    state.anchors,
                    minute,
                    state.flow,
                    self._weights[0],
                    agreed,
                )

    def _see(
        self,
        state: DecideState,
        piece: Slice,
        frames: FrameBlock,
        heat: HeatBlock,
        top: I4,
        walked: I8,
        first: int,
        last: int,
    ) -> list[Seen]:
        block = (last - first, top.shape[1])
        n = len(self._strategies)
        columns = np.zeros((COLUMNS, *block))
        columns[UNKNOWN] = np.nan
        limits = np.zeros((LIMITS, *block))
        votes = np.full((*self._weights.shape[1:], *block), np.nan)
        consensus, confidence, sides = np.zeros((n, *block)), np.zeros((n, *block)), np.zeros((n, *block))
        ticks, own, past = piece.ticks, state.indicators[MINUTE_S], state.outlook
        stale = np.full(len(frames), 1, np.uint8)
        market = piece.freshness.status if piece.freshness is not None else stale
        fresh = piece.freshness.symbol_ok if piece.freshness is not None else np.zeros(frames.close.shape, np.bool_)
        see(
            first,
            last,
            walked,
            frames.row,
            ticks.kind,
            ticks.symbol,
            ticks.ts_event,
            ticks.v3,
            state.last_trade,
            frames.ts_open,
            frames.restart,
            frames.close,
            frames.quote_volume,
            frames.buy_volume,
            frames.trades,
            state.last_close,
            state.minute,
            frames.bid,
            frames.ask,
            frames.bid_size,
            frames.ask_size,
            frames.minute_volume,
            market,
            fresh,
            heat.total,
            heat.stage,
            heat.passed,
            top,
            HOT,
            self._trading,
            self._thresholds,
            self._numbers,
            state.until,
            own.values,
            own.count,
            past.count,
            past.bars,
            past.asked,
            past.known,
            self._outlook.whole,
            self._outlook.parts,
            state.votes,
            state.anchors,
            state.flow,
            self._weights,
            state.side,
            columns,
            votes,
            limits,
            consensus,
            confidence,
            sides,
        )
        return [Seen(columns, votes, limits, consensus[i], confidence[i], sides[i]) for i in range(n)]

    def _tell(
        self,
        state: DecideState,
        piece: Slice,
        frames: FrameBlock,
        place: Place,
        seen: Seen,
        judged: Judgement,
        writer: Writer,
    ) -> None:
        row = int(frames.row[place.frame])
        decision_id = ""
        if place.verdict == DECIDE:
            exits = self._settings.for_symbol(piece.symbols[place.symbol]).exits
            gain = exits.take_profit[0][0] if exits.take_profit else np.inf
            reach = self._outlook.reach(state.outlook, place.symbol, gain, exits.stop_loss)
            packet = writer.packet(piece, frames, place, seen, judged, reach)
            decision_id = packet.id
            piece.add(row, RANK, packet)
            piece.decisions.append(Decided(place.frame, place.symbol, packet))
        values = state.indicators[MINUTE_S].values
        piece.add(row, RANK, writer.signal(piece, frames, place, seen, judged, values, decision_id))

    def _gather(self, state: DecideState, frames: FrameBlock, walked: I8, end: int) -> None:
        gather(
            walked,
            end,
            frames.ts_open,
            frames.restart,
            frames.close,
            frames.quote_volume,
            frames.buy_volume,
            frames.trades,
            state.last_close,
            state.until,
            state.minute,
            self._settings.guards.jump_max,
            int(self._settings.guards.jump_hold_s * SECOND),
        )

    def _find_duplicates(self, state: DecideState, piece: Slice, walked: I8) -> None:
        ticks = piece.ticks
        hold = int(self._settings.guards.duplicate_hold_s * SECOND)
        find_duplicates(
            walked, len(ticks), ticks.kind, ticks.symbol, ticks.ts_event, ticks.v3, state.last_trade, state.until, hold
        )

    # --- what follows from settings and names alone

    def _widen(self, state: DecideState, piece: Slice) -> None:
        width = piece.width
        state.widen(width)
        for seconds, indicators in self._indicators.items():
            indicators.widen(state.indicators[seconds], width)
        for seconds, joiner in self._joiners.items():
            joiner.widen(state.bars[seconds], width)
        self._outlook.widen(state.outlook, width)
        known = self._thresholds.shape[1]
        if known < width:
            added = [self._limits(piece.symbols[s]) for s in range(known, width)]
            self._thresholds = np.concatenate([self._thresholds, np.array(added).T], axis=1)
        if self._trading.shape[0] < width:
            self._trading = self._tradeable(state, piece)

    def _limits(self, symbol: str) -> list[float]:
        own = self._settings.for_symbol(symbol)
        entry = own.entry
        limits = {
            Threshold.ENABLED: float(entry.enabled),
            Threshold.HEAT_MIN: entry.heat_min,
            Threshold.CONSENSUS_MIN: entry.consensus_min,
            Threshold.SPREAD_MAX_BPS: entry.spread_max_bps,
            Threshold.EDGE_OVER_COST: entry.edge_over_cost,
            Threshold.MAX_CHANGE_5M: entry.max_change_5m,
            Threshold.REARM_NS: entry.rearm_s * SECOND,
            Threshold.GROUP_HOLD_NS: entry.group_hold_s * SECOND,
            Threshold.NOTIONAL: own.size.notional,
            Threshold.HOT_ONLY: float(entry.hot_only),
        }
        return [limits[threshold] for threshold in Threshold]

    def _tradeable(self, state: DecideState, piece: Slice) -> B1:
        return np.array([name not in state.untradeable for name in piece.symbols[: piece.width]], np.bool_)

    def _group(self, state: DecideState, piece: Slice, frame: int) -> I8:
        """Numbers of each coin's correlation group and of its sector, -1 for none; (2, columns of the state)."""
        width = state.pace.shape[2]
        # Groups change with 15-minute bars only, and those end a stretch of frames.
        names = piece.groups[frame] if piece.groups is not None else None
        known = self._groups
        if known is None or known[0] is not names or known[1] is not piece.sectors or known[2].shape[1] != width:
            group = np.full((2, width), -1, np.int64)
            for row, called in enumerate((names, piece.sectors)):
                numbers: dict[str, int] = {}
                for s, name in enumerate(called[:width] if called is not None else ()):
                    if name:
                        group[row, s] = numbers.setdefault(name, len(numbers))
            known = self._groups = (names, piece.sectors, group)
        return known[2]


def _bars(columns: F8) -> tuple[F8, F8, F8, F8]:
    """High, low, close, volume of columns (6, n)."""
    return columns[1].copy(), columns[2].copy(), columns[3].copy(), columns[4].copy()


def _no_heat(frames: FrameBlock, width: int) -> HeatBlock:
    f = len(frames)
    return HeatBlock(
        scores=np.zeros((f, 6, width), np.float32),
        total=np.zeros((f, width)),
        raw=np.full((f, width), -np.inf),
        stage=np.zeros((f, width), np.uint8),
        top=np.full((f, 0), -1, np.int32),
        passed=np.zeros((f, width), np.bool_),
    )
