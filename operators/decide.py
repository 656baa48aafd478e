"""Decide: from hot coin to one auditable DecisionPacket.

    bars ─ indicators ─ votes ─┐
    bars ─ outlook ────────────┼─ what is seen of the candidates ─ strategy's gates ─ verdicts ─ signals, packets
    quotes, heat, freshness ───┘

At each closed second the candidates (the top of the heat) are judged. A `Signal` is written for each at every closed
minute, and when its verdict changes; a `DecisionPacket` when every gate is open, once per episode. Further strategies
decide beside the acting one, in shadow: their facts are marked, and nothing acts on them. `bar_memory` carries bars into
indicators, votes and outlook; `sight` looks at the candidates; here they are walked in the log's order, judged and told.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from contracts.events import Instruments, StreamGap
from contracts.settings import DeskSettings
from operators.bar_memory import MINUTE_S, BarMemory
from operators.decide_state import NEVER, TOLD, DecideState
from operators.edge_model import IN_FORCE, OFF, STATUS, EdgeModel
from operators.gates import Column, Judgement, Seen
from operators.group_numbers import GroupNumbers
from operators.model_health import ModelWatch
from operators.observe import DECIDE, FRAME, TOLD_COLUMNS, settle, share
from operators.packets import Versions, Writer
from operators.sight import Sight
from operators.signals import TIMEFRAMES, no_anchors, no_votes
from operators.slices import F8, I8, SECOND, Decided, FrameBlock, HeatBlock, HistoryBars, Slice
from operators.state import capacity
from operators.strategies import Strategy, build
from operators.verdict import Place

RANK: Final = 8


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
        self._strategies: list[Strategy] = build(settings)
        self._names = [strategy.name for strategy in self._strategies]
        self._writers = [
            Writer(settings, versions, strategy.name, strategy.timeframe, strategy.setup, shadow=number > 0)
            for number, strategy in enumerate(self._strategies)
        ]
        self._weights = np.stack([strategy.weights for strategy in self._strategies])
        self._bars = BarMemory(settings)
        self._outlook = self._bars.outlook
        self._sight = Sight(settings, self._weights, self._outlook)
        self._groups = GroupNumbers()
        self._model = EdgeModel(settings)
        self._watch = ModelWatch(settings)
        self._follow = int(settings.exits.max_holding_s * SECOND)
        self._repeat = int(settings.signals.repeat_s * SECOND)

    def start(self) -> DecideState:
        """Nothing seen yet."""
        s = capacity(1)
        n = len(self._names)
        state = DecideState(
            strategies=list(self._names),
            indicators=self._bars.indicators(),
            bars=self._bars.bars(),
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
            judged_at=np.full(s, NEVER, np.int64),
            untradeable={},
            model=self._model.start(),
        )
        state.pace[:, TOLD] = -1
        return state

    def step(self, state: DecideState, piece: Slice) -> None:
        """Walk the slice's closed seconds; between them take bars, history and events where they stand on the log."""
        state.arrange(self._names)
        self._model.adopt(state.model, started_over=self._bars.adopt(state))
        state.widen(piece.width)
        self._bars.widen(state, piece.width)
        self._sight.widen(state, piece)
        self._model.widen(state.model, piece.width)
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
                self._bars.take_history(state, what)
            elif isinstance(what, int):
                if frames is not None and at < count:
                    self._sight.gather(state, frames, walked, at + 1)
                self._bars.take_minute(state, piece, what)
                self._learn(state, piece, what)
            else:
                self._sight.take_event(state, piece, what)
        self._judge(state, piece, agreed, walked, done, count)
        self._sight.find_duplicates(state, piece, walked)

    @staticmethod
    def _stops(piece: Slice, count: int) -> list[tuple[int, HistoryBars | Instruments | StreamGap | int]]:
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

    def _learn(self, state: DecideState, piece: Slice, b: int) -> None:
        """Let the model learn from what the minute completed, and tell how good it is."""
        model = state.model
        block, frames = piece.bars[MINUTE_S], piece.frames
        now = int(block.ts_open[b]) + MINUTE_S * SECOND
        if model.marks[STATUS] != OFF:
            self._model.learn(model, state.outlook, now // (MINUTE_S * SECOND))
        self._watch.judge(model, now)
        frame = int(block.frame[b])
        if frames is None or frame < 0 or not self._watch.due(model, now):
            return
        row, offset = int(frames.row[frame]), int(frames.offset[frame])
        used = self._model.hash(model) if model.marks[STATUS] == IN_FORCE else ""
        told = self._watch.fact(model, piece, offset, now, used)
        piece.add(row, RANK, told)
        if told.changed and "in_force" in (told.state, told.previous):
            piece.add(row, RANK, self._watch.alert(told))

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
        seen = self._sight.see(state, piece, frames, heat, top, walked, first, last)
        group = self._groups.of(piece, first, state.pace.shape[2])
        unfit = self._watch.unfit(state.model) if self._settings.guards.model_required else {}
        for number, (strategy, writer) in enumerate(zip(self._strategies, self._writers, strict=True)):
            judged = strategy.judge(seen[number])
            told = np.empty((top.shape[1] * (last - first), TOLD_COLUMNS), np.int64)
            rows = settle(
                first,
                last,
                frames.ts_open,
                top,
                judged.gates,
                self._sight.thresholds,
                group,
                self._repeat,
                state.pace[number],
                told,
            )
            for frame, k, symbol, verdict, in_the_way, since in told[:rows].tolist():
                status = state.untradeable.get(piece.symbols[symbol], "")
                modelled = seen[number].columns[Column.MODEL, frame - first, k] > 0.0
                model = self._model.hash(state.model) if modelled else ""
                place = Place(frame, frame - first, k, symbol, verdict, in_the_way, since, status, model, unfit)
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
