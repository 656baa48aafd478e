"""When a model is gone by, watched, withdrawn, and taken up again."""

from __future__ import annotations

import itertools

import pytest

from contracts.facts import ModelHealth
from contracts.reasons import Reason
from contracts.settings import DeskSettings
from contracts.settings.decisions import ModelSettings
from contracts.texts import describe
from operators.edge_model import (
    BASE_LOSS,
    BELOW,
    IN_FORCE,
    LEARNED,
    LEARNING,
    LOSS,
    OFF,
    STATUS,
    UNHEALTHY,
    WEIGHT,
    EdgeModel,
    EdgeModelState,
)
from operators.model_health import NAMES, TRANSITIONS, ModelWatch, Trigger
from tests.builders import START
from tests.checks import MARKET

MINUTE = 60_000_000_000
SETTINGS = DeskSettings(model=ModelSettings(least_samples=100, recover_min=3, coverage_slack=0.1, loss_ratio_max=1.02))


def state(learned: int = 1000, edge: float = 0.5, risk: float = 0.8, ratio: float = 0.95) -> EdgeModelState:
    made = EdgeModel(SETTINGS).start()
    made.marks[LEARNED] = learned
    made.figures[WEIGHT] = 500.0
    made.figures[BELOW : BELOW + 2] = 500.0 * edge, 500.0 * risk
    made.figures[BASE_LOSS : BASE_LOSS + 2] = 100.0
    made.figures[LOSS : LOSS + 2] = 90.0, 100.0 * ratio
    return made


@pytest.mark.parametrize(
    ("figures", "grade", "codes"),
    [
        ({}, "good", []),
        ({"learned": 99}, "unknown", ["TOO_FEW_SAMPLES"]),
        ({"learned": 100}, "good", []),
        ({"edge": 0.549}, "good", []),
        ({"edge": 0.56}, "watch", ["COVERAGE_OFF"]),
        ({"risk": 0.74}, "watch", ["COVERAGE_OFF"]),
        ({"risk": 0.69}, "bad", ["COVERAGE_OFF"]),
        ({"edge": 0.61, "risk": 0.74}, "bad", ["COVERAGE_OFF", "COVERAGE_OFF"]),
        ({"ratio": 1.019}, "good", []),
        ({"ratio": 1.03}, "bad", ["WORSE_THAN_WITHOUT"]),
    ],
)  # fmt: skip
def test_grades(figures: dict[str, float], grade: str, codes: list[str]) -> None:
    found, reasons = ModelWatch(SETTINGS).grade(state(**figures))  # type: ignore[arg-type]
    assert found == grade
    assert [reason.code for reason in reasons] == codes
    for reason, language in itertools.product(reasons, ("en", "zh")):
        assert "?" not in describe(reason, language)  # type: ignore[arg-type]


def test_every_state_knows_what_every_trigger_does() -> None:
    assert set(TRANSITIONS) == set(itertools.product((LEARNING, IN_FORCE, UNHEALTHY), Trigger))
    assert set(TRANSITIONS.values()) | {OFF} == set(NAMES)


def test_it_comes_into_force_with_enough_outcomes_is_withdrawn_at_once_and_comes_back_after_good_minutes() -> None:
    watch, told = ModelWatch(SETTINGS), state(learned=10)
    seen = []
    good = state()
    bad = state(risk=0.6)
    for minute, (learned, source) in enumerate(
        [(10, good), (100, good), (200, good), (300, bad), (400, good), (500, good), (600, bad), (700, good), (800, good), (900, good)]
    ):
        told.marks[LEARNED] = learned
        told.figures[:] = source.figures
        watch.judge(told, START + minute * MINUTE)
        seen.append(int(told.marks[STATUS]))
    assert seen == [
        LEARNING, IN_FORCE, IN_FORCE, UNHEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY, IN_FORCE
    ]  # fmt: skip


def fact(watch: ModelWatch, told: EdgeModelState, now: int) -> ModelHealth:
    class Piece:
        market, partition, settings_hash = MARKET, 0, "s"

    return watch.fact(told, Piece(), 7, now, "h")  # type: ignore[arg-type]


def test_a_change_is_told_once_with_an_alert_and_the_rest_every_few_minutes() -> None:
    watch, told = ModelWatch(SETTINGS), state(learned=10)
    changes, alerts, times = [], [], []
    for minute in range(1, 12):
        told.marks[LEARNED] = 10 if minute < 3 else 1000
        if minute == 7:
            told.figures[BELOW + 1] = 0.0
        watch.judge(told, minute * MINUTE)
        if watch.due(told, minute * MINUTE):
            said = fact(watch, told, minute * MINUTE)
            times.append(minute)
            if said.changed:
                changes.append((minute, said.previous, said.state, said.since == minute * MINUTE))
                alert = watch.alert(said)
                alerts.append((alert.code, alert.severity))
                assert "?" not in describe(Reason(alert.code, alert.args), "zh")
    assert times == [1, 3, 5, 7, 10]
    assert changes == [(3, "learning", "in_force", True), (7, "in_force", "unhealthy", True)]
    assert alerts == [("MODEL_IN_FORCE", "info"), ("MODEL_WITHDRAWN", "warning")]


def test_a_fact_before_the_first_outcome_holds_no_figure() -> None:
    young = EdgeModel(SETTINGS).start()
    said = fact(ModelWatch(SETTINGS), young, START)
    assert (said.state, said.grade, said.samples) == ("learning", "unknown", 0)
    assert said.coverage == said.coverage_without == said.loss_ratio == {}
    assert set(said.weights) == {"edge", "risk"}
