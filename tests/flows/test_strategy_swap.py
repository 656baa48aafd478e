"""A desk that is restarted with another strategy keeps positions and orders, and manages what the old one opened."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.facts import DecisionPacket, Fact, OrderAttempt, Position, Signal, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.trading import StrategySettings
from flows.desk import operators
from flows.wiring.encode import outgoing
from operators.cut import Cut
from operators.slices import RawBatch
from tests.builders import market_log

PUMPED = "C01USDT"
OLD = DeskSettings()
NEW = DeskSettings(strategy=StrategySettings(name="pullback", shadow=["hot_momentum"]))


def play(log: list[bytes], swap_at: int, later: DeskSettings) -> tuple[list[Fact], list[Fact]]:
    """Facts before and after the desk is stopped at a message and started again with other settings."""
    cutter = Cut(OLD, "binance.spot", 0)
    cut_state = cutter.start()
    steps = [make(OLD) for make in operators()]
    states = [step.start() for step in steps]
    told: list[list[Fact]] = [[], []]
    for number, (start, end) in enumerate(((0, swap_at), (swap_at, len(log)))):
        if number == 1:
            steps = [make(later) for make in operators()]
            states = [step.state_type.load(state.dump()) for step, state in zip(steps, states, strict=True)]
        piece = cutter.read(cut_state, RawBatch(np.arange(start, end, dtype=np.int64), log[start:end]))
        for step, state in zip(steps, states, strict=True):
            step.step(state, piece)
        for message in outgoing(piece):
            fact = decode_fact(message.value)
            assert isinstance(fact, Fact)
            told[number].append(fact)
    return told[0], told[1]


@pytest.fixture(scope="module")
def swapped() -> tuple[list[Fact], list[Fact]]:
    log = market_log(400, symbols=8, pump_at=60, history_minutes=400, dirty=False)
    whole, _ = play(log, len(log), OLD)
    opened = next(fact for fact in whole if isinstance(fact, Position))
    return play(log, opened.offset + 40, NEW)


def test_the_position_of_the_old_strategy_is_managed_to_its_end(swapped: tuple[list[Fact], list[Fact]]) -> None:
    before, after = swapped
    held = next(fact for fact in reversed(before) if isinstance(fact, Position))
    assert (held.symbol, held.status) == (PUMPED, "open")
    later = [fact for fact in after if isinstance(fact, Position) and fact.position_id == held.position_id]
    assert later[-1].status == "closed"
    exits = [fact for fact in after if isinstance(fact, OrderAttempt) and fact.position_id == held.position_id]
    assert exits
    assert all(attempt.purpose != "entry" for attempt in exits)


def test_the_new_strategy_judges_and_the_old_one_only_watches(swapped: tuple[list[Fact], list[Fact]]) -> None:
    before, after = swapped
    assert {(s.strategy, s.shadow) for s in before if isinstance(s, Signal)} == {("hot_momentum", False)}
    assert {(s.strategy, s.shadow) for s in after if isinstance(s, Signal)} == {
        ("pullback", False),
        ("hot_momentum", True),
    }
    for packet in (fact for fact in after if isinstance(fact, DecisionPacket)):
        assert packet.shadow == (packet.strategy == "hot_momentum")


def test_nothing_in_shadow_is_ever_sent(swapped: tuple[list[Fact], list[Fact]]) -> None:
    shadows = {fact.id for part in swapped for fact in part if isinstance(fact, DecisionPacket) and fact.shadow}
    for attempt in (fact for part in swapped for fact in part if isinstance(fact, OrderAttempt)):
        assert attempt.decision_id not in shadows or attempt.verdict == "denied"
