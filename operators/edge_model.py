"""Edge model: quantiles of gain and loss within the horizon, learned from what came of earlier candidates.

It corrects the outlook instead of replacing it. With y the logarithm of the greatest gain (loss) within the horizon and b that of the
outlook's quantile,

    quantile of y = b + w . x        x: seven features of the coin, each within -3..3; w starts at zero, so it begins as the outlook

Quantiles keep their place under a logarithm, so this is linear quantile regression (Koenker & Bassett 1978): w moves against the
gradient of the pinball loss, with the step sizes of AdaGrad (Duchi et al. 2011). A candidate is predicted first, when a minute has
closed, and learned from when its horizon has passed: no figure of `model_health` knows what came later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Final

import numpy as np

from contracts.settings import DeskSettings
from operators.jit import kernel
from operators.outlook import CLOSE, EDGE, HIGH, LOW, RISK, SWING, OutlookState
from operators.slices import F8, I8
from operators.state import State, capacity, grow

VERSION: Final = "online_quantiles.1"
FEATURES: Final = ("one", "pace", "trend_5m", "trend_30m", "below_high", "edge_shape", "risk_shape")
WIDTH: Final = len(FEATURES)
SIDES: Final = ("edge", "risk")
PATIENCE: Final = 15
"""Minutes beyond the horizon after which a candidate whose bars did not come is given up."""
FLOOR: Final = 5e-5
"""Half a basis point: gains, losses and quantiles below it count as it."""
BOUND: Final = 1.5
"""A prediction stays within exp(+-BOUND) times the outlook's: 0.22 to 4.5."""
LIMIT: Final = 3.0
EPSILON: Final = 1e-8

# rows of `waiting` (int64) and `taken` (float64)
SYMBOL, STAMP, MINUTE = range(3)
TAKEN_BASE: Final = WIDTH  # log quantiles of the outlook, edge and risk
TAKEN_SAID: Final = WIDTH + 2  # the model's
TAKEN_CLOSE: Final = WIDTH + 4
TAKEN: Final = WIDTH + 5
# marks (int64)
COUNT, LEARNED, DROPPED, CLEAN, STATUS, SINCE, TOLD = range(7)
# figures (float64): weight of all, then by side: outcomes below the model's quantile, below the outlook's, losses of both
WEIGHT, BELOW, BASE_BELOW, LOSS, BASE_LOSS = 0, 1, 3, 5, 7
OFF, LEARNING, IN_FORCE, UNHEALTHY = range(4)


@dataclass
class EdgeModelState(State):
    """Weights, who waits for an outcome, and how good earlier predictions were.

    weights, squares (2, WIDTH): edge and risk; said (2, S) predicted quantiles as fractions, NaN where unknown; waiting (3, room) symbol,
    its count of bars and the minute when it was predicted; taken (TAKEN, room) what was seen then; figures (9,) and marks (7,) as
    named above; made_with: what the outcomes mean, both shares and the horizon, and the room.
    """

    VERSION: ClassVar[int] = 1
    weights: F8 = field(default_factory=lambda: np.zeros((2, WIDTH)))
    squares: F8 = field(default_factory=lambda: np.zeros((2, WIDTH)))
    said: F8 = field(default_factory=lambda: np.full((2, capacity(1)), np.nan))
    waiting: I8 = field(default_factory=lambda: np.zeros((3, 0), np.int64))
    taken: F8 = field(default_factory=lambda: np.zeros((TAKEN, 0)))
    figures: F8 = field(default_factory=lambda: np.zeros(9))
    marks: I8 = field(default_factory=lambda: np.array([0, 0, 0, 0, OFF, 0, -1]))
    made_with: F8 = field(default_factory=lambda: np.zeros(0))


