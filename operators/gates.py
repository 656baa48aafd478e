"""Gates: what must hold before a coin is entered, in the order in which they are asked. The first that fails is the
verdict.

Data first (stale, missing, double, misaligned or jumping prices never open anything), then the market and the coin
(trading, warm, hot, liquid), then the price of acting (book, spread, extension), then what speaks for it (votes, edge
over cost), last what holds it back (just decided, a better coin of its group decided). Comparisons are elementwise over
frames and candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Final

import numpy as np

from contracts.reasons import Reason, WaitReason
from contracts.settings.decisions import GuardSettings
from operators.slices import B1, F8


class Column(IntEnum):
    """First axis of `Seen.columns`: what is known of a candidate at a closed second. Flags are 1 or 0."""

    PRICE = 0  # NaN until the first
    BID = 1  # NaN without quotes
    ASK = 2
    SPREAD_BPS = 3  # of the mid; NaN without a bid and an ask
    TOUCH = 4  # quote currency on the thinner side of the touch, 0 where one is empty; NaN without quotes
    HEAT = 5  # 0..100
    CHANGE_1M = 6  # fraction, against the close of the minute before last; NaN while unknown
    CHANGE_5M = 7  # fraction, against the close five to six minutes ago; NaN while unknown
    EDGE_BPS = 8  # see `outlook` and `edge_model`; NaN while unknown
    RISK_BPS = 9
    SLIPPAGE_BPS = 10  # of one side
    COST_BPS = 11  # of the round trip
    ATR_BPS = 12  # of the 1m bars; NaN until warm
    BARS = 13  # closed one-minute bars since the start or the last hole
    FRESH = 14
    GAPPED = 15
    DUPLICATED = 16
    JUMPED = 17
    TRADING = 18
    HOT = 19
    PASSED = 20
    MODEL = 21  # edge and risk are the model's


class Threshold(IntEnum):
    """First axis of the thresholds (len(Threshold), S): the entry settings as they hold for each coin."""

    ENABLED = 0
    HEAT_MIN = 1
    CONSENSUS_MIN = 2
    SPREAD_MAX_BPS = 3
    EDGE_OVER_COST = 4
    MAX_CHANGE_5M = 5
    REARM_NS = 6
    GROUP_HOLD_NS = 7
    NOTIONAL = 8
    HOT_ONLY = 9


class Gate(IntEnum):
    """In the order of asking."""

    FRESH = 0
    PRESENT = 1
    UNIQUE = 2
    ALIGNED = 3
    STEADY = 4
    TRADING = 5
    ENABLED = 6
    WARM = 7
    STAGE = 8
    HEAT = 9
    LIQUID = 10
    MODEL = 11
    QUOTED = 12
    DEPTH = 13
    SPREAD = 14
    EXTENSION = 15
    CONSENSUS = 16
    EDGE = 17
    SETUP = 18
    ARMED = 19
    GROUP = 20


REASONS: Final = {
    Gate.FRESH: WaitReason.STALE_DATA,
    Gate.PRESENT: WaitReason.MISSING_DATA,
    Gate.UNIQUE: WaitReason.DUPLICATE_DATA,
    Gate.ALIGNED: WaitReason.MISALIGNED_DATA,
    Gate.STEADY: WaitReason.PRICE_JUMP,
    Gate.TRADING: WaitReason.NOT_TRADING,
    Gate.ENABLED: WaitReason.ENTRY_DISABLED,
    Gate.WARM: WaitReason.WARMING_UP,
    Gate.STAGE: WaitReason.NOT_HOT,
    Gate.HEAT: WaitReason.HEAT_BELOW,
    Gate.LIQUID: WaitReason.ILLIQUID,
    Gate.MODEL: WaitReason.MODEL_UNHEALTHY,
    Gate.QUOTED: WaitReason.NO_QUOTE,
    Gate.DEPTH: WaitReason.NO_DEPTH,
    Gate.SPREAD: WaitReason.SPREAD_ABOVE,
    Gate.EXTENSION: WaitReason.OVEREXTENDED,
    Gate.CONSENSUS: WaitReason.CONSENSUS_BELOW,
    Gate.EDGE: WaitReason.EDGE_BELOW_COST,
    Gate.SETUP: WaitReason.NO_SETUP,
    Gate.ARMED: WaitReason.COOLDOWN,
    Gate.GROUP: WaitReason.HIGH_CORR_GROUP,
}
GATE_NAMES: Final = [gate.name.lower() for gate in Gate]
SEQUENTIAL: Final = (Gate.ARMED, Gate.GROUP)
"""Gates that depend on earlier decisions: `verdicts` asks them frame by frame."""


@dataclass(slots=True)
class Seen:
    """What a strategy judges: F frames by K candidates, hottest first.

    columns (len(Column), F, K); votes (families, timeframes, F, K) -1..1, NaN where absent; limits (len(Threshold), F,
    K); consensus -1..1 and confidence 0..1 (F, K) under the strategy's own weights; side (F, K) +1, 0 or -1: the
    consensus with hysteresis. Places without a candidate hold NaN prices and zeros.
    """

    columns: F8
    votes: F8
    limits: F8
    consensus: F8
    confidence: F8
    side: F8


@dataclass(slots=True)
class Judgement:
    """What a strategy concludes: direction (F, K) +1 long, -1 short; strength (F, K) 0..1.

    Gates (len(Gate), F, K) passed or not.
    """

    direction: F8
    strength: F8
    gates: B1


def entry_gates(seen: Seen, guards: GuardSettings, direction: float) -> B1:
    """Ask every gate that all strategies share; SETUP and the sequential ones come back open."""
    c, limits = seen.columns, seen.limits
    gates = np.ones((len(Gate), *seen.consensus.shape), dtype=np.bool_)
    price, spread = c[Column.PRICE], c[Column.SPREAD_BPS]
    unquoted = np.isnan(spread)
    middle = 0.5 * (c[Column.BID] + c[Column.ASK])
    gates[Gate.FRESH] = c[Column.FRESH] > 0.0
    gates[Gate.PRESENT] = (price > 0.0) & (c[Column.GAPPED] == 0.0)
    gates[Gate.UNIQUE] = c[Column.DUPLICATED] == 0.0
    near = (np.abs(middle - price) <= guards.misaligned_max * price) & (spread >= 0.0)
    gates[Gate.ALIGNED] = near | unquoted
    gates[Gate.STEADY] = c[Column.JUMPED] == 0.0
    gates[Gate.TRADING] = c[Column.TRADING] > 0.0
    gates[Gate.ENABLED] = limits[Threshold.ENABLED] > 0.0
    gates[Gate.WARM] = (c[Column.BARS] >= guards.warm_bars) & ~np.isnan(c[Column.EDGE_BPS])
    gates[Gate.STAGE] = (c[Column.HOT] > 0.0) | (limits[Threshold.HOT_ONLY] == 0.0)
    gates[Gate.HEAT] = c[Column.HEAT] >= limits[Threshold.HEAT_MIN]
    gates[Gate.LIQUID] = c[Column.PASSED] > 0.0
    gates[Gate.MODEL] = (c[Column.MODEL] > 0.0) | (not guards.model_required)
    gates[Gate.QUOTED] = ~unquoted | (not guards.quote_required)
    gates[Gate.DEPTH] = (c[Column.TOUCH] > guards.touch_min) | np.isnan(c[Column.TOUCH])
    gates[Gate.SPREAD] = (spread <= limits[Threshold.SPREAD_MAX_BPS]) | unquoted
    gates[Gate.EXTENSION] = np.abs(c[Column.CHANGE_5M]) <= limits[Threshold.MAX_CHANGE_5M]
    gates[Gate.CONSENSUS] = seen.side == direction
    gates[Gate.EDGE] = c[Column.EDGE_BPS] > limits[Threshold.EDGE_OVER_COST] * c[Column.COST_BPS]
    return gates


_ARGUMENTS: Final[dict[Gate, dict[str, Column]]] = {
    Gate.STEADY: {"price": Column.PRICE},
    Gate.ALIGNED: {"price": Column.PRICE, "bid": Column.BID, "ask": Column.ASK},
    Gate.WARM: {"bars": Column.BARS},
    Gate.HEAT: {"heat": Column.HEAT},
    Gate.DEPTH: {"touch": Column.TOUCH},
    Gate.SPREAD: {"spread_bps": Column.SPREAD_BPS},
    Gate.EXTENSION: {"change_5m": Column.CHANGE_5M},
    Gate.EDGE: {"edge_bps": Column.EDGE_BPS, "cost_bps": Column.COST_BPS},
    Gate.SETUP: {"change_1m": Column.CHANGE_1M},
}
_LIMITS: Final[dict[Gate, Threshold]] = {
    Gate.HEAT: Threshold.HEAT_MIN,
    Gate.SPREAD: Threshold.SPREAD_MAX_BPS,
    Gate.EXTENSION: Threshold.MAX_CHANGE_5M,
    Gate.CONSENSUS: Threshold.CONSENSUS_MIN,
    Gate.EDGE: Threshold.EDGE_OVER_COST,
}


_JUDGED: Final = frozenset({Gate.EXTENSION, Gate.EDGE, Gate.SETUP})
"""Gates that fail on a number nobody knows yet."""


def why_not(gate: Gate, columns: list[float], limits: list[float], consensus: float, guards: GuardSettings) -> Reason:
    """The reason code of a gate that failed, with the numbers it compared (rounded; unknown ones left out, and named in `unknown`
    where a coin waits for them).

    columns and limits are those of one candidate at one second, in the order of `Column` and `Threshold`.
    """
    args: dict[str, float | str] = {}
    for name, column in _ARGUMENTS.get(gate, {}).items():
        value = columns[column]
        if isfinite(value):
            args[name] = significant(value)
        elif gate in _JUDGED:
            args["unknown"] = name
    if gate in _LIMITS:
        args["needed"] = significant(limits[_LIMITS[gate]])
    if gate is Gate.CONSENSUS:
        args["consensus"] = significant(consensus)
    elif gate is Gate.WARM:
        args["needed"] = float(guards.warm_bars)
    elif gate is Gate.DEPTH:
        args["needed"] = guards.touch_min
    return Reason(REASONS[gate], args)


def significant(value: float) -> float:
    """Six significant digits: what a person reads; decisions compare the unrounded number.

    >>> significant(0.123456789), significant(43210.987654)
    (0.123457, 43211.0)
    """
    return float(f"{value:.6g}")
