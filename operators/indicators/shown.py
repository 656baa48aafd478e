"""What charts show of the indicators, in the order of `facts.INDICATORS`."""

from __future__ import annotations

from typing import Final

import numpy as np

from operators.indicators.layout import Memory, Out
from operators.slices import F8

SHOWN: Final = [
    Out.BOLLINGER_UPPER,
    Out.BOLLINGER_LOWER,
    Out.VWAP,
    Out.SUPERTREND,
    Out.RSI,
    Out.MACD,
    Out.MACD_SIGNAL,
    Out.MACD_HISTOGRAM,
    Out.ATR,
    Out.ADX,
]
"""Beside the two averages of the MACD."""
AVERAGES: Final = [Memory.MACD_FAST, Memory.MACD_SLOW]


def shown(values: F8, memory: F8) -> F8:
    """Columns (12, n) of outputs (len(Out), n) and memory (len(Memory), n), NaN while one warms up.

    The two averages are carried by the recursion of the MACD; they count from its first value on.
    """
    warm = ~np.isnan(values[Out.MACD])
    return np.concatenate([np.where(warm, memory[AVERAGES], np.nan), values[SHOWN]])
