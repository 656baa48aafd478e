from __future__ import annotations

import pytest

from contracts.errors import InvalidTransition
from contracts.settings.trading import EngineSettings
from operators.engine_state import TRANSITIONS, Engine, Fault, Level, State, advance, judge

STALE = Fault("FEED_STALE", Level.DEGRADED)
LOST = Fault("FEED_LOST", Level.BLOCKED)
ERRORS = Fault("ORDER_ERRORS", Level.DEGRADED)


def after(*cycles: list[Fault], start: State = "tradeable", settings: EngineSettings | None = None) -> Engine:
    """An engine after these cycles' faults, one event second each."""
    engine = Engine(state=start, causes=[])
    for second, faults in enumerate(cycles):
        judge(engine, faults, settings or EngineSettings(), second, cycle=True)
    return engine


def test_table_has_every_state_for_a_clean_cycle_and_a_block():
    for state in ("tradeable", "degraded", "blocked"):
        assert (state, "clean") in TRANSITIONS
        assert TRANSITIONS[state, "block"] == "blocked"  # type: ignore[index]


def test_pair_that_the_table_lacks_is_refused():
    with pytest.raises(InvalidTransition, match="leaves tradeable, was recover"):
        advance("tradeable", "recover")


@pytest.mark.parametrize(
    ("cycles", "state"),
    [
        ([[]], "tradeable"),
        ([[STALE]], "degraded"),
        ([[LOST]], "blocked"),
        ([[STALE], [LOST]], "blocked"),
        ([[STALE], [], []], "degraded"),
        ([[STALE], [], [], []], "tradeable"),
        ([[STALE], [], [], [STALE], [], []], "degraded"),  # a relapse starts the count anew
        ([[LOST], [], [], [], [], []], "blocked"),
        ([[LOST], [], [], [], [], [], []], "tradeable"),
        ([[LOST], *[[STALE]] * 5], "blocked"),
        ([[LOST], *[[STALE]] * 6], "degraded"),  # eased: the lesser fault is still there
        ([[LOST], *[[STALE]] * 6, [], []], "degraded"),
        ([[LOST], *[[STALE]] * 6, [], [], []], "tradeable"),
        ([[LOST], [], [], [], [LOST], [], [], [], [], []], "blocked"),
    ],
)
def test_states_follow_the_faults_of_the_cycles(cycles: list[list[Fault]], state: str):
    assert after(*cycles).state == state


def test_faults_act_at_once_but_recovery_counts_cycles_alone():
    engine = Engine(state="tradeable", causes=[])
    assert judge(engine, [STALE], EngineSettings(), 5, cycle=False)
    assert (engine.state, engine.since) == ("degraded", 5)
    for second in range(20):
        assert not judge(engine, [], EngineSettings(), 6 + second, cycle=False)
    assert engine.clean_cycles == 0


def test_recovery_can_be_set_per_kind_of_fault_and_the_slowest_rules():
    slow = EngineSettings(recovery={"ORDER_ERRORS": (5, 9)})
    assert after([STALE], [], [], [], settings=slow).state == "tradeable"
    both = [[STALE, ERRORS], [], [], [], []]
    assert after(*both, settings=slow).state == "degraded"
    assert after(*both, [], settings=slow).state == "tradeable"


def test_reasons_are_given_outside_tradeable_and_only_there():
    assert after([]).reasons() == []
    assert [reason.code for reason in after([STALE, ERRORS]).reasons()] == ["FEED_STALE", "ORDER_ERRORS"]
    recovering = after([LOST], []).reasons()
    assert [(r.code, r.args) for r in recovering] == [
        ("RECOVERING", {"after": "FEED_LOST", "clean": 1.0, "needed": 6.0})
    ]


def test_pause_blocks_at_once_and_leaves_faults_their_own_hold():
    engine = after([STALE])
    engine.paused, engine.paused_by = True, "ann"
    assert engine.shown == "blocked"
    assert [reason.code for reason in engine.reasons()] == ["FEED_STALE", "PAUSED_BY_COMMAND"]
    engine.paused = False
    assert engine.shown == "degraded"


def test_engine_starts_degraded_and_says_so():
    engine = Engine()
    assert engine.shown == "degraded"
    assert engine.reasons()[0].args["after"] == "STARTING"
