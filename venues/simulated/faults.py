"""What can go wrong on demand: feed, answers, limits, reports, clock."""

from __future__ import annotations

import random
import time
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.settings.simulator import FaultSettings


class Fault(StrEnum):
    """Faults that `POST /sim/faults` switches on.

    drop_sockets cuts all market streams at once; shutdown_notice announces it first (`serverShutdown`). freeze_feed
    keeps sockets open and silent. dirty_frames sends broken frames among the good ones. slow_answers delays REST.
    rate_limit answers 429, ban answers 418. lost_ack takes an order and never answers; error_after_accept takes it and
    answers 503, timeout_after_accept -1007. duplicate_reports and reorder_reports touch user events. clock_skew
    moves the exchange's clock.
    """

    DROP_SOCKETS = "drop_sockets"
    SHUTDOWN_NOTICE = "shutdown_notice"
    FREEZE_FEED = "freeze_feed"
    DIRTY_FRAMES = "dirty_frames"
    SLOW_ANSWERS = "slow_answers"
    RATE_LIMIT = "rate_limit"
    BAN = "ban"
    LOST_ACK = "lost_ack"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    DUPLICATE_REPORTS = "duplicate_reports"
    REORDER_REPORTS = "reorder_reports"
    CLOCK_SKEW = "clock_skew"
    CLEAR = "clear"


class Dirt(StrEnum):
    """Ways in which a frame is broken."""

    NOT_A_LIST = "not_a_list"
    NOT_AN_OBJECT = "not_an_object"
    BAD_NUMBER = "bad_number"
    BAD_TIME = "bad_time"
    TRUNCATED = "truncated"


class FaultRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /sim/faults`. Faults last `seconds`, or for the next `count` orders, frames or reports."""

    fault: Fault
    seconds: Annotated[float, Meta(ge=0.0)] = 0.0
    count: Annotated[int, Meta(ge=0)] = 0
    ms: int = 0
    dirt: list[Dirt] = []


class FaultBoard:
    """The faults in force. Lasting ones end by themselves, counted ones when they have been used up."""

    def __init__(self, settings: FaultSettings, seed: int) -> None:
        self.settings = settings
        self._random = random.Random(seed)  # noqa: S311 - which frame breaks is no secret
        self._until: dict[Fault, float] = {}
        self._left: dict[Fault, int] = {}
        self._slow_ms = settings.slow_answer_ms
        self._dirt: list[Dirt] = list(Dirt)
        self._dirty_turn = 0
        self.skew_ms = settings.clock_skew_ms
        self.used: dict[str, int] = {}

    def set(self, request: FaultRequest) -> None:
        """Put a lasting or counted fault in force."""
        if request.fault is Fault.CLEAR:
            self._until.clear()
            self._left.clear()
            self.skew_ms, self._slow_ms = self.settings.clock_skew_ms, self.settings.slow_answer_ms
            return
        if request.fault is Fault.CLOCK_SKEW:
            self.skew_ms = request.ms
            return
        if request.fault is Fault.SLOW_ANSWERS:
            self._slow_ms = request.ms
        if request.fault is Fault.DIRTY_FRAMES:
            self._dirt, self._dirty_turn = request.dirt or list(Dirt), 0
        if request.seconds:
            self._until[request.fault] = time.monotonic() + request.seconds
        if request.count:
            self._left[request.fault] = request.count

    def active(self, fault: Fault) -> bool:
        """Whether a fault that lasts is in force."""
        until = self._until.get(fault)
        if until is None:
            return False
        if time.monotonic() < until:
            return True
        del self._until[fault]
        return False

    def seconds_left(self, fault: Fault) -> int:
        """Return the whole seconds for which a lasting fault stays, at least one while it is in force."""
        return max(1, int(self._until.get(fault, 0.0) - time.monotonic() + 0.999)) if self.active(fault) else 0

    def take(self, fault: Fault, share: float = 0.0) -> bool:
        """Use up one of a counted fault; `share` adds a lasting chance. Returns whether the fault strikes now."""
        left = self._left.get(fault, 0)
        strikes = left > 0 or self.active(fault) or (share > 0.0 and self._random.random() < share)
        if left > 0:
            self._left[fault] = left - 1
        if strikes:
            self.used[fault] = self.used.get(fault, 0) + 1
        return strikes

    @property
    def frozen(self) -> bool:
        """Whether the feed is silent."""
        return bool(self._until) and self.active(Fault.FREEZE_FEED)

    @property
    def dirty(self) -> bool:
        """Whether frames may be broken at the moment."""
        share = self.settings.dirty_frame_share
        return share > 0.0 or self._left.get(Fault.DIRTY_FRAMES, 0) > 0 or self.active(Fault.DIRTY_FRAMES)

    @property
    def answer_delay_s(self) -> float:
        """Seconds by which each REST answer is delayed."""
        lasting = self._slow_ms == self.settings.slow_answer_ms or self.active(Fault.SLOW_ANSWERS)
        return (self._slow_ms if lasting else self.settings.slow_answer_ms) / 1000.0

    def soil(self, data: str) -> str | None:
        """Return a broken copy of a frame's JSON, None where this frame stays clean."""
        if not self.take(Fault.DIRTY_FRAMES, self.settings.dirty_frame_share):
            return None
        dirt = self._dirt[self._dirty_turn % len(self._dirt)]
        self._dirty_turn += 1
        if dirt is Dirt.TRUNCATED:
            return data[: max(1, len(data) * 2 // 3)]
        value = msgspec.json.decode(data)
        event = value[0] if isinstance(value, list) and value else value
        if dirt is Dirt.NOT_A_LIST:
            value = event if isinstance(value, list) else "expected an object"
        elif dirt is Dirt.NOT_AN_OBJECT:
            value = [17, *value[1:]] if isinstance(value, list) else 17
        elif isinstance(event, dict) and dirt is Dirt.BAD_NUMBER:
            key = next((k for k in ("p", "c", "b", "k") if k in event), "E")
            event[key] = "not-a-number"
        elif isinstance(event, dict):
            event["E"] = -1
        return msgspec.json.encode(value).decode()