class EdgeModel:
    """Learn from matured candidates at each closed minute.

    `foresee`, called where candidates are looked at, predicts and takes them up; `learn` moves the weights and the figures on.
    """

    def __init__(self, settings: DeskSettings) -> None:
        own, outlook = settings.model, settings.outlook
        self.enabled = own.name != "none"
        self._horizon = outlook.horizon
        self._parts = np.array(
            [outlook.edge_quantile, outlook.risk_quantile, own.rate, 0.5 ** (1.0 / own.health_half_life)]
        )
        self._room = settings.heat.top * (outlook.horizon + PATIENCE + 1)
        self._made_with = np.array([outlook.edge_quantile, outlook.risk_quantile, outlook.horizon, self._room])
        self._digest: tuple[bytes, str] = (b"", "")

    def start(self) -> EdgeModelState:
        """Nothing learned."""
        state = EdgeModelState()
        self.adopt(state)
        return state

    def adopt(self, state: EdgeModelState, *, started_over: bool = False) -> None:
        """Take up a state: begin to learn or leave off as the settings ask, and anew where outcomes mean something else than they did.

        Who waits is let go where the bars they wait for were counted anew (`started_over`).
        """
        marks = state.marks
        if state.made_with is not self._made_with and not np.array_equal(state.made_with, self._made_with):
            anew = EdgeModelState(waiting=np.zeros((3, self._room), np.int64), taken=np.zeros((TAKEN, self._room)))
            state.weights, state.squares, state.figures = anew.weights, anew.squares, anew.figures
            state.waiting, state.taken, state.made_with = anew.waiting, anew.taken, self._made_with
            state.said = np.full_like(state.said, np.nan)
            marks[[COUNT, LEARNED, DROPPED, CLEAN, STATUS]] = 0, 0, 0, 0, OFF
        elif started_over:  # the bars that they wait for were counted anew
            state.waiting[:], state.taken[:], marks[COUNT] = 0, 0.0, 0
        if not self.enabled:
            if marks[STATUS] != OFF:
                marks[STATUS], marks[SINCE] = OFF, 0
        elif marks[STATUS] == OFF:
            marks[STATUS], marks[SINCE] = LEARNING, 0

    def widen(self, state: EdgeModelState, symbols: int) -> None:
        """Make room for so many symbols."""
        state.said = grow(state.said, symbols, np.nan)

    def learn(self, state: EdgeModelState, past: OutlookState, minute: int) -> None:
        """Take what came of candidates up to the bar that closed with `minute` (minutes since the epoch)."""
        learn(
            past.count, past.bars, minute, self._horizon, self._parts, state.waiting, state.taken, state.marks, state.weights,
            state.squares, state.figures,
        )  # fmt: skip

    def hash(self, state: EdgeModelState) -> str:
        """16 hex digits of the weights in force."""
        held = state.weights.tobytes()
        if held != self._digest[0]:
            self._digest = (held, blake2b(VERSION.encode() + held, digest_size=8).hexdigest())
        return self._digest[1]


@kernel
def _within(value: float) -> float:
    """Bounded to +-LIMIT; 0 where it is unknown."""
    if math.isnan(value):
        return 0.0
    return min(max(value, -LIMIT), LIMIT)


@kernel
def foresee(
    count: I8, bars: F8, known: F8, s: int, minute: int, take: bool, weights: F8, said: F8, waiting: I8, taken: F8, marks: I8,
) -> None:  # fmt: skip
    """Predict both quantiles of symbol `s` after `outlook.look` made its own; with `take`, keep the candidate to learn from.

    count (S,), bars (3, window, S) and known (PARTS, S) are the outlook's.
    """
    said[0, s] = math.nan
    said[1, s] = math.nan
    edge, risk, swing = known[EDGE, s], known[RISK, s], known[SWING, s]
    if math.isnan(edge) or math.isnan(swing):
        return
    window = bars.shape[1]
    last = count[s] - 1
    held = min(count[s], window)
    close = bars[CLOSE, last % window, s]
    moved, highest = 0.0, 0.0
    for i in range(last - held + 1, last + 1):
        highest = max(highest, bars[HIGH, i % window, s])
        if i > last - held + 1:
            moved += abs(bars[CLOSE, i % window, s] / bars[CLOSE, (i - 1) % window, s] - 1.0)
    usual = max(moved / (held - 1), FLOOR)
    swing = max(swing, FLOOR)
    x = np.empty(WIDTH)
    x[0] = 1.0
    x[1] = _within(math.log(swing / usual))
    for k, ago in ((2, 5), (3, 30)):
        before = bars[CLOSE, (last - ago) % window, s] if ago < held else math.nan
        x[k] = _within((close / before - 1.0) / (usual * math.sqrt(float(ago)))) / LIMIT
    x[4] = _within(math.log(close / highest) / (15.0 * usual)) / LIMIT
    base_edge, base_risk = math.log(max(edge, FLOOR)), math.log(max(risk, FLOOR))
    x[5] = _within(base_edge - math.log(swing) - 1.0)
    x[6] = _within(base_risk - math.log(swing) - 1.0)
    at = marks[COUNT]
    kept = take and at < waiting.shape[1]
    for side in range(2):
        moved = 0.0
        for k in range(WIDTH):
            moved += weights[side, k] * x[k]
        base = base_edge if side == 0 else base_risk
        quantile = base + min(max(moved, -BOUND), BOUND)
        said[side, s] = math.exp(quantile)
        if kept:
            taken[TAKEN_BASE + side, at] = base
            taken[TAKEN_SAID + side, at] = quantile
    if not kept:
        marks[DROPPED] += 1 if take else 0
        return
    for k in range(WIDTH):
        taken[k, at] = x[k]
    taken[TAKEN_CLOSE, at] = close
    waiting[SYMBOL, at] = s
    waiting[STAMP, at] = count[s]
    waiting[MINUTE, at] = minute
    marks[COUNT] += 1


