"""The engine state: what may be sent, and why. Tradeable, degraded or blocked (outside tradeable nothing opens, closing
goes on).

A fault takes the engine down at once; it comes back only after enough clean cycles in a row, counted once per cycle:
from degraded or from blocked, per kind of fault where settings say so. A pause is a person's hold and no fault: it
blocks at once and ends at once, and whatever faults there are keep their own hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, Literal

import msgspec

from contracts.errors import InvalidTransition
from contracts.reasons import EngineReason, Reason
from contracts.settings.trading import EngineSettings

State = Literal["tradeable", "degraded", "blocked"]
Trigger = Literal["clean", "degrade", "block", "recover", "ease"]

TRANSITIONS: Final[dict[tuple[State, Trigger], State]] = {
    ("tradeable", "clean"): "tradeable",
    ("tradeable", "degrade"): "degraded",
    ("tradeable", "block"): "blocked",
    ("degraded", "clean"): "degraded",
    ("degraded", "recover"): "tradeable",
    ("degraded", "degrade"): "degraded",
    ("degraded", "block"): "blocked",
    ("blocked", "clean"): "blocked",
    ("blocked", "recover"): "tradeable",
    ("blocked", "ease"): "degraded",  # the blocking fault is gone long enough, a degrading one is still there
    ("blocked", "block"): "blocked",
}


class Level(IntEnum):
    """How bad a fault is."""

    CLEAN = 0
    DEGRADED = 1
    BLOCKED = 2


LEVELS: Final[dict[State, Level]] = {
    "tradeable": Level.CLEAN,
    "degraded": Level.DEGRADED,
    "blocked": Level.BLOCKED,
}


class Fault(msgspec.Struct, frozen=True):
    """Something wrong right now."""

    code: str
    level: Level
    args: dict[str, float | str] = {}


class Engine(msgspec.Struct):
    """The machine: its state, what put it there, and how far recovery is. Times are event times in ns."""

    state: State = "degraded"
    since: int = 0
    clean_cycles: int = 0
    needed_cycles: int = 3
    causes: list[str] = msgspec.field(
        default_factory=lambda: [EngineReason.STARTING.value]
    )  # faults that brought it to its present state
    faults: list[Fault] = []  # present now
    paused: bool = False
    paused_by: str = ""
    paused_since: int = 0

    @property
    def shown(self) -> State:
        """The state that counts: a pause blocks."""
        return "blocked" if self.paused else self.state

    def reasons(self) -> list[Reason]:
        """Why it is not tradeable; empty when it is."""
        reasons = [Reason(fault.code, fault.args) for fault in self.faults]
        if self.paused:
            reasons.append(Reason(EngineReason.PAUSED_BY_COMMAND.value, {"author": self.paused_by}))
        worst = max((fault.level for fault in self.faults), default=Level.CLEAN)
        if worst < LEVELS[self.state]:
            args: dict[str, float | str] = {
                "after": ", ".join(self.causes),
                "clean": float(self.clean_cycles),
                "needed": float(self.needed_cycles),
            }
            reasons.append(Reason(EngineReason.RECOVERING.value, args))
        return reasons


def advance(state: State, trigger: Trigger) -> State:
    """One lookup in the table. Raises InvalidTransition for a pair it does not have."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise InvalidTransition(f"engine: expected a trigger that leaves {state}, was {trigger}") from None


def judge(engine: Engine, faults: Sequence[Fault], settings: EngineSettings, ts_event: int, *, cycle: bool) -> bool:
    """Judge health; returns whether the state changed.

    Faults as bad as the state or worse act at once and start recovery anew; anything less counts as a clean cycle, and
    only where `cycle` says that one has ended.
    """
    engine.faults = list(faults)
    worst = max((fault.level for fault in faults), default=Level.CLEAN)
    level = LEVELS[engine.state]
    trigger: Trigger = "clean"
    if worst >= level and worst > Level.CLEAN:
        trigger = "block" if worst == Level.BLOCKED else "degrade"
        engine.causes = sorted({fault.code for fault in faults if fault.level == worst})
        engine.clean_cycles = 0
        engine.needed_cycles = max(_needed(code, worst, settings) for code in engine.causes)
    elif worst < level and cycle:
        engine.clean_cycles += 1
        if engine.clean_cycles >= engine.needed_cycles:
            trigger = "recover" if worst == Level.CLEAN else "ease"
            engine.clean_cycles = 0
            engine.causes = sorted({fault.code for fault in faults if fault.level == worst})
            engine.needed_cycles = max((_needed(code, worst, settings) for code in engine.causes), default=0)
    before = engine.state
    engine.state = advance(before, trigger)
    if engine.state != before:
        engine.since = ts_event
    return engine.state != before


def _needed(code: str, level: Level, settings: EngineSettings) -> int:
    own = settings.recovery.get(code)
    degraded, blocked = own if own is not None else (settings.recover_degraded_cycles, settings.recover_blocked_cycles)
    return blocked if level == Level.BLOCKED else degraded
