"""Indicators over a window of bars: Bollinger, Donchian, Keltner, Supertrend, Stochastic, ROC, and those of volume."""

from __future__ import annotations

import math
from typing import Final

from operators.indicators.averages import M_CLOSE, ema, true_range, wilder
from operators.indicators.layout import Memory, Out, Period, Ring
from operators.jit import kernel
from operators.slices import F8, I8

M_KELTNER: Final = int(Memory.KELTNER)
M_KELTNER_ATR: Final = int(Memory.KELTNER_ATR)
M_SUPER_ATR: Final = int(Memory.SUPERTREND_ATR)
M_SUPER_UPPER: Final = int(Memory.SUPERTREND_UPPER)
M_SUPER_LOWER: Final = int(Memory.SUPERTREND_LOWER)
M_OBV: Final = int(Memory.OBV)
M_VWAP_VOLUME: Final = int(Memory.VWAP_VOLUME)
M_VWAP_VALUE: Final = int(Memory.VWAP_VALUE)
M_VWAP_SESSION: Final = int(Memory.VWAP_SESSION)
P_BOLLINGER: Final = int(Period.BOLLINGER)
P_STOCHASTIC: Final = int(Period.STOCHASTIC)
P_STOCHASTIC_K: Final = int(Period.STOCHASTIC_K)
P_STOCHASTIC_D: Final = int(Period.STOCHASTIC_D)
P_DONCHIAN: Final = int(Period.DONCHIAN)
P_KELTNER: Final = int(Period.KELTNER)
P_KELTNER_ATR: Final = int(Period.KELTNER_ATR)
P_SUPERTREND: Final = int(Period.SUPERTREND)
P_CMF: Final = int(Period.CMF)
P_MFI: Final = int(Period.MFI)
P_ROC: Final = int(Period.ROC)
P_SESSION: Final = int(Period.VWAP_SESSION_S)
O_MIDDLE: Final = int(Out.BOLLINGER_MIDDLE)
O_UPPER: Final = int(Out.BOLLINGER_UPPER)
O_LOWER: Final = int(Out.BOLLINGER_LOWER)
O_STOCHASTIC_K: Final = int(Out.STOCHASTIC_K)
O_STOCHASTIC_D: Final = int(Out.STOCHASTIC_D)
O_OBV: Final = int(Out.OBV)
O_VWAP: Final = int(Out.VWAP)
O_DONCHIAN_UPPER: Final = int(Out.DONCHIAN_UPPER)
O_DONCHIAN_LOWER: Final = int(Out.DONCHIAN_LOWER)
O_KELTNER_UPPER: Final = int(Out.KELTNER_UPPER)
O_KELTNER_LOWER: Final = int(Out.KELTNER_LOWER)
O_SUPERTREND: Final = int(Out.SUPERTREND)
O_SUPERTREND_SIDE: Final = int(Out.SUPERTREND_SIDE)
O_CMF: Final = int(Out.CMF)
O_MFI: Final = int(Out.MFI)
O_ROC: Final = int(Out.ROC)
R_HIGH: Final = int(Ring.HIGH)
R_LOW: Final = int(Ring.LOW)
R_CLOSE: Final = int(Ring.CLOSE)
R_VOLUME: Final = int(Ring.VOLUME)
R_FLOW: Final = int(Ring.FLOW)
R_MULTIPLIED: Final = int(Ring.MULTIPLIED)
R_STOCHASTIC: Final = int(Ring.STOCHASTIC)
R_STOCHASTIC_K: Final = int(Ring.STOCHASTIC_K)


@kernel
def window_sum(ring: F8, row: int, s: int, seen: int, period: int) -> float:
    """Sum of the newest `period` entries, oldest first. `seen` counts entries from 1.

    Entry i lies at (i - 1) % depth.
    """
    depth = ring.shape[1]
    total = 0.0
    for i in range(seen - period, seen):
        total += ring[row, i % depth, s]
    return total