@kernel
def pinball(outcome: float, quantile: float, share: float) -> float:
    """Loss of a predicted quantile: share * (outcome - quantile) above it, (1 - share) * (quantile - outcome) below."""
    off = outcome - quantile
    return share * off if off > 0.0 else (share - 1.0) * off


@kernel
def step_weights(weights: Any, squares: Any, x: Any, outcome: float, base: float, share: float, rate: float) -> None:
    """One AdaGrad step against the pinball loss's gradient; weights, squares, x (WIDTH,)."""
    quantile = base
    for k in range(x.shape[0]):
        quantile += weights[k] * x[k]
    slope = (1.0 if outcome < quantile else 0.0) - share
    for k in range(x.shape[0]):
        gradient = slope * x[k]
        squares[k] += gradient * gradient
        weights[k] -= rate * gradient / math.sqrt(squares[k] + EPSILON)


@kernel
def learn(
    count: I8, bars: F8, minute: int, horizon: int, parts: F8, waiting: I8, taken: F8, marks: I8, weights: F8, squares: F8,
    figures: F8,
) -> None:  # fmt: skip
    """Learn from every waiting candidate whose horizon has passed, oldest first; the others move up.

    parts: both shares, the learning rate, and what is kept of the figures with each outcome. A candidate whose coin started over, or whose
    bars did not come, tells nothing.
    """
    window = bars.shape[1]
    x = np.empty(WIDTH)
    left = 0
    for i in range(marks[COUNT]):
        s, stamp = waiting[SYMBOL, i], waiting[STAMP, i]
        close = taken[TAKEN_CLOSE, i]
        ahead = count[s] - stamp
        late = ahead < horizon and minute - waiting[MINUTE, i] > horizon + PATIENCE
        if late or ahead < 0 or ahead >= window or bars[CLOSE, (stamp - 1) % window, s] != close:
            marks[DROPPED] += 1
            continue
        if ahead < horizon:
            for row in range(waiting.shape[0]):
                waiting[row, left] = waiting[row, i]
            for row in range(taken.shape[0]):
                taken[row, left] = taken[row, i]
            left += 1
            continue
        top, bottom = close, close
        for j in range(stamp, stamp + horizon):
            top = max(top, bars[HIGH, j % window, s])
            bottom = min(bottom, bars[LOW, j % window, s])
        for k in range(WIDTH):
            x[k] = taken[k, i]
        for k in range(figures.shape[0]):
            figures[k] *= parts[3]
        figures[WEIGHT] += 1.0
        for side in range(2):
            share = parts[side]
            outcome = math.log(max(top / close - 1.0 if side == 0 else 1.0 - bottom / close, FLOOR))
            base, said = taken[TAKEN_BASE + side, i], taken[TAKEN_SAID + side, i]
            figures[BELOW + side] += 1.0 if outcome <= said else 0.0
            figures[BASE_BELOW + side] += 1.0 if outcome <= base else 0.0
            figures[LOSS + side] += pinball(outcome, said, share)
            figures[BASE_LOSS + side] += pinball(outcome, base, share)
            step_weights(weights[side], squares[side], x, outcome, base, share, parts[2])
        marks[LEARNED] += 1
    for i in range(left, marks[COUNT]):  # what is behind is empty, whatever was there
        waiting[:, i] = 0
        taken[:, i] = 0.0
    marks[COUNT] = left
