"""The kernel of `candidates`: filters, life cycle, adaptive threshold and alarms, second by second."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.alarm_level import CALIBRATED, COOLDOWN, EARLY, EVERY, calibrate, fade, follow, level, lower, ring
from operators.jit import kernel
from operators.robust import kth
from operators.slices import SECOND

OUT, NEW, WATCHING, HOT, COOLING = range(5)
STAGES = 5
ADMIT, LISTED, CONFIRM, IGNITE, COOL, FADE, EVICT = range(7)
TRIGGERS = 7
PASSED, EXCLUDED, WARMING_UP, ILLIQUID, NO_VOLUME, STALE = range(6)
MISSING = 255

# marks (int64)
MARKET_FIRST, LAST_SECOND = range(2)
# rules (float64)
(
    SIZE, ADMIT_TOP, KEEP_TOP, NEW_S, WATCHING_S, HOT_S, COOLING_S, REHEAT_S, CALM_S, HYSTERESIS, LEAST_VOLUME,
    LISTING_PART, LISTING_S, SETTLE_S,
) = range(14)  # fmt: skip
NEVER = -(2**60)


@kernel
def _weakest(stage: Any, raw: Any, f: int, width: int, below: float) -> int:
    """The pool's coin with the lowest score under `below` that is not hot; -1 if none. Ties to the later symbol."""
    found = -1
    for s in range(width):
        if stage[s] != OUT and stage[s] != HOT and raw[f, s] < below and (found < 0 or raw[f, s] <= raw[f, found]):
            found = s
    return found


@kernel
def _filters(
    f: int, second: Any, width: int, raw: Any, excluded: Any, updates: Any, volume_24h: Any, fresh: Any,
    first_seen: Any, marks: Any, rules: Any, failed: Any,
) -> None:  # fmt: skip
    for s in range(width):
        if first_seen[s] < 0 and updates[f, s] > 0.0:
            first_seen[s] = second if second - marks[MARKET_FIRST] > rules[SETTLE_S] else 0
        needed = rules[LEAST_VOLUME]
        if first_seen[s] > 0 and second - first_seen[s] < rules[LISTING_S]:
            needed *= rules[LISTING_PART]
        if excluded[s] != 0:
            failed[f, s] = EXCLUDED
        elif raw[f, s] == -np.inf:
            failed[f, s] = WARMING_UP
        elif np.isnan(volume_24h[f, s]):
            failed[f, s] = NO_VOLUME
        elif volume_24h[f, s] < needed:
            failed[f, s] = ILLIQUID
        elif not fresh[f, s]:
            failed[f, s] = STALE
        else:
            failed[f, s] = PASSED