@kernel
def window_high(ring: F8, row: int, s: int, first: int, last: int) -> float:
    """Highest of entries first..last - 1, counted from 0."""
    depth = ring.shape[1]
    top = -math.inf
    for i in range(first, last):
        top = max(top, ring[row, i % depth, s])
    return top


@kernel
def window_low(ring: F8, row: int, s: int, first: int, last: int) -> float:
    """Lowest of entries first..last - 1, counted from 0."""
    depth = ring.shape[1]
    bottom = math.inf
    for i in range(first, last):
        bottom = min(bottom, ring[row, i % depth, s])
    return bottom


@kernel
def step_bands(ring: F8, values: F8, s: int, seen: int, periods: I8, widths: F8) -> None:
    """Bollinger bands (population deviation), Donchian channel of the bars before this one, rate of change (%)."""
    depth = ring.shape[1]
    period = periods[P_BOLLINGER]
    if seen >= period:
        mean = window_sum(ring, R_CLOSE, s, seen, period) / period
        squares = 0.0
        for i in range(seen - period, seen):
            squares += (ring[R_CLOSE, i % depth, s] - mean) ** 2
        reach = widths[0] * math.sqrt(squares / period)
        values[O_MIDDLE, s] = mean
        values[O_UPPER, s] = mean + reach
        values[O_LOWER, s] = mean - reach
    period = periods[P_DONCHIAN]
    if seen > period:
        values[O_DONCHIAN_UPPER, s] = window_high(ring, R_HIGH, s, seen - 1 - period, seen - 1)
        values[O_DONCHIAN_LOWER, s] = window_low(ring, R_LOW, s, seen - 1 - period, seen - 1)
    period = periods[P_ROC]
    if seen > period:
        before = ring[R_CLOSE, (seen - 1 - period) % depth, s]
        change = ring[R_CLOSE, (seen - 1) % depth, s] - before
        values[O_ROC, s] = 100.0 * change / before if before > 0.0 else math.nan


@kernel
def step_stochastic(ring: F8, values: F8, s: int, close: float, seen: int, periods: I8) -> None:
    """Lane's slow stochastic: the close within the window's range, averaged for %K and again for %D.

    Where the window has no range, the close counts as at its bottom: 0.
    """
    depth = ring.shape[1]
    period, k, d = periods[P_STOCHASTIC], periods[P_STOCHASTIC_K], periods[P_STOCHASTIC_D]
    if seen < period:
        return
    top = window_high(ring, R_HIGH, s, seen - period, seen)
    bottom = window_low(ring, R_LOW, s, seen - period, seen)
    at = (seen - 1) % depth
    ring[R_STOCHASTIC, at, s] = 100.0 * (close - bottom) / (top - bottom) if top > bottom else 0.0
    if seen < period + k - 1:
        return
    slow = window_sum(ring, R_STOCHASTIC, s, seen, k) / k
    ring[R_STOCHASTIC_K, at, s] = slow
    values[O_STOCHASTIC_K, s] = slow
    if seen >= period + k + d - 2:
        values[O_STOCHASTIC_D, s] = window_sum(ring, R_STOCHASTIC_K, s, seen, d) / d


