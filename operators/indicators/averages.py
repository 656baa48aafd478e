"""Recursive averages, and the indicators made of them alone: EMA, MACD, RSI, ATR, ADX."""

from __future__ import annotations

import math
from typing import Final

from operators.indicators.layout import Memory, Out, Period
from operators.jit import kernel
from operators.slices import F8, I8

# numba freezes module-level integers, not members of an enum looked up at run time.
M_HIGH: Final = int(Memory.PREVIOUS_HIGH)
M_LOW: Final = int(Memory.PREVIOUS_LOW)
M_CLOSE: Final = int(Memory.PREVIOUS_CLOSE)
M_EMA: Final = int(Memory.EMA)
M_FAST: Final = int(Memory.MACD_FAST)
M_SLOW: Final = int(Memory.MACD_SLOW)
M_SIGNAL: Final = int(Memory.MACD_SIGNAL)
M_GAIN: Final = int(Memory.GAIN)
M_LOSS: Final = int(Memory.LOSS)
M_ATR: Final = int(Memory.ATR)
M_ADX_RANGE: Final = int(Memory.ADX_RANGE)
M_ADX_PLUS: Final = int(Memory.ADX_PLUS)
M_ADX_MINUS: Final = int(Memory.ADX_MINUS)
M_ADX: Final = int(Memory.ADX)
P_EMA: Final = int(Period.EMA)
P_FAST: Final = int(Period.MACD_FAST)
P_SLOW: Final = int(Period.MACD_SLOW)
P_SIGNAL: Final = int(Period.MACD_SIGNAL)
P_RSI: Final = int(Period.RSI)
P_ATR: Final = int(Period.ATR)
P_ADX: Final = int(Period.ADX)
O_EMA: Final = int(Out.EMA)
O_MACD: Final = int(Out.MACD)
O_MACD_SIGNAL: Final = int(Out.MACD_SIGNAL)
O_MACD_HISTOGRAM: Final = int(Out.MACD_HISTOGRAM)
O_RSI: Final = int(Out.RSI)
O_ATR: Final = int(Out.ATR)
O_PLUS_DI: Final = int(Out.PLUS_DI)
O_MINUS_DI: Final = int(Out.MINUS_DI)
O_ADX: Final = int(Out.ADX)


@kernel
def smooth(memory: F8, row: int, s: int, x: float, seen: int, period: int, weight: float) -> float:
    """Return the average after sample number `seen` (from 1): the mean of the first `period`, then `weight` of each new
    one.

    NaN before sample `period`. weight 2/(n+1) is the exponential average, 1/n Wilder's.
    """
    if seen < period:
        memory[row, s] += x
        return math.nan
    if seen == period:
        memory[row, s] = (memory[row, s] + x) / period
    else:
        memory[row, s] += weight * (x - memory[row, s])
    value: float = memory[row, s]
    return value


@kernel
def ema(memory: F8, row: int, s: int, x: float, seen: int, period: int) -> float:
    """Exponential moving average, seeded with the simple mean of the first `period` samples."""
    return smooth(memory, row, s, x, seen, period, 2.0 / (period + 1))


@kernel
def wilder(memory: F8, row: int, s: int, x: float, seen: int, period: int) -> float:
    """Wilder's average (New Concepts in Technical Trading Systems, 1978)."""
    return smooth(memory, row, s, x, seen, period, 1.0 / period)


@kernel
def true_range(memory: F8, s: int, high: float, low: float) -> float:
    """The larger of the bar's range and its reach from the previous close (Wilder 1978)."""
    close = memory[M_CLOSE, s]
    reach: float = max(high - low, abs(high - close), abs(low - close))
    return reach


@kernel
def step_averages(memory: F8, values: F8, s: int, close: float, seen: int, periods: I8) -> None:
    """EMA and MACD (Appel: fast minus slow EMA, its EMA as signal)."""
    values[O_EMA, s] = ema(memory, M_EMA, s, close, seen, periods[P_EMA])
    fast = ema(memory, M_FAST, s, close, seen, periods[P_FAST])
    slow = ema(memory, M_SLOW, s, close, seen, periods[P_SLOW])
    macd = fast - slow
    values[O_MACD, s] = macd
    since = seen - periods[P_SLOW] + 1
    if since >= 1:
        signal = ema(memory, M_SIGNAL, s, macd, since, periods[P_SIGNAL])
        values[O_MACD_SIGNAL, s] = signal
        values[O_MACD_HISTOGRAM, s] = macd - signal


@kernel
def step_rsi(memory: F8, values: F8, s: int, close: float, seen: int, periods: I8) -> None:
    """Wilder's relative strength index; 100 when nothing fell, 50 when nothing moved at all."""
    if seen < 2:
        return
    change = close - memory[M_CLOSE, s]
    period = periods[P_RSI]
    gain = wilder(memory, M_GAIN, s, max(change, 0.0), seen - 1, period)
    loss = wilder(memory, M_LOSS, s, max(-change, 0.0), seen - 1, period)
    if seen <= period:
        return
    if loss > 0.0:
        values[O_RSI, s] = 100.0 - 100.0 / (1.0 + gain / loss)
    else:
        values[O_RSI, s] = 100.0 if gain > 0.0 else 50.0


@kernel
def step_directional(memory: F8, values: F8, s: int, high: float, low: float, seen: int, periods: I8) -> None:
    """Average true range, directional indicators and their average index (Wilder 1978)."""
    if seen < 2:
        return
    reach = true_range(memory, s, high, low)
    values[O_ATR, s] = wilder(memory, M_ATR, s, reach, seen - 1, periods[P_ATR])
    up = high - memory[M_HIGH, s]
    down = memory[M_LOW, s] - low
    period = periods[P_ADX]
    span = wilder(memory, M_ADX_RANGE, s, reach, seen - 1, period)
    plus = wilder(memory, M_ADX_PLUS, s, up if up > down and up > 0.0 else 0.0, seen - 1, period)
    minus = wilder(memory, M_ADX_MINUS, s, down if down > up and down > 0.0 else 0.0, seen - 1, period)
    if seen <= period:
        return
    plus_di = 100.0 * plus / span if span > 0.0 else 0.0
    minus_di = 100.0 * minus / span if span > 0.0 else 0.0
    values[O_PLUS_DI, s] = plus_di
    values[O_MINUS_DI, s] = minus_di
    both = plus_di + minus_di
    spread = 100.0 * abs(plus_di - minus_di) / both if both > 0.0 else 0.0
    values[O_ADX, s] = wilder(memory, M_ADX, s, spread, seen - period, period)