@kernel
def walk(
    first: int, until: int, width: int, ts_open: Any, updates: Any, volume_24h: Any, fresh: Any, excluded: Any,
    raw: Any, table: Any, stage: Any, since: Any, reach: Any, first_seen: Any, alarmed: Any, tops: Any, threshold: Any,
    lift: Any, market: Any, level_marks: Any, marks: Any, rules: Any, alarm: Any, failed: Any, stage_out: Any, since_out: Any,
    threshold_out: Any, moves: Any, used: int, alarms: Any, raised: int,
) -> Any:  # fmt: skip
    """Walk frames [first, until); return (moves used, alarms raised). moves (N, 5): frame, symbol, before, after,
    trigger (before = -1 where
    the table has no such pair); alarms (N, 3): frame, symbol, rank.
    """
    own = np.empty(width, dtype=np.float64)
    for f in range(first, until):
        second = ts_open[f] // SECOND
        if marks[MARKET_FIRST] < 0:
            marks[MARKET_FIRST] = second
            marks[LAST_SECOND] = second - 1
        passed_s = max(second - marks[LAST_SECOND], 0)  # a clock that was set back fades nothing
        fade(passed_s, lift, alarm)
        elapsed = min(passed_s, 60)  # what was not seen lowers no threshold
        marks[LAST_SECOND] = second
        _filters(f, second, width, raw, excluded, updates, volume_24h, fresh, first_seen, marks, rules, failed)
        passed = 0
        ranked = 0
        hottest = -np.inf
        for s in range(width):
            if raw[f, s] > -np.inf:
                ranked += 1
            if failed[f, s] == PASSED:
                own[passed] = raw[f, s]
                passed += 1
                hottest = max(hottest, raw[f, s])
        admit = int(rules[ADMIT_TOP])
        keep = int(rules[KEEP_TOP])
        admit_at = kth(own, passed, passed - admit) if passed > admit else -np.inf
        keep_at = kth(own, passed, passed - keep) if passed > keep else -np.inf
        lower(elapsed, ranked, threshold, level_marks, alarm)
        if second % 60 == 59:
            follow(own, passed, market, threshold, level_marks, alarm)
        at = level(threshold, lift)
        threshold_out[f] = at
        pool = 0
        for s in range(width):
            if stage[s] != OUT:
                pool += 1
        for s in range(width):
            now = stage[s]
            fine = failed[f, s] == PASSED
            score = raw[f, s]
            listing = (
                excluded[s] == 0
                and first_seen[s] > 0
                and second - first_seen[s] < rules[LISTING_S]
                and failed[f, s] == WARMING_UP
            )
            if now == OUT:
                if (fine and score >= admit_at) or listing:
                    if pool >= rules[SIZE]:
                        weak = _weakest(stage, raw, f, width, np.inf if listing else score)
                        if weak < 0:
                            continue
                        used = _move(f, weak, EVICT, second, table, stage, since, reach, moves, used)
                        pool -= 1
                    used = _move(f, s, LISTED if listing else ADMIT, second, table, stage, since, reach, moves, used)
                    pool += 1
                continue
            hot = fine and score >= at
            if now == HOT:
                if score >= at - rules[HYSTERESIS]:
                    reach[s] = second
            elif (fine and score >= keep_at) or listing or hot:
                reach[s] = second
            age = second - since[s]
            lost = second - reach[s] >= rules[CALM_S]
            trigger = -1
            if now == NEW:
                if age >= rules[NEW_S]:
                    trigger = CONFIRM if reach[s] == second else FADE
            elif now == WATCHING:
                if hot and age >= rules[WATCHING_S]:
                    trigger = IGNITE
                elif lost and age >= rules[CALM_S]:
                    trigger = FADE
            elif now == HOT:
                if lost and age >= rules[HOT_S]:
                    trigger = COOL
            elif hot and age >= rules[REHEAT_S]:
                trigger = IGNITE
            elif age >= rules[COOLING_S]:
                trigger = FADE if lost else CONFIRM
            if trigger >= 0:
                used = _move(f, s, trigger, second, table, stage, since, reach, moves, used)
                if stage[s] == OUT:
                    pool -= 1
        # Alarms, hottest first; ties to the symbol that appeared first.
        while (second + 1) % int(alarm[EVERY]) == 0:
            best = -1
            enough = level(threshold, lift)
            for s in range(width):
                if (
                    failed[f, s] == PASSED
                    and raw[f, s] >= enough
                    and second - alarmed[s] >= alarm[COOLDOWN]
                    and (best < 0 or raw[f, s] > raw[f, best])
                ):
                    best = s
            if best < 0:
                break
            rank = 1
            for s in range(width):
                if failed[f, s] == PASSED and raw[f, s] > raw[f, best]:
                    rank += 1
            alarmed[best] = second
            ring(ranked, threshold, lift, level_marks, alarm)
            level_marks[EARLY] += 1
            alarms[raised, 0] = f
            alarms[raised, 1] = best
            alarms[raised, 2] = rank
            raised += 1
        if second % 60 == 59 and level_marks[CALIBRATED] == 0 and hottest > -np.inf:
            calibrate(hottest, tops, threshold, level_marks, alarm)
        for s in range(width):
            stage_out[f, s] = stage[s]
            since_out[f, s] = since[s] * SECOND
    return used, raised


@kernel
def _move(
    f: int, s: int, trigger: int, second: Any, table: Any, stage: Any, since: Any, reach: Any, moves: Any, used: int
) -> int:
    after = table[stage[s], trigger]
    moves[used, 0] = f
    moves[used, 1] = s
    moves[used, 2] = stage[s] if after != MISSING else -1
    moves[used, 3] = after if after != MISSING else stage[s]
    moves[used, 4] = trigger
    if after != MISSING:
        stage[s] = after
        since[s] = second
        reach[s] = second
    return used + 1