@kernel
def step_channels(
    memory: F8, values: F8, s: int, high: float, low: float, close: float, seen: int, periods: I8, widths: F8
) -> None:
    """Keltner channel (EMA and average true range) and Supertrend.

    Supertrend's bands only tighten, until the close crosses one and the other takes over.
    """
    centre = ema(memory, M_KELTNER, s, close, seen, periods[P_KELTNER])
    if seen < 2:
        return
    reach = true_range(memory, s, high, low)
    keltner = widths[1] * wilder(memory, M_KELTNER_ATR, s, reach, seen - 1, periods[P_KELTNER_ATR])
    values[O_KELTNER_UPPER, s] = centre + keltner
    values[O_KELTNER_LOWER, s] = centre - keltner
    atr = wilder(memory, M_SUPER_ATR, s, reach, seen - 1, periods[P_SUPERTREND])
    if seen <= periods[P_SUPERTREND]:
        return
    middle = (high + low) / 2.0
    upper = middle + widths[2] * atr
    lower = middle - widths[2] * atr
    previous = memory[M_CLOSE, s]
    if seen == periods[P_SUPERTREND] + 1:
        rising = close >= middle
    else:
        rising = values[O_SUPERTREND_SIDE, s] > 0.0
        if not (upper < memory[M_SUPER_UPPER, s] or previous > memory[M_SUPER_UPPER, s]):
            upper = memory[M_SUPER_UPPER, s]
        if not (lower > memory[M_SUPER_LOWER, s] or previous < memory[M_SUPER_LOWER, s]):
            lower = memory[M_SUPER_LOWER, s]
    memory[M_SUPER_UPPER, s] = upper
    memory[M_SUPER_LOWER, s] = lower
    rising = close > (lower if rising else upper)
    values[O_SUPERTREND, s] = lower if rising else upper
    values[O_SUPERTREND_SIDE, s] = 1.0 if rising else -1.0


@kernel
def step_volume(
    memory: F8,
    ring: F8,
    values: F8,
    s: int,
    ts_open: int,
    high: float,
    low: float,
    close: float,
    volume: float,
    seen: int,
    periods: I8,
) -> None:
    """On-balance volume (Granville), VWAP of the session, Chaikin's money flow, money flow index (Quong, Soudack)."""
    depth = ring.shape[1]
    at = (seen - 1) % depth
    typical = (high + low + close) / 3.0
    session_s = periods[P_SESSION]
    session = ts_open // (session_s * 1_000_000_000) if session_s > 0 else 0
    if seen == 1 or session != memory[M_VWAP_SESSION, s]:
        memory[M_VWAP_SESSION, s] = session
        memory[M_VWAP_VOLUME, s] = 0.0
        memory[M_VWAP_VALUE, s] = 0.0
    memory[M_VWAP_VOLUME, s] += volume
    memory[M_VWAP_VALUE, s] += typical * volume
    traded = memory[M_VWAP_VOLUME, s]
    values[O_VWAP, s] = memory[M_VWAP_VALUE, s] / traded if traded > 0.0 else math.nan

    multiplier = ((close - low) - (high - close)) / (high - low) if high > low else 0.0
    ring[R_MULTIPLIED, at, s] = multiplier * volume
    period = periods[P_CMF]
    if seen >= period:
        total = window_sum(ring, R_VOLUME, s, seen, period)
        values[O_CMF, s] = window_sum(ring, R_MULTIPLIED, s, seen, period) / total if total > 0.0 else 0.0

    if seen == 1:
        memory[M_OBV, s] = 0.0
        values[O_OBV, s] = 0.0
        ring[R_FLOW, at, s] = 0.0
        return
    if close > memory[M_CLOSE, s]:
        memory[M_OBV, s] += volume
    elif close < memory[M_CLOSE, s]:
        memory[M_OBV, s] -= volume
    values[O_OBV, s] = memory[M_OBV, s]
    before = (seen - 2) % depth
    typical_before = (ring[R_HIGH, before, s] + ring[R_LOW, before, s] + ring[R_CLOSE, before, s]) / 3.0
    flow = typical * volume
    ring[R_FLOW, at, s] = flow if typical > typical_before else -flow if typical < typical_before else 0.0
    period = periods[P_MFI]
    if seen > period:
        inflow, outflow = 0.0, 0.0
        for i in range(seen - period, seen):
            part = ring[R_FLOW, i % depth, s]
            if part > 0.0:
                inflow += part
            else:
                outflow -= part
        if outflow > 0.0:
            values[O_MFI, s] = 100.0 - 100.0 / (1.0 + inflow / outflow)
        else:
            values[O_MFI, s] = 100.0 if inflow > 0.0 else 50.0
