"""The alarm's level: how high the ranking score must be for a market's alarms to come about as often as wanted.

    level = threshold + lift

The threshold follows the market: as the score of its hotter coins (the quantile `market_part` of each minute, smoothed over
`market_min` minutes) moves, so does the threshold, so that a day of four times the volatility is no day of many alarms. Beside that every
alarm raises it by `step`; time lowers it by as much as makes the wanted rate level, faster the longer none came. The lift keeps
bursts in bounds: an alarm adds `brake` over the wanted number a day, which fades in `brake_h` hours. `rehearse` finds where a
market stands before its first live minute: it walks the venue's history as if it had been live.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from contracts.settings.discovery import AlarmSettings
from operators.jit import kernel
from operators.robust import kth, median
from operators.slices import F4, F8, I8, SECOND, U1, HistoryBars
from operators.state import State, capacity, grow

PAST = 1440
DAY_S = 86_400.0
# level_marks (int64): seconds since the last alarm; hottest scores kept; whether the market's own level is known; live alarms
# while history may still come; whether it came since the last rehearsal; minutes that `market` is the mean of
QUIET, TOPS, CALIBRATED, EARLY, NEWS, SEEN = range(6)
# alarm rules (float64)
RATE, COOLDOWN, STEP, HURRY, EVERY, BRAKE, FADE_S, PART, SMOOTH, STILL, CALIBRATE, ABOVE, LEAST_PAST = range(13)


@dataclass
class AlarmLevelState(State):
    """The threshold, what lifts the level above it, the market's own level, and log closes of the day before the start until they are used.

    past: (1440, S) by minute modulo 1440, empty once done.
    """

    VERSION: ClassVar[int] = 2
    tops: F8 = field(default_factory=lambda: np.zeros(240))
    threshold: F8 = field(default_factory=lambda: np.zeros(1))
    lift: F8 = field(default_factory=lambda: np.zeros(1))
    market: F8 = field(default_factory=lambda: np.zeros(1))
    level_marks: I8 = field(default_factory=lambda: np.zeros(6, dtype=np.int64))
    past: F4 = field(default_factory=lambda: np.full((PAST, capacity(0)), np.nan, dtype=np.float32))
    past_stamps: I8 = field(default_factory=lambda: np.full(PAST, -1, dtype=np.int64))

    def reserve(self, width: int) -> None:
        """Make room for so many symbols."""
        self.past = grow(self.past, width, np.nan)


def alarm_rules(own: AlarmSettings, least_speed: float) -> F8:
    """The settings as the kernels read them; least_speed is the ranking's."""
    return np.array(
        [
            own.per_day_per_100, own.cooldown_s, own.step, own.hurry, own.every_s, own.brake, own.brake_h * 3600.0, own.market_part,
            own.market_min, np.log(least_speed), own.calibrate_min, own.calibrate_above, own.history_least_min,
        ],
        dtype=np.float64,
    )  # fmt: skip


@kernel
def level(threshold: Any, lift: Any) -> float:
    """The level in force."""
    return float(threshold[0] + lift[0])


@kernel
def fade(elapsed: Any, lift: Any, rules: Any) -> None:
    """Let what past alarms added fade for so many seconds."""
    lift[0] *= np.exp(-elapsed / rules[FADE_S])


@kernel
def lower(elapsed: Any, ranked: int, threshold: Any, marks: Any, rules: Any) -> None:
    """Let so many seconds pass without an alarm."""
    rate = rules[RATE] * ranked / 100.0 / DAY_S
    marks[QUIET] += elapsed
    overdue = max(0.0, rate * marks[QUIET] - 1.0)  # mean gaps beyond the first
    threshold[0] -= rules[STEP] * rate * elapsed * (1.0 + rules[HURRY] * overdue)


@kernel
def follow(scores: Any, count: int, market: Any, threshold: Any, marks: Any, rules: Any) -> None:
    """Take a minute's scores, reordering them; the threshold moves as the market's own level does, once that is known."""
    if count == 0:
        return
    hot = kth(scores, count, int(rules[PART] * (count - 1)))
    if hot <= rules[STILL]:  # a market that stands still says nothing of how it moves
        return
    if marks[SEEN] < rules[SMOOTH]:
        marks[SEEN] += 1
        market[0] += (hot - market[0]) / marks[SEEN]
        return
    moved = (hot - market[0]) / rules[SMOOTH]
    market[0] += moved
    threshold[0] += moved


@kernel
def ring(ranked: int, threshold: Any, lift: Any, marks: Any, rules: Any) -> None:
    """Book an alarm."""
    threshold[0] += rules[STEP]
    lift[0] += rules[BRAKE] / max(rules[RATE] * ranked / 100.0, 1.0)
    marks[QUIET] = 0


@kernel
def calibrate(hottest: float, tops: Any, threshold: Any, marks: Any, rules: Any) -> None:
    """Take a minute's hottest score; the first `CALIBRATE` of them set the threshold of a market without history."""
    tops[marks[TOPS]] = hottest
    marks[TOPS] += 1
    if marks[TOPS] >= rules[CALIBRATE]:
        marks[CALIBRATED] = 1
        marks[QUIET] = 0
        threshold[0] = median(tops, marks[TOPS]) + rules[ABOVE]
        tops[:] = 0.0


