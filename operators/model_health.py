"""Model health: is the model in force fit to be gone by?

Coverage is the share of outcomes at or below a predicted quantile, which should be the quantile's own share; the loss is compared with the
outlook's on the same candidates. Both fade with `model.health_half_life`. A model that is off or worse than doing without is withdrawn; it
goes on learning, and is back after `model.recover_min` good minutes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from contracts.facts import Alert, ModelHealth
from contracts.reasons import ModelReason, Reason
from contracts.settings import DeskSettings
from operators.edge_model import (
    BASE_BELOW,
    BASE_LOSS,
    BELOW,
    CLEAN,
    COUNT,
    DROPPED,
    FEATURES,
    IN_FORCE,
    LEARNED,
    LEARNING,
    LOSS,
    OFF,
    SIDES,
    SINCE,
    STATUS,
    TOLD,
    UNHEALTHY,
    VERSION,
    WEIGHT,
    EdgeModelState,
)
from operators.gates import significant
from operators.ids import trace_id
from operators.slices import SECOND, Slice

Grade = Literal["unknown", "good", "watch", "bad"]
MINUTE: Final = 60 * SECOND


class Trigger(StrEnum):
    """What a minute's figures say."""

    YOUNG = "young"  # too few outcomes
    FIT = "fit"  # good or watch
    RECOVERED = "recovered"  # fit for long enough
    UNFIT = "unfit"


TRANSITIONS: Final = {
    (LEARNING, Trigger.YOUNG): LEARNING,
    (LEARNING, Trigger.FIT): IN_FORCE,
    (LEARNING, Trigger.RECOVERED): IN_FORCE,
    (LEARNING, Trigger.UNFIT): UNHEALTHY,
    (IN_FORCE, Trigger.FIT): IN_FORCE,
    (IN_FORCE, Trigger.RECOVERED): IN_FORCE,
    (IN_FORCE, Trigger.UNFIT): UNHEALTHY,
    (UNHEALTHY, Trigger.FIT): UNHEALTHY,
    (UNHEALTHY, Trigger.RECOVERED): IN_FORCE,
    (UNHEALTHY, Trigger.UNFIT): UNHEALTHY,
    # settings that ask for more outcomes than there were
    (IN_FORCE, Trigger.YOUNG): LEARNING,
    (UNHEALTHY, Trigger.YOUNG): LEARNING,
}
NAMES: Final[dict[int, Literal["off", "learning", "in_force", "unhealthy"]]] = {
    OFF: "off",
    LEARNING: "learning",
    IN_FORCE: "in_force",
    UNHEALTHY: "unhealthy",
}


