"""Facts of deciding: a `Signal` for what was seen and why it waits or acts, a `DecisionPacket` for what shall be done.

Numbers in facts are rounded to six significant digits and never NaN: what is unknown is left out, or zero where a field
must stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from math import isfinite
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from contracts.facts import CostAssumption, DecisionPacket, Signal
from contracts.settings import DeskSettings
from contracts.settings.trading import ExitSettings
from operators.edge_model import VERSION
from operators.gates import GATE_NAMES, Column, Gate, Judgement, Seen, significant
from operators.ids import trace_id
from operators.indicators.layout import Out
from operators.observe import DECIDE
from operators.slices import F8, SECOND, FrameBlock, Slice
from operators.verdict import VOTES, Place, Reasons, number

_SHOWN: Final = (
    Column.PRICE,
    Column.CHANGE_1M,
    Column.CHANGE_5M,
    Column.SPREAD_BPS,
    Column.EDGE_BPS,
    Column.RISK_BPS,
    Column.COST_BPS,
    Column.ATR_BPS,
)
FEATURES: Final = [(column.name.lower(), int(column)) for column in _SHOWN]
INDICATORS: Final = [(f"{out.name.lower()}_1m", int(out)) for out in (Out.RSI, Out.ADX, Out.MFI, Out.CMF)]
GATES: Final = list(Gate)


@dataclass(frozen=True, slots=True)
class Versions:
    """What was in force: data and code. Empty where there is none."""

    data: str = ""
    git: str = ""


class Writer:
    """Write the facts of one strategy.

    signal(...) and packet(...) read the judged block at a place; `values` and `votes` are the indicators and votes of
    this moment.
    """

    def __init__(
        self,
        settings: DeskSettings,
        versions: Versions,
        strategy: str,
        timeframe: str,
        setup: Mapping[str, float],
        *,
        shadow: bool,
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._strategy = strategy
        self._timeframe = timeframe
        self._reasons = Reasons(settings, strategy, setup)
        self._shadow = shadow
        self._zone = ZoneInfo(settings.strategy.local_timezone)

    def trace(self, piece: Slice, frames: FrameBlock, place: Place) -> str:
        """Id of what was concluded of this coin at this second by this strategy."""
        second, offset = int(frames.ts_open[place.frame]), int(frames.offset[place.frame])
        return trace_id(piece.market, offset, "decide", self._strategy, piece.symbols[place.symbol], second)

    def signal(
        self,
        piece: Slice,
        frames: FrameBlock,
        place: Place,
        seen: Seen,
        judged: Judgement,
        values: F8,
        decision_id: str,
    ) -> Signal:
        """Describe an evaluated coin."""
        f, k, s = place.f, place.k, place.symbol
        trace = self.trace(piece, frames, place)
        columns = seen.columns[:, f, k].tolist()
        indicators = values[:, s].tolist()
        features = {name: significant(columns[column]) for name, column in FEATURES if isfinite(columns[column])}
        for name, out in INDICATORS:
            if isfinite(indicators[out]):
                features[name] = significant(indicators[out])
        votes = np.round(seen.votes[:, :, f, k], 4).ravel().tolist()
        cast = {name: value for name, value in zip(VOTES, votes, strict=True) if isfinite(value)}
        passed = judged.gates[:, f, k].tolist()
        action: Literal["long", "short", "wait"] = "wait"
        if place.verdict == DECIDE:
            side = 1.0 if judged.direction[f, k] > 0 else -1.0
            action = "long" if side > 0 else "short"
            reasons = self._reasons.entry(place, seen, side)
        else:
            limits = seen.limits[:, f, k].tolist()
            consensus = float(seen.consensus[f, k])
            reasons = [
                self._reasons.wait(gate, piece, place, columns, limits, consensus)
                for gate, open_ in zip(GATES, passed, strict=True)
                if not open_
            ]
        return Signal(
            id=f"{trace}-signal",
            trace_id=trace,
            market=piece.market,
            partition=piece.partition,
            offset=int(frames.offset[place.frame]),
            ts_event=int(frames.ts_open[place.frame]) + SECOND,
            settings_hash=piece.settings_hash,
            model_hash=place.model or piece.model_hash,
            symbol=piece.symbols[s],
            strategy=self._strategy,
            shadow=self._shadow,
            action=action,
            heat=number(seen.columns[Column.HEAT, f, k]),
            consensus=number(seen.consensus[f, k]),
            confidence=number(seen.confidence[f, k]),
            votes=cast,
            features=features,
            gates=dict(zip(GATE_NAMES, passed, strict=True)),
            reasons=reasons,
            decision_id=decision_id,
        )

    def packet(
        self,
        piece: Slice,
        frames: FrameBlock,
        place: Place,
        seen: Seen,
        judged: Judgement,
        reach: tuple[float, float],
    ) -> DecisionPacket:
        """Describe what shall be done. `reach`: shares of the past that gained the first target, lost the stop."""
        f, k, s = place.f, place.k, place.symbol
        trace = self.trace(piece, frames, place)
        now = int(frames.ts_open[place.frame]) + SECOND
        own = self._settings.for_symbol(piece.symbols[s])
        side = 1.0 if judged.direction[f, k] > 0 else -1.0
        entry = _entry(seen, f, k, side)
        gains = [gain for gain, _ in own.exits.take_profit]
        risk_bps = number(seen.columns[Column.RISK_BPS, f, k])
        probabilities = {"first_target": reach[0], "stop": reach[1]}
        return DecisionPacket(
            id=trace,
            trace_id=trace,
            market=piece.market,
            partition=piece.partition,
            offset=int(frames.offset[place.frame]),
            ts_event=now,
            settings_hash=piece.settings_hash,
            model_hash=place.model or piece.model_hash,
            symbol=piece.symbols[s],
            strategy=self._strategy,
            shadow=self._shadow,
            timeframe=self._timeframe,
            horizon_s=60 * self._settings.outlook.horizon,
            action="long" if side > 0 else "short",
            strength=number(judged.strength[f, k]),
            confidence=number(seen.confidence[f, k]),
            risk_level=self._risk_level(risk_bps),
            heat=number(seen.columns[Column.HEAT, f, k]),
            entry=entry,
            stop_loss=_price(entry * (1.0 - side * own.exits.stop_loss)),
            take_profit_1=_price(entry * (1.0 + side * gains[0])) if gains else None,
            take_profit_2=_price(entry * (1.0 + side * gains[1])) if len(gains) > 1 else None,
            reward_risk=reward_risk(own.exits),
            expected_edge_bps=number(seen.columns[Column.EDGE_BPS, f, k]),
            edge_risk_bps=risk_bps,
            edge_source=VERSION if place.model else "realised_volatility",
            start_probabilities={name: round(p, 4) for name, p in probabilities.items() if isfinite(p)},
            cost=self._cost(seen, f, k),
            consensus=number(seen.consensus[f, k]),
            valid_until=now + int(own.entry.valid_s * SECOND),
            generated_at=now,
            generated_at_utc=_iso(now, UTC),
            generated_at_local=_iso(now, self._zone),
            reasons=self._reasons.entry(place, seen, side),
            model_version=VERSION if place.model else "",
            data_version=self._versions.data,
            git_version=self._versions.git,
        )

    def _cost(self, seen: Seen, f: int, k: int) -> CostAssumption:
        paper = self._settings.paper
        spread = float(seen.columns[Column.SPREAD_BPS, f, k])
        return CostAssumption(
            maker_fee_bps=paper.maker_fee_bps,
            taker_fee_bps=paper.taker_fee_bps,
            spread_bps=significant(spread if isfinite(spread) else paper.assumed_spread_bps),
            slippage_bps=number(seen.columns[Column.SLIPPAGE_BPS, f, k]),
            round_trip_bps=number(seen.columns[Column.COST_BPS, f, k]),
        )

    def _risk_level(self, risk_bps: float) -> Literal["low", "medium", "high"]:
        outlook = self._settings.outlook
        if risk_bps >= outlook.high_risk_bps:
            return "high"
        return "medium" if risk_bps >= outlook.medium_risk_bps else "low"


def reward_risk(exits: ExitSettings) -> float | None:
    """Gain of the whole take-profit ladder over the loss at the stop; None without a ladder.

    >>> reward_risk(ExitSettings(take_profit=((0.02, 0.5), (0.04, 0.5)), stop_loss=0.02))
    1.5
    """
    if not exits.take_profit:
        return None
    parts = sum(part for _, part in exits.take_profit)
    return significant(sum(gain * part for gain, part in exits.take_profit) / parts / exits.stop_loss)


def _entry(seen: Seen, f: int, k: int, side: float) -> float:
    """The price to act at: the far side of the touch, or the last price where there is no book."""
    touch = float(seen.columns[Column.ASK if side > 0 else Column.BID, f, k])
    return touch if isfinite(touch) else float(seen.columns[Column.PRICE, f, k])


def _price(value: float) -> float:
    """Ten significant digits: more than any tick size needs, without the noise of the arithmetic."""
    return float(f"{value:.10g}")


def _iso(ns: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(ns // SECOND, zone).isoformat()
