"""What is seen of the candidates at closed seconds, and what a coin is held back for: doubted prices, repeated trades, a halt."""

from __future__ import annotations

from typing import Final

import numpy as np

from contracts.events import Instruments, StreamGap
from contracts.settings import DeskSettings
from operators.candidates import Stage
from operators.decide_state import GAP, DecideState
from operators.gates import Column, Seen, Threshold
from operators.observe import COLUMNS, LIMITS, find_duplicates, gather, see
from operators.outlook import Outlook
from operators.slices import B1, F8, I4, I8, SECOND, FrameBlock, HeatBlock, Slice

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


class Sight:
    """Look at candidates with the settings that hold for each coin; `weights` (strategies, families, timeframes).

    thresholds (len(Threshold), S) and trading (S,) follow from settings, names and the venue's status alone.
    """

    def __init__(self, settings: DeskSettings, weights: F8, outlook: Outlook) -> None:
        self._settings = settings
        self._weights = weights
        self._outlook = outlook
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
                settings.signals.keep_side_s * SECOND,
            ]
        )
        self.thresholds: F8 = np.zeros((LIMITS, 0))
        self._trading: B1 = np.zeros(0, np.bool_)

    def widen(self, state: DecideState, piece: Slice) -> None:
        """Take up the symbols that are new in this slice."""
        known = self.thresholds.shape[1]
        if known < piece.width:
            added = [self._limits(piece.symbols[s]) for s in range(known, piece.width)]
            self.thresholds = np.concatenate([self.thresholds, np.array(added).T], axis=1)
        if self._trading.shape[0] < piece.width:
            self._ask_status(state, piece)

    def _ask_status(self, state: DecideState, piece: Slice) -> None:
        """Go by the venue's status of each coin from now on."""
        self._trading = np.array([name not in state.untradeable for name in piece.symbols[: piece.width]], np.bool_)

    def take_event(self, state: DecideState, piece: Slice, event: Instruments | StreamGap) -> None:
        """Note the venue's status of its coins, or hold back those whose stream has a gap."""
        if isinstance(event, Instruments):
            if event.complete:
                state.untradeable = {}
            for row in event.rows:
                if row.status == "TRADING":
                    state.untradeable.pop(row.symbol, None)
                else:
                    state.untradeable[row.symbol] = row.status
            self._ask_status(state, piece)
            return
        until = max(event.ts_recv, event.ts_until) + int(self._settings.guards.gap_hold_s * SECOND)
        named = set(event.symbols)
        for s in range(piece.width):
            if not named or piece.symbols[s] in named:
                state.until[GAP, s] = max(int(state.until[GAP, s]), until)

    def see(
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
        """Look at frames first..last - 1; one `Seen` per strategy."""
        block = (last - first, top.shape[1])
        n = len(self._weights)
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
            self.thresholds,
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
            state.model.weights,
            state.model.said,
            state.model.waiting,
            state.model.taken,
            state.model.marks,
            state.votes,
            state.anchors,
            state.flow,
            self._weights,
            state.side,
            state.judged_at,
            columns,
            votes,
            limits,
            consensus,
            confidence,
            sides,
        )
        return [Seen(columns, votes, limits, consensus[i], confidence[i], sides[i]) for i in range(n)]

    def gather(self, state: DecideState, frames: FrameBlock, walked: I8, end: int) -> None:
        """Take order flow and leaps of price up to frame `end`, without judging."""
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

    def find_duplicates(self, state: DecideState, piece: Slice, walked: I8) -> None:
        """Take the slice's rows behind its last closed second."""
        ticks = piece.ticks
        hold = int(self._settings.guards.duplicate_hold_s * SECOND)
        find_duplicates(
            walked, len(ticks), ticks.kind, ticks.symbol, ticks.ts_event, ticks.v3, state.last_trade, state.until, hold
        )

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