class ModelWatch:
    """Grade the model at each closed minute; write `ModelHealth` on each change and every `model.tell_min` minutes."""

    def __init__(self, settings: DeskSettings) -> None:
        self._own = settings.model
        self._shares = (settings.outlook.edge_quantile, settings.outlook.risk_quantile)

    def judge(self, state: EdgeModelState, now: int) -> None:
        """Move the state on; `now` is the minute's end, event time ns. A model that is switched off stays so."""
        marks = state.marks
        if marks[STATUS] == OFF:
            marks[SINCE] = marks[SINCE] or now
            return
        grade, _ = self.grade(state)
        marks[CLEAN] = marks[CLEAN] + 1 if grade in ("good", "watch") else 0
        trigger = Trigger.YOUNG
        if grade == "bad":
            trigger = Trigger.UNFIT
        elif grade != "unknown":
            trigger = Trigger.RECOVERED if marks[CLEAN] >= self._own.recover_min else Trigger.FIT
        status = TRANSITIONS[int(marks[STATUS]), trigger]
        if status != marks[STATUS] or not marks[SINCE]:
            marks[STATUS] = status
            marks[SINCE] = now

    def grade(self, state: EdgeModelState) -> tuple[Grade, list[Reason]]:
        """How good it is, and the figures that are beyond their bounds."""
        own = self._own
        if state.marks[LEARNED] < own.least_samples:
            args: dict[str, float | str] = {"samples": float(state.marks[LEARNED]), "needed": float(own.least_samples)}
            return "unknown", [Reason(ModelReason.TOO_FEW_SAMPLES, args)]
        grade: Grade = "good"
        reasons = []
        for side, name in enumerate(SIDES):
            coverage, ratio = _share(state, BELOW + side), _ratio(state, side)
            off = abs(coverage - self._shares[side])
            if off > own.coverage_slack / 2.0:
                grade = "bad" if grade == "bad" or off > own.coverage_slack else "watch"
                said: dict[str, float | str] = {"side": name, "coverage": significant(coverage), "nominal": self._shares[side]}
                reasons.append(Reason(ModelReason.COVERAGE_OFF, said))
            if ratio > own.loss_ratio_max:
                grade = "bad"
                reasons.append(
                    Reason(ModelReason.WORSE_THAN_WITHOUT, {"side": name, "ratio": significant(ratio), "most": own.loss_ratio_max})
                )
        return grade, reasons

    def unfit(self, state: EdgeModelState) -> dict[str, float | str]:
        """Why no model is in force, as arguments of `MODEL_UNHEALTHY`; empty where one is, or none is asked for."""
        status = int(state.marks[STATUS])
        if status in (OFF, IN_FORCE):
            return {}
        reasons = self.grade(state)[1]
        args = dict(reasons[0].args) if reasons else {}
        return args or {"clean": float(state.marks[CLEAN]), "recover": float(self._own.recover_min)}

    @staticmethod
    def alert(told: ModelHealth) -> Alert:
        """What a person should know when the model comes into force, or is no longer."""
        withdrawn = told.state != "in_force"
        why: dict[str, float | str] = dict(told.reasons[0].args) if withdrawn and told.reasons else {}
        return Alert(
            id=f"{told.trace_id}-alert",
            trace_id=told.trace_id,
            market=told.market,
            partition=told.partition,
            offset=told.offset,
            ts_event=told.ts_event,
            settings_hash=told.settings_hash,
            model_hash=told.model_hash,
            severity="warning" if withdrawn else "info",
            code="MODEL_WITHDRAWN" if withdrawn else "MODEL_IN_FORCE",
            symbol="",
            args={"version": told.version, **why},
        )

    def due(self, state: EdgeModelState, now: int) -> bool:
        """Whether something is to be told at this minute's end; of a model that is off only that it was switched off."""
        told, status = int(state.marks[TOLD]), int(state.marks[STATUS])
        if status == OFF:
            return told in (LEARNING, IN_FORCE, UNHEALTHY)
        return told != status or now // MINUTE % self._own.tell_min == 0

    def fact(self, state: EdgeModelState, piece: Slice, offset: int, now: int, model_hash: str) -> ModelHealth:
        """What is told; notes that it was."""
        marks = state.marks
        previous, status = int(marks[TOLD]), int(marks[STATUS])
        marks[TOLD] = status
        grade, reasons = self.grade(state)
        trace = trace_id(piece.market, offset, "model", now)
        return ModelHealth(
            id=f"{trace}-health",
            trace_id=trace,
            market=piece.market,
            partition=piece.partition,
            offset=offset,
            ts_event=now,
            settings_hash=piece.settings_hash,
            model_hash=model_hash,
            version=VERSION,
            state=NAMES[status],
            previous=NAMES.get(previous, "learning"),
            changed=previous in NAMES and previous != status,
            since=int(marks[SINCE]),
            grade=grade,
            reasons=reasons,
            samples=int(marks[LEARNED]),
            needed=self._own.least_samples,
            waiting=int(marks[COUNT]),
            dropped=int(marks[DROPPED]),
            nominal=dict(zip(SIDES, self._shares, strict=True)),
            coverage=_by_side(state, BELOW),
            coverage_without=_by_side(state, BASE_BELOW),
            loss_ratio={name: significant(_ratio(state, side)) for side, name in enumerate(SIDES)} if state.figures[WEIGHT] else {},
            weights={
                name: dict(zip(FEATURES, [significant(w) for w in row], strict=True))
                for name, row in zip(SIDES, state.weights.tolist(), strict=True)
            },
        )


def _by_side(state: EdgeModelState, first: int) -> dict[str, float]:
    if not state.figures[WEIGHT]:
        return {}
    return {name: significant(_share(state, first + side)) for side, name in enumerate(SIDES)}


def _share(state: EdgeModelState, row: int) -> float:
    return float(state.figures[row] / state.figures[WEIGHT])


def _ratio(state: EdgeModelState, side: int) -> float:
    """Loss over the outlook's; 1 where neither was ever off."""
    without = float(state.figures[BASE_LOSS + side])
    return float(state.figures[LOSS + side]) / without if without > 0.0 else 1.0
