"""The exit rules: when a position is reduced or closed, for longs and shorts alike.

Rules act on a table of levels, one row per symbol (`columns.py`), so that a kernel can watch thousands of
ticks without leaving compiled code; the settings become levels once, when the position changes (`set_levels`, in exact
decimals). A level counts as touched within 1e-12 of its value.

On each price, in this order: the stop in force (the nearest to the price of stop loss, break-even and trailing stop; at
equal levels the first of these), then the water marks move (which arms break-even and trailing), then the next
take-profit tier. On each second: black swan, feed lost, heat faded, opposite signal. What a quote says of a long is its
bid, of a short its ask.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np

from contracts.instruments import from_float
from contracts.reasons import ExitReason
from contracts.settings.trading import ExitSettings, PaperSettings
from operators.columns import (
    BLACK_SWAN,
    BREAK_ARM,
    BREAK_LEVEL,
    DONE,
    HEAT_BELOW,
    HEAT_FOR,
    HEAT_SINCE,
    HIGH,
    LEVELS,
    LOST_MS,
    LOW,
    OPPOSITE,
    SIDE,
    STOP,
    TARGET,
    TRAIL_ARM,
    TRAIL_DISTANCE,
)
from operators.jit import kernel
from operators.slices import F8, SECOND

TOUCH: Final = 1e-12
WHOLE: Final = 1 - Decimal("1e-9")  # three parts of 0.3333333333333333 are meant to leave nothing

NONE: Final = 0
CODES: Final[tuple[ExitReason | None, ...]] = (
    None,
    ExitReason.STOP_LOSS,
    ExitReason.BREAK_EVEN,
    ExitReason.TRAILING_STOP,
    ExitReason.TAKE_PROFIT,
    ExitReason.BLACK_SWAN,
    ExitReason.FEED_LOST,
    ExitReason.HEAT_FADED,
    ExitReason.OPPOSITE_SIGNAL,
)
"""Meaning of the kernels' exit codes."""


@kernel
def stop_in_force(table: F8, s: int) -> tuple[float, int]:
    """The stop nearest to the price and the code of its rule (1 stop loss, 2 break-even, 3 trailing)."""
    side = table[s, SIDE]
    best = table[s, HIGH] if side > 0 else table[s, LOW]
    level = table[s, STOP]
    code = 1
    if side * best >= side * table[s, BREAK_ARM] - abs(best) * TOUCH and side * table[s, BREAK_LEVEL] > side * level:
        level = table[s, BREAK_LEVEL]
        code = 2
    if side * best >= side * table[s, TRAIL_ARM] - abs(best) * TOUCH:
        trail = best - side * best * table[s, TRAIL_DISTANCE]
        if side * trail > side * level:
            level = trail
            code = 3
    return level, code


@kernel
def on_price(table: F8, s: int, price: float) -> int:
    """One price of symbol `s`: move the water marks, return the code of the exit it triggers, else 0."""
    side = table[s, SIDE]
    if side == 0.0:
        return 0
    slack = price * TOUCH
    level, code = stop_in_force(table, s)
    table[s, HIGH] = max(table[s, HIGH], price)
    table[s, LOW] = min(table[s, LOW], price)
    if table[s, DONE] != 0.0:
        return 0
    if side * price <= side * level + slack:
        return code
    if side * price >= side * table[s, TARGET] - slack:
        return 4
    return 0


@kernel
def on_second(
    table: F8, s: int, close: float, before: float, age_ms: float, heat: float, consensus: float, ts_close: int
) -> int:
    """One closed second of symbol `s`, `before` its close 300 s earlier (NaN where unknown); returns an exit code or 0.

    `heat` and `consensus` are NaN where nothing was concluded; a spell of faded heat goes on through such seconds.
    """
    side = table[s, SIDE]
    if side == 0.0:
        return 0
    if not np.isnan(heat):
        if heat < table[s, HEAT_BELOW]:
            if np.isnan(table[s, HEAT_SINCE]):
                table[s, HEAT_SINCE] = ts_close
        else:
            table[s, HEAT_SINCE] = np.nan
    if table[s, DONE] != 0.0:
        return 0
    if before > 0.0 and abs(close / before - 1.0) >= table[s, BLACK_SWAN] - TOUCH:
        return 5
    if age_ms < np.inf and age_ms >= table[s, LOST_MS]:
        return 6
    if ts_close - table[s, HEAT_SINCE] >= table[s, HEAT_FOR]:
        return 7
    if side * consensus <= table[s, OPPOSITE]:
        return 8
    return 0