@kernel
def rehearse(
    newest: Any, width: int, past: Any, stamps: Any, excluded: Any, volume_24h: Any, least_volume: float, horizons: Any,
    ranking: Any, rules: Any, start: float, tops: Any, threshold: Any, lift: Any, market: Any, marks: Any,
) -> bool:  # fmt: skip
    """Walk the closes of the 1440 minutes up to `newest` as if they had been live; False, and nothing moved, if too few are known.

    past (1440, S) log closes, stamps (1440,) their minutes. Scores are the ranking's, the day's high as far as it is known; coins
    without the volume asked for count for the market's median but ring no alarm. Live alarms that came before the history did ring
    after it. ranking: its rules; rules: the alarm's.
    """
    minutes = 0
    for minute in range(newest - PAST + 1, newest + 1):
        if stamps[minute % PAST] == minute:
            minutes += 1
    if minutes < rules[LEAST_PAST]:
        return False
    threshold[0] = start
    lift[0] = 0.0
    market[0] = 0.0
    marks[QUIET] = 0
    marks[SEEN] = 0
    ranked = 0
    highest = np.full(width, -np.inf)
    rang = np.full(width, -(2**60), dtype=np.int64)
    raw = np.empty(width, dtype=np.float64)
    own = np.empty(width, dtype=np.float64)
    for minute in range(newest - PAST + 1, newest + 1):
        row = minute % PAST
        if stamps[row] != minute:
            continue
        for s in range(width):
            raw[s] = 0.0
        for h in range(len(horizons)):
            before = (minute - horizons[h]) % PAST
            if stamps[before] != minute - horizons[h]:
                raw[:] = np.nan
                break
            n = 0
            for s in range(width):
                change = float(past[row, s]) - float(past[before, s])
                if excluded[s] == 0 and not np.isnan(change):
                    own[n] = change
                    n += 1
            middle = median(own, n) if n >= ranking[3] else 0.0
            for s in range(width):
                change = float(past[row, s]) - float(past[before, s])
                raw[s] += (change - middle) / np.sqrt(float(horizons[h]))
        known = 0
        passed = 0
        for s in range(width):
            x = float(past[row, s])
            if x > highest[s]:
                highest[s] = x
            if excluded[s] == 0 and not np.isnan(raw[s]):
                raw[s] = np.log(max(raw[s], ranking[0])) + ranking[1] * max(x - highest[s], -ranking[2])
                known += 1
                if volume_24h[s] >= least_volume:
                    own[passed] = raw[s]
                    passed += 1
            else:
                raw[s] = -np.inf
        if known == 0:
            continue
        ranked = known
        second = minute * 60 + 59
        fade(60, lift, rules)
        lower(60, ranked, threshold, marks, rules)
        follow(own, passed, market, threshold, marks, rules)
        for s in range(width):
            if volume_24h[s] >= least_volume and raw[s] >= level(threshold, lift) and second - rang[s] >= rules[COOLDOWN]:
                rang[s] = second
                ring(ranked, threshold, lift, marks, rules)
    for _ in range(marks[EARLY]):
        ring(ranked, threshold, lift, marks, rules)
    marks[CALIBRATED] = 1
    tops[:] = 0.0
    return True


class AlarmLevel:
    """What the level learns of a market's past: one-minute history of its first minutes."""

    def __init__(self, own: AlarmSettings, ranking: F8, horizons: I8, least_volume: float) -> None:
        self._own = own
        self._ranking = ranking
        self._horizons = horizons
        self._least_volume = least_volume
        self.rules = alarm_rules(own, float(ranking[0]))

    def learn(self, state: AlarmLevelState, bars: HistoryBars, ts_recv: int) -> None:
        """Keep closes until they are rehearsed."""
        if bars.seconds != 60 or not len(state.past):
            return
        minutes = bars.ts_open // (60 * SECOND)
        good = (bars.close > 0) & (minutes <= ts_recv // (60 * SECOND))
        minutes = minutes[good]
        rows = minutes % PAST
        newer = minutes > state.past_stamps[rows]
        state.past_stamps[rows[newer]] = minutes[newer]
        state.past[rows[newer]] = np.nan
        mine = state.past_stamps[rows] == minutes
        state.past[rows[mine], bars.symbol] = np.log(bars.close[good][mine])
        state.level_marks[NEWS] = 1

    def rehearse(self, state: AlarmLevelState, market_first: int, excluded: U1, volume_24h: F8) -> None:
        """Set the threshold from what history came, as of the market's first second, and ring live alarms since again.

        To be called at the end of a minute; volume_24h (S,) is that second's.
        """
        marks = state.level_marks
        marks[NEWS] = 0
        rehearse(
            market_first // 60 - 1, len(volume_24h), state.past, state.past_stamps, excluded, volume_24h, self._least_volume,
            self._horizons, self._ranking, self.rules, self._own.start, state.tops, state.threshold, state.lift,
            state.market, marks,
        )  # fmt: skip

    def forget(self, state: AlarmLevelState) -> None:
        """History that comes from now on fills gaps, it tells no past."""
        state.past = np.full((0, state.past.shape[1]), np.nan, dtype=np.float32)
        state.level_marks[NEWS] = 0
