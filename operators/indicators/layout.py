"""Which indicators there are, with which periods, and where each keeps its numbers."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from contracts.settings.decisions import IndicatorSettings
from operators.slices import F8, I8

VOLUME_WINDOW = 20
"""Bars behind the mean volume that votes lean on."""


def periods(settings: IndicatorSettings) -> I8:
    """The whole numbers of the settings in the order of `Period`."""
    return np.array([getattr(settings, period.name.lower()) for period in Period], dtype=np.int64)


def widths(settings: IndicatorSettings) -> F8:
    """Bollinger, Keltner, Supertrend multipliers."""
    return np.array([settings.bollinger_width, settings.keltner_width, settings.supertrend_width])


def depth(settings: IndicatorSettings) -> int:
    """How many bars the rings hold: the longest window and the bar before it."""
    windows = (settings.bollinger, settings.stochastic, settings.donchian, settings.cmf, settings.mfi, settings.roc)
    return max(*windows, settings.stochastic_k, settings.stochastic_d, VOLUME_WINDOW) + 1


def made_with(settings: IndicatorSettings) -> F8:
    """Every number that a state depends on: periods, multipliers, bars that may be missing."""
    return np.array([*periods(settings), *widths(settings), settings.max_missing], dtype=np.float64)


class Period(IntEnum):
    """Rows of `periods`."""

    EMA = 0
    RSI = 1
    MACD_FAST = 2
    MACD_SLOW = 3
    MACD_SIGNAL = 4
    BOLLINGER = 5
    ATR = 6
    ADX = 7
    STOCHASTIC = 8
    STOCHASTIC_K = 9
    STOCHASTIC_D = 10
    DONCHIAN = 11
    KELTNER = 12
    KELTNER_ATR = 13
    SUPERTREND = 14
    CMF = 15
    MFI = 16
    ROC = 17
    VWAP_SESSION_S = 18


class Out(IntEnum):
    """Rows of `IndicatorState.values`. In brackets.

    The bar, counted from 1, that gives the first value with default periods.
    """

    EMA = 0  # price [20]
    RSI = 1  # 0..100 [15]
    MACD = 2  # price [26]
    MACD_SIGNAL = 3  # price [34]
    MACD_HISTOGRAM = 4  # price [34]
    BOLLINGER_MIDDLE = 5  # price [20]
    BOLLINGER_UPPER = 6
    BOLLINGER_LOWER = 7
    ATR = 8  # price [15]
    PLUS_DI = 9  # 0..100 [15]
    MINUS_DI = 10
    ADX = 11  # 0..100 [28]
    STOCHASTIC_K = 12  # 0..100 [16]
    STOCHASTIC_D = 13  # 0..100 [18]
    OBV = 14  # base volume, signed [1]
    VWAP = 15  # price, of the session; NaN while nothing was traded in it [1]
    DONCHIAN_UPPER = 16  # price, of the bars before this one [21]
    DONCHIAN_LOWER = 17
    KELTNER_UPPER = 18  # price [20]
    KELTNER_LOWER = 19
    SUPERTREND = 20  # price; below the close while rising [11]
    SUPERTREND_SIDE = 21  # +1 rising, -1 falling [11]
    CMF = 22  # -1..1 [20]
    MFI = 23  # 0..100 [15]
    ROC = 24  # percent [15]


class Memory(IntEnum):
    """Rows of `IndicatorState.memory`: what the recursions carry."""

    PREVIOUS_HIGH = 0
    PREVIOUS_LOW = 1
    PREVIOUS_CLOSE = 2
    EMA = 3
    MACD_FAST = 4
    MACD_SLOW = 5
    MACD_SIGNAL = 6
    GAIN = 7
    LOSS = 8
    ATR = 9
    ADX_RANGE = 10
    ADX_PLUS = 11
    ADX_MINUS = 12
    ADX = 13
    KELTNER = 14
    KELTNER_ATR = 15
    SUPERTREND_ATR = 16
    SUPERTREND_UPPER = 17
    SUPERTREND_LOWER = 18
    OBV = 19
    VWAP_VOLUME = 20
    VWAP_VALUE = 21
    VWAP_SESSION = 22


class Ring(IntEnum):
    """First axis of `IndicatorState.ring`: what windows look back on."""

    HIGH = 0
    LOW = 1
    CLOSE = 2
    VOLUME = 3
    FLOW = 4  # signed money flow of MFI: + where the typical price rose
    MULTIPLIED = 5  # money flow volume of CMF
    STOCHASTIC = 6
    STOCHASTIC_K = 7