def set_levels(table: F8, s: int, side: int, entry: Decimal, exits: ExitSettings, paper: PaperSettings) -> None:
    """Write the levels of a position at average entry `entry`; water marks, tiers and heat spell are left as they are.

    Break-even holds the entry plus what a round trip costs: both taker fees and the slippage of the way out. It is
    armed by a gain of `break_even_after`, or of those costs if they are more.
    """

    def at(gain: Decimal) -> float:
        return float(entry * (1 + side * gain))

    table[s, SIDE] = side
    table[s, STOP] = at(-from_float(exits.stop_loss))
    cost = (2 * from_float(paper.taker_fee_bps) + from_float(paper.slippage_bps)) / 10_000
    table[s, BREAK_ARM] = np.nan
    table[s, BREAK_LEVEL] = np.nan
    if exits.break_even_after is not None:
        table[s, BREAK_ARM] = at(max(from_float(exits.break_even_after), cost))
        table[s, BREAK_LEVEL] = at(cost)
    table[s, TRAIL_ARM] = at(from_float(exits.trailing_after)) if exits.trailing_after is not None else np.nan
    table[s, TRAIL_DISTANCE] = exits.trailing_distance
    table[s, BLACK_SWAN] = _or_never(exits.black_swan_5m)
    table[s, HEAT_BELOW] = exits.heat_faded_below if exits.heat_faded_below is not None else -np.inf
    table[s, HEAT_FOR] = exits.heat_faded_s * SECOND
    table[s, OPPOSITE] = exits.opposite_consensus if exits.opposite_consensus is not None else -np.inf
    table[s, LOST_MS] = _or_never(exits.feed_lost_s) * 1000.0


def clear_levels(table: F8, s: int) -> None:
    """Forget the position of symbol `s`."""
    table[s, LEVELS] = np.nan
    table[s, SIDE] = 0.0
    table[s, DONE] = 0.0


def tier_levels(side: int, entry: Decimal, exits: ExitSettings) -> list[float]:
    """Prices of the take-profit tiers, nearest first."""
    return [float(entry * (1 + side * from_float(gain))) for gain, _ in exits.take_profit]


def tiers_reached(side: int, levels: list[float], price: float) -> int:
    """How many tiers a price has reached: a jump takes them all at once."""
    return sum(1 for level in levels if side * price >= side * level - price * TOUCH)


def part_until(exits: ExitSettings, tiers: int) -> Decimal:
    """Part of the first quantity that is sold once so many tiers were reached; 1 when the parts sum to it within 1e-9."""
    part = sum((from_float(part) for _, part in exits.take_profit[:tiers]), Decimal(0))
    return part if part < WHOLE else Decimal(1)


def bar_path(side: int, open_: float, high: float, low: float, close: float) -> tuple[float, float, float, float]:
    """The way a bar is taken to have gone where no ticks prove otherwise: first against the position."""
    return (open_, low, high, close) if side > 0 else (open_, high, low, close)


def stop_met(table: F8, s: int, price: float) -> ExitReason | None:
    """Rule of the stop in force if this price reaches it, whatever else is on its way."""
    side = float(table[s, SIDE])
    level, code = stop_in_force(table, s)
    return CODES[code] if side * price <= side * level + price * TOUCH else None


def level_between(table: F8, s: int, start: float, end: float) -> float | None:
    """First level a price meets on its way from `start` (exclusive) to `end`: the stop in force or the next tier."""
    side = float(table[s, SIDE])
    if side == 0.0 or table[s, DONE] != 0.0:
        return None
    if side * end < side * start:
        level, _ = stop_in_force(table, s)
        return level if side * end <= side * level < side * start else None
    target = float(table[s, TARGET])
    return target if side * start < side * target <= side * end else None


def _or_never(value: float | None) -> float:
    return value if value is not None else np.inf
