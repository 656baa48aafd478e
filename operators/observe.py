"""The kernels of deciding.

What is seen of the candidates at each closed second, and the verdicts that follow, in order.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from operators.decide_state import DECIDED_AT, DUPLICATE, GAP, JUMP, NEVER, TOLD, TOLD_AT
from operators.edge_model import IN_FORCE, OFF, STATUS, foresee
from operators.gates import Column, Gate, Threshold
from operators.indicators.layout import Out
from operators.jit import kernel
from operators.outlook import CLOSE_1M, CLOSE_5M, EDGE, RISK, SWING, look
from operators.signals import RECENT_VOLUME, agree, ask_all
from operators.slices import B1, F8, I4, I8, SECOND, U1, Kind

COLUMNS: Final = len(Column)
LIMITS: Final = len(Threshold)
C_PRICE: Final = int(Column.PRICE)
C_BID: Final = int(Column.BID)
C_ASK: Final = int(Column.ASK)
C_SPREAD: Final = int(Column.SPREAD_BPS)
C_TOUCH: Final = int(Column.TOUCH)
C_HEAT: Final = int(Column.HEAT)
C_CHANGE_1M: Final = int(Column.CHANGE_1M)
C_CHANGE_5M: Final = int(Column.CHANGE_5M)
C_EDGE: Final = int(Column.EDGE_BPS)
C_RISK: Final = int(Column.RISK_BPS)
C_SLIPPAGE: Final = int(Column.SLIPPAGE_BPS)
C_COST: Final = int(Column.COST_BPS)
C_ATR: Final = int(Column.ATR_BPS)
C_BARS: Final = int(Column.BARS)
C_FRESH: Final = int(Column.FRESH)
C_GAPPED: Final = int(Column.GAPPED)
C_DUPLICATED: Final = int(Column.DUPLICATED)
C_JUMPED: Final = int(Column.JUMPED)
C_TRADING: Final = int(Column.TRADING)
C_HOT: Final = int(Column.HOT)
C_PASSED: Final = int(Column.PASSED)
C_MODEL: Final = int(Column.MODEL)
T_CONSENSUS: Final = int(Threshold.CONSENSUS_MIN)
T_REARM: Final = int(Threshold.REARM_NS)
T_GROUP: Final = int(Threshold.GROUP_HOLD_NS)
T_NOTIONAL: Final = int(Threshold.NOTIONAL)
G_STAGE: Final = int(Gate.STAGE)
G_ARMED: Final = int(Gate.ARMED)
G_GROUP: Final = int(Gate.GROUP)
GATES: Final = len(Gate)
DECIDE: Final = GATES
"""Verdict of a candidate that passed every gate; else the number of the first gate that failed."""
O_ATR: Final = int(Out.ATR)
TRADE: Final = int(Kind.TRADE)

MOST_IMPACT: Final = 4.0  # square root of at most so many minutes of volume goes into the slippage

TOLD_COLUMNS: Final = 6
"""Width of what `settle` tells of a verdict."""

# Cells of `walked`: how far the slice was read.
ROW: Final = 0
FRAME: Final = 1

# Numbers for `see`, in this order.
FEES: Final = 0  # bps, both sides
SLIPPAGE: Final = 1  # bps beyond the touch, one side
IMPACT: Final = 2
ASSUMED_SPREAD: Final = 3  # bps, where no quotes are streamed
JUMP_MAX: Final = 4
RELEASE: Final = 5
JUMP_HOLD: Final = 6  # ns
DUPLICATE_HOLD: Final = 7
KEEP_SIDE: Final = 8  # ns


@kernel
def find_duplicates(
    walked: I8, last: int, kind: U1, symbol: I4, ts_event: I8, v3: F8, last_trade: I8, until: I8, hold: int
) -> None:
    """Take rows from walked[0] to last - 1: a trade id at or below its coin's newest came twice or out of order.

    The coin is held back for `hold` ns of event time. Ids of 0 or less tell nothing.
    """
    for row in range(walked[ROW], last):
        if kind[row] != TRADE:
            continue
        s = symbol[row]
        number = np.int64(v3[row])
        if s < 0 or number <= 0:
            continue
        if number <= last_trade[s]:
            until[DUPLICATE, s] = max(until[DUPLICATE, s], ts_event[row] + hold)
        else:
            last_trade[s] = number
    walked[ROW] = max(walked[ROW], last)


@kernel
def gather(
    walked: I8,
    last: int,
    ts_open: I8,
    restart: B1,
    close: F8,
    quote_volume: F8,
    buy_volume: F8,
    trades: F8,
    last_close: F8,
    until: I8,
    minute: F8,
    jump_max: float,
    hold: int,
) -> None:
    """Take frames from walked[1] to last - 1, all symbols: order flow of the minute, and prices to be doubted.

    A price that leaps by more than `jump_max` within a second is doubted for `hold` ns.
    """
    for f in range(walked[FRAME], last):
        doubted = ts_open[f] + hold
        leap = math.inf if restart[f] else jump_max
        for s in range(close.shape[1]):  # selections instead of branches, which a processor cannot foresee here
            told = 1.0 if trades[f, s] > 0.0 else 0.0
            minute[0, s] += told * buy_volume[f, s]
            minute[1, s] += told * (quote_volume[f, s] - buy_volume[f, s])
            before = last_close[s]
            until[JUMP, s] = doubted if abs(close[f, s] - before) > leap * before else until[JUMP, s]
            last_close[s] = close[f, s]
    walked[FRAME] = max(walked[FRAME], last)


@kernel
def see(
    first: int,
    last: int,
    walked: I8,
    row: I8,
    kind: U1,
    symbol: I4,
    ts_event: I8,
    v3: F8,
    last_trade: I8,
    ts_open: I8,
    restart: B1,
    close: F8,
    quote_volume: F8,
    buy_volume: F8,
    trades: F8,
    last_close: F8,
    minute: F8,
    bid: F8,
    ask: F8,
    bid_size: F8,
    ask_size: F8,
    minute_volume: F8,
    fresh_market: U1,
    fresh_symbol: B1,
    heat: F8,
    stage: U1,
    passed: B1,
    top: I4,
    hot: int,
    trading: B1,
    thresholds: F8,
    numbers: F8,
    until: I8,
    values: F8,
    count: I8,
    past_count: I8,
    past: F8,
    asked: I8,
    known: F8,
    outlook_whole: I8,
    outlook_parts: F8,
    weights_of_model: F8,
    said: F8,
    waiting: I8,
    taken: F8,
    marks: I8,
    votes: F8,
    anchors: F8,
    flow: F8,
    weights: F8,
    side: F8,
    judged_at: I8,
    seen: F8,
    seen_votes: F8,
    limits: F8,
    consensus: F8,
    confidence: F8,
    sides: F8,
) -> None:
    """Take the rows and frames first..last - 1 and fill what is seen of their candidates.

    seen (COLUMNS, F, K), seen_votes (families, timeframes, F, K), limits (LIMITS, F, K); consensus, confidence, sides
    (strategies, F, K); weights (strategies, families, timeframes).
    """
    cast = np.empty((weights.shape[1], weights.shape[2]))
    sure = np.empty((weights.shape[1], weights.shape[2]))
    jump_hold, duplicate_hold = int(numbers[JUMP_HOLD]), int(numbers[DUPLICATE_HOLD])
    keep_side = int(numbers[KEEP_SIDE])
    for f in range(first, last):
        find_duplicates(walked, row[f], kind, symbol, ts_event, v3, last_trade, until, duplicate_hold)
        gather(
            walked,
            f + 1,
            ts_open,
            restart,
            close,
            quote_volume,
            buy_volume,
            trades,
            last_close,
            until,
            minute,
            numbers[JUMP_MAX],
            jump_hold,
        )
        for k in range(top.shape[1]):
            s = top[f, k]
            if s < 0:
                continue
            i = f - first
            now = ts_open[f]
            price = close[f, s]
            for limit in range(LIMITS):
                limits[limit, i, k] = thresholds[limit, s]
            anew = look(past_count, past, asked, known, s, outlook_whole, outlook_parts)
            if anew and marks[STATUS] != OFF:
                minute_closed = (now + SECOND) % (60 * SECOND) == 0  # later in a minute a part of its outcome is known
                minutes = (now + SECOND) // (60 * SECOND)
                foresee(past_count, past, known, s, minutes, minute_closed, weights_of_model, said, waiting, taken, marks)
            modelled = marks[STATUS] == IN_FORCE and not math.isnan(said[0, s])
            b, a = bid[f, s], ask[f, s]
            quoted = b > 0.0 and a > 0.0
            spread = 20_000.0 * (a - b) / (a + b) if quoted else math.nan
            swing = 10_000.0 * known[SWING, s]
            slippage = numbers[SLIPPAGE]
            if not math.isnan(swing):
                traded = price * anchors[0, RECENT_VOLUME, s]
                minutes = thresholds[T_NOTIONAL, s] / traded if traded > 0.0 else MOST_IMPACT
                slippage += numbers[IMPACT] * swing * math.sqrt(min(minutes, MOST_IMPACT))
            paid = spread if quoted else numbers[ASSUMED_SPREAD]
            seen[C_PRICE, i, k] = price
            seen[C_BID, i, k] = b if quoted else math.nan
            seen[C_ASK, i, k] = a if quoted else math.nan
            seen[C_SPREAD, i, k] = spread
            seen[C_TOUCH, i, k] = min(b * bid_size[f, s], a * ask_size[f, s])  # 0 where a side is empty, NaN without quotes
            seen[C_HEAT, i, k] = heat[f, s]
            seen[C_CHANGE_1M, i, k] = price / known[CLOSE_1M, s] - 1.0
            seen[C_CHANGE_5M, i, k] = price / known[CLOSE_5M, s] - 1.0
            seen[C_EDGE, i, k] = 10_000.0 * (said[0, s] if modelled else known[EDGE, s])
            seen[C_RISK, i, k] = 10_000.0 * (said[1, s] if modelled else known[RISK, s])
            seen[C_MODEL, i, k] = 1.0 if modelled else 0.0
            seen[C_SLIPPAGE, i, k] = slippage
            seen[C_COST, i, k] = numbers[FEES] + paid + 2.0 * slippage
            seen[C_ATR, i, k] = 10_000.0 * values[O_ATR, s] / price
            seen[C_BARS, i, k] = count[s]
            seen[C_FRESH, i, k] = 1.0 if fresh_market[f] == 0 and fresh_symbol[f, s] else 0.0
            seen[C_JUMPED, i, k] = 1.0 if now < until[JUMP, s] else 0.0
            seen[C_GAPPED, i, k] = 1.0 if now < until[GAP, s] else 0.0
            seen[C_DUPLICATED, i, k] = 1.0 if now < until[DUPLICATE, s] else 0.0
            seen[C_TRADING, i, k] = 1.0 if trading[s] else 0.0
            seen[C_HOT, i, k] = 1.0 if stage[f, s] == hot else 0.0
            seen[C_PASSED, i, k] = 1.0 if passed[f, s] else 0.0
            if now - judged_at[s] > keep_side:
                side[:, s] = 0.0  # what it was taken for was long ago
            judged_at[s] = now
            ask_all(votes, anchors, minute, flow, s, price, minute_volume[f, s], cast, sure)
            for family in range(cast.shape[0]):
                for t in range(cast.shape[1]):
                    seen_votes[family, t, i, k] = cast[family, t]
            for n in range(weights.shape[0]):
                agreed, spoke = agree(cast, sure, weights[n])
                consensus[n, i, k] = agreed
                confidence[n, i, k] = spoke
                take = thresholds[T_CONSENSUS, s]
                keep = take * numbers[RELEASE]
                if agreed >= take:
                    side[n, s] = 1.0
                elif agreed <= -take:
                    side[n, s] = -1.0
                elif (side[n, s] > 0.0 and agreed < keep) or (side[n, s] < 0.0 and agreed > -keep):
                    side[n, s] = 0.0
                sides[n, i, k] = side[n, s]


@kernel
def settle(
    first: int,
    last: int,
    ts_open: I8,
    top: I4,
    gates: B1,
    thresholds: F8,
    group: I8,
    repeat: int,
    pace: I8,
    told: I8,
) -> int:
    """Find each candidate's verdict and what of it is told; returns how many rows of `told` were written.

    pace (3, S) is one strategy's; group (2, S) numbers each coin's correlation group and its sector, -1 for none. told
    rows: frame, place, symbol, verdict, the coin of its group that is in the way (-1 none), when the coin itself was
    decided on (NEVER where that does not hold it back). A verdict is told when it decides, at the close of each minute,
    and when it changed, but then at most once in `repeat` ns.
    """
    n = 0
    for f in range(first, last):
        i = f - first
        now = ts_open[f] + SECOND
        minute_closed = now % (60 * SECOND) == 0
        for k in range(top.shape[1]):
            s = top[f, k]
            if s < 0:
                continue
            if not gates[G_STAGE, i, k]:
                pace[DECIDED_AT, s] = NEVER
            verdict = DECIDE
            in_the_way = -1
            since = NEVER
            for g in range(GATES):
                if not gates[g, i, k]:
                    verdict = g
                    break
            # NEVER lies so far back that every difference to it is longer than any hold, and still fits an int64.
            if now - pace[DECIDED_AT, s] < np.int64(thresholds[T_REARM, s]):
                gates[G_ARMED, i, k] = False
                since = pace[DECIDED_AT, s]
                if verdict == DECIDE:
                    verdict = G_ARMED
            if verdict == DECIDE and (group[0, s] >= 0 or group[1, s] >= 0):
                hold = np.int64(thresholds[T_GROUP, s])
                for other in range(group.shape[1]):
                    if other == s or now - pace[DECIDED_AT, other] >= hold:
                        continue
                    if (group[0, s] >= 0 and group[0, other] == group[0, s]) or (
                        group[1, s] >= 0 and group[1, other] == group[1, s]
                    ):
                        in_the_way = other
                        verdict = G_GROUP
                        gates[G_GROUP, i, k] = False
                        break
            tell = verdict == DECIDE or minute_closed
            if not tell and verdict != pace[TOLD, s]:
                tell = now - pace[TOLD_AT, s] >= repeat
            if verdict == DECIDE:
                pace[DECIDED_AT, s] = now
            if tell:
                pace[TOLD, s] = verdict
                pace[TOLD_AT, s] = now
                told[n, 0] = f
                told[n, 1] = k
                told[n, 2] = s
                told[n, 3] = verdict
                told[n, 4] = in_the_way
                told[n, 5] = since
                n += 1
    return n


@kernel
def share(
    first: int,
    last: int,
    gathered: int,
    ts_open: I8,
    close: F8,
    quote_volume: F8,
    buy_volume: F8,
    trades: F8,
    minute_volume: F8,
    top: I4,
    consensus: F8,
    told: I8,
    rows: int,
    follow: int,
    followed: I8,
    votes: F8,
    anchors: F8,
    minute: F8,
    flow: F8,
    weights: F8,
    out: F8,
) -> None:
    """Write the acting strategy's consensus into out (F, S): of the candidates, and of coins decided on within `follow`
    ns.

    `minute` is a copy of the order flow before frame `gathered`, moved on here so that each second sees its own.
    """
    now_cast = np.empty(weights.shape)
    sure = np.empty(weights.shape)
    at = 0
    for f in range(first, last):
        now = ts_open[f] + SECOND
        if f >= gathered:
            for s in range(close.shape[1]):
                streamed = 1.0 if trades[f, s] > 0.0 else 0.0
                minute[0, s] += streamed * buy_volume[f, s]
                minute[1, s] += streamed * (quote_volume[f, s] - buy_volume[f, s])
        while at < rows and told[at, 0] == f:
            if told[at, 3] == DECIDE:
                followed[told[at, 2]] = now + follow
            at += 1
        for k in range(top.shape[1]):
            if top[f, k] >= 0:
                out[f, top[f, k]] = consensus[f - first, k]
        for s in range(out.shape[1]):
            if now < followed[s] and math.isnan(out[f, s]) and not math.isnan(close[f, s]):
                ask_all(votes, anchors, minute, flow, s, close[f, s], minute_volume[f, s], now_cast, sure)
                out[f, s] = agree(now_cast, sure, weights)[0]
