"""Signals: six families look at three timeframes; each votes from -1 (down) to +1 (up), with a confidence of 0..1.

    family          vote                                                          confidence
    trend           0.4 Supertrend side + 0.3 d(close - EMA) + 0.3 DI share       ADX / 50
    momentum        half (RSI - 50) / 30, half MACD histogram / (|.| + ATR / 4)   1 if both agree, else 0.4
    mean_reversion  against the distance from the Bollinger middle: 0 up to 1.5   1 - ADX / 50
                    sigma, full at 3; half where Stochastic %K is in 20..80
    breakout        0.5 + distance / ATR beyond the Donchian channel, 0 inside    volume over its mean / 3
    volume          CMF up to 0.5 + 0.25 (MFI - 50) / 30 + 0.25 d(close - VWAP)   volume over its mean / 2
    order_flow      bought minus sold over both, of a memory that halves          1 while trades are streamed

d(x) is x / (|x| + ATR). Every term is clipped to -1..1, confidences to 0.2..1. A vote is NaN (absent) until its
indicators are warm, or where nobody traded. The consensus is the mean of the votes weighted by (weight of family x
weight of timeframe x confidence); what is absent does not count. Its confidence is the share of the weight that spoke,
each part times its confidence.

Between two closes the votes lean on what this second shows, so that a start is not slept through: trend and momentum of
each timeframe move from their vote towards the sign of m by |m|, m = d(price - last close); breakout is voted anew at
the price against the channel that includes the last bar, the stronger of both counts, and its 1m confidence grows with the
forming minute's volume; order flow counts the forming minute.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

from operators.indicators.averages import M_HIGH, M_LOW
from operators.indicators.layout import VOLUME_WINDOW, Out
from operators.indicators.windows import R_CLOSE, R_VOLUME, window_sum
from operators.jit import kernel
from operators.slices import F8, I8
from operators.strided import strided


class Family(IntEnum):
    """First axis of a vote."""

    TREND = 0
    MOMENTUM = 1
    MEAN_REVERSION = 2
    BREAKOUT = 3
    VOLUME = 4
    ORDER_FLOW = 5


TIMEFRAMES: Final = (60, 300, 900)
"""Second axis of a vote: seconds of a bar."""

NAMES: Final = {60: "1m", 300: "5m", 900: "15m"}

_TREND: Final = int(Family.TREND)
_MOMENTUM: Final = int(Family.MOMENTUM)
_REVERSION: Final = int(Family.MEAN_REVERSION)
_BREAKOUT: Final = int(Family.BREAKOUT)
_VOLUME: Final = int(Family.VOLUME)
_FLOW: Final = int(Family.ORDER_FLOW)
_EMA: Final = int(Out.EMA)
_RSI: Final = int(Out.RSI)
_HISTOGRAM: Final = int(Out.MACD_HISTOGRAM)
_MIDDLE: Final = int(Out.BOLLINGER_MIDDLE)
_UPPER: Final = int(Out.BOLLINGER_UPPER)
_ATR: Final = int(Out.ATR)
_PLUS: Final = int(Out.PLUS_DI)
_MINUS: Final = int(Out.MINUS_DI)
_ADX: Final = int(Out.ADX)
_STOCHASTIC: Final = int(Out.STOCHASTIC_K)
_VWAP: Final = int(Out.VWAP)
_DONCHIAN_UPPER: Final = int(Out.DONCHIAN_UPPER)
_DONCHIAN_LOWER: Final = int(Out.DONCHIAN_LOWER)
_SIDE: Final = int(Out.SUPERTREND_SIDE)
_CMF: Final = int(Out.CMF)
_MFI: Final = int(Out.MFI)

LEAST_CONFIDENCE: Final = 0.2  # an absent trend strength or a quiet bar leaves a vote this much
RECENT_WINDOW: Final = 5  # bars behind the volume that an order meets


CLOSE: Final = 0
ATR: Final = 1
UPPER: Final = 2
LOWER: Final = 3
MEAN_VOLUME: Final = 4
RECENT_VOLUME: Final = 5
ANCHORS: Final = 6
"""Second axis of the anchors (timeframes, ANCHORS, S): what votes lean on between two closes."""


def no_anchors() -> F8:
    """(timeframes, ANCHORS, S), all unknown."""
    return strided(len(TIMEFRAMES), ANCHORS)


def no_votes() -> F8:
    """(2, families, timeframes, S): votes and confidences, all absent."""
    return strided(2, len(Family), len(TIMEFRAMES))


@kernel
def clip(x: float, low: float, high: float) -> float:
    """X within low..high; NaN stays NaN."""
    if x < low:
        return low
    if x > high:
        return high
    return x


@kernel
def lean(x: float, scale: float) -> float:
    """X / (|x| + scale): 0 at 0, 1/2 at `scale`, towards 1; 0 where both are nothing."""
    whole = abs(x) + scale
    return x / whole if whole > 0.0 else 0.0


@kernel
def vote(values: F8, memory: F8, ring: F8, count: I8, s: int, t: int, votes: F8, anchors: F8) -> None:
    """Let all families but order flow vote on symbol `s` and timeframe number `t` from its indicators."""
    seen = count[s]
    if seen == 0:
        for row in range(anchors.shape[1]):
            anchors[t, row, s] = math.nan
        for family in range(_FLOW):
            votes[0, family, t, s] = math.nan
            votes[1, family, t, s] = math.nan
        return
    depth = ring.shape[1]
    at = (seen - 1) % depth
    close = ring[R_CLOSE, at, s]
    atr = values[_ATR, s]
    strength = values[_ADX, s] / 50.0 if not math.isnan(values[_ADX, s]) else 0.0
    trending = clip(strength, LEAST_CONFIDENCE, 1.0)

    both = values[_PLUS, s] + values[_MINUS, s]
    share = (values[_PLUS, s] - values[_MINUS, s]) / both if both > 0.0 else 0.0 * both
    trend = 0.4 * values[_SIDE, s] + 0.3 * lean(close - values[_EMA, s], atr) + 0.3 * share
    votes[0, _TREND, t, s] = trend
    votes[1, _TREND, t, s] = trending

    speed = clip((values[_RSI, s] - 50.0) / 30.0, -1.0, 1.0)
    turn = lean(values[_HISTOGRAM, s], 0.25 * atr)
    votes[0, _MOMENTUM, t, s] = 0.5 * speed + 0.5 * turn
    votes[1, _MOMENTUM, t, s] = 1.0 if speed * turn > 0.0 else 0.4

    sigma = 0.5 * (values[_UPPER, s] - values[_MIDDLE, s])
    away = (close - values[_MIDDLE, s]) / sigma if sigma > 0.0 else 0.0 * sigma
    beyond = clip((abs(away) - 1.5) / 1.5, 0.0, 1.0)
    oscillator = values[_STOCHASTIC, s]
    if not ((away > 0.0 and oscillator > 80.0) or (away < 0.0 and oscillator < 20.0)):
        beyond *= 0.5
    votes[0, _REVERSION, t, s] = -beyond if away > 0.0 else beyond
    votes[1, _REVERSION, t, s] = clip(1.0 - strength, LEAST_CONFIDENCE, 1.0)

    volume = ring[R_VOLUME, at, s]
    mean = window_sum(ring, R_VOLUME, s, seen, VOLUME_WINDOW) / VOLUME_WINDOW if seen >= VOLUME_WINDOW else 0.0
    busy = volume / mean if mean > 0.0 else 0.0
    upper, lower = values[_DONCHIAN_UPPER, s], values[_DONCHIAN_LOWER, s]
    votes[0, _BREAKOUT, t, s] = breakout(close, upper, lower, atr)
    votes[1, _BREAKOUT, t, s] = clip(busy / 3.0, LEAST_CONFIDENCE, 1.0)
    anchors[t, CLOSE, s] = close
    anchors[t, ATR, s] = atr
    anchors[t, UPPER, s] = max(upper, memory[M_HIGH, s])
    anchors[t, LOWER, s] = min(lower, memory[M_LOW, s])
    anchors[t, MEAN_VOLUME, s] = mean
    recent = min(seen, RECENT_WINDOW)
    anchors[t, RECENT_VOLUME, s] = window_sum(ring, R_VOLUME, s, seen, recent) / recent

    vwap = values[_VWAP, s]
    around = lean(close - vwap, atr) if not math.isnan(vwap) else 0.0
    money = clip((values[_MFI, s] - 50.0) / 30.0, -1.0, 1.0)
    votes[0, _VOLUME, t, s] = 0.5 * clip(2.0 * values[_CMF, s], -1.0, 1.0) + 0.25 * money + 0.25 * around
    votes[1, _VOLUME, t, s] = clip(busy / 2.0, LEAST_CONFIDENCE, 1.0)


@kernel
def breakout(close: float, upper: float, lower: float, atr: float) -> float:
    """Vote of a price against a channel: 0 inside, 0.5 at its edge, 1 half an ATR beyond.

    NaN until there is a channel.
    """
    if math.isnan(upper) or math.isnan(atr):
        return math.nan
    if close > upper:
        return clip(0.5 + (close - upper) / atr, 0.0, 1.0) if atr > 0.0 else 1.0
    if close < lower:
        return clip(-0.5 - (lower - close) / atr, -1.0, 0.0) if atr > 0.0 else -1.0
    return 0.0


@kernel
def vote_all(values: F8, memory: F8, ring: F8, count: I8, t: int, votes: F8, anchors: F8) -> None:
    """Let the families vote on every symbol of one timeframe."""
    for s in range(count.shape[0]):
        vote(values, memory, ring, count, s, t, votes, anchors)


@kernel
def remember_flow(minute: F8, flow: F8, keep: F8) -> None:
    """Close the minute: minute (2, S) quote volume bought and sold by aggressors goes into flow (timeframes, 2, S).

    The memory forgets by `keep` (timeframes,) each minute; the minute starts anew.
    """
    for s in range(minute.shape[1]):
        for t in range(keep.shape[0]):
            flow[t, 0, s] = flow[t, 0, s] * keep[t] + minute[0, s]
            flow[t, 1, s] = flow[t, 1, s] * keep[t] + minute[1, s]
        minute[0, s] = 0.0
        minute[1, s] = 0.0


@kernel
def ask_all(
    votes: F8, anchors: F8, minute: F8, flow: F8, s: int, price: float, volume: float, now: F8, sure: F8
) -> None:
    """Fill now and sure (families, timeframes): votes and confidences on symbol `s` at this second's price.

    `volume`: base, of the forming minute.
    """
    for t in range(now.shape[1]):
        for family in range(_FLOW):
            now[family, t] = votes[0, family, t, s]
            sure[family, t] = votes[1, family, t, s]
        atr = anchors[t, ATR, s]
        move = price - anchors[t, CLOSE, s]
        reach = abs(move) + atr
        if reach > 0.0:  # false while either is unknown
            pull = abs(move) / reach
            side = 1.0 if move > 0.0 else -1.0
            now[_TREND, t] += pull * (side - now[_TREND, t])
            now[_MOMENTUM, t] += pull * (side - now[_MOMENTUM, t])
        fresh = breakout(price, anchors[t, UPPER, s], anchors[t, LOWER, s], atr)
        if abs(fresh) > abs(now[_BREAKOUT, t]):
            now[_BREAKOUT, t] = fresh
        bought = flow[t, 0, s] + minute[0, s]
        total = bought + flow[t, 1, s] + minute[1, s]
        # Less than a millionth of a quote unit is no flow but a memory that faded.
        now[_FLOW, t] = 2.0 * bought / total - 1.0 if total > 1e-6 else math.nan
        sure[_FLOW, t] = 1.0
    mean = anchors[0, MEAN_VOLUME, s]
    if mean > 0.0:
        sure[_BREAKOUT, 0] = max(sure[_BREAKOUT, 0], clip(volume / mean / 3.0, LEAST_CONFIDENCE, 1.0))


@kernel
def agree(now: F8, sure: F8, weights: F8) -> tuple[float, float]:
    """Return (consensus -1..1, confidence 0..1) of votes (families, timeframes) under weights >= 0.

    (0, 0) without any vote.
    """
    pulled, spoke, whole = 0.0, 0.0, 0.0
    for family in range(weights.shape[0]):
        for t in range(weights.shape[1]):
            weight = weights[family, t]
            whole += weight
            value = now[family, t]
            if math.isnan(value):
                continue
            part = weight * sure[family, t]
            pulled += part * value
            spoke += part
    if spoke > 0.0 and whole > 0.0:
        return pulled / spoke, spoke / whole
    return 0.0, 0.0
