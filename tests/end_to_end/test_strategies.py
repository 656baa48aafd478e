"""Two strategies beside each other on one log, and a swap of the acting one on a running desk, with real processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit import ledger, queries
from contracts.facts import Position, decode_fact
from contracts.settings import load_settings
from flows.desk import operators
from infra.broker import LocalBroker
from tests.builders import market_log
from tests.checks import run
from tests.end_to_end.running import MARKET, Follower, Parts, publish, wait_for

PUMPED = "C01USDT"
ANY_DIP = {"pullback": {"dip_min": -1.0, "dip_max": 1.0}}
OLD = {"name": "hot_momentum", "shadow": ["pullback"], "options": ANY_DIP}
NEW = {"name": "pullback", "shadow": ["hot_momentum"], "options": ANY_DIP}


def first_fill(parts: Parts, log: list[bytes]) -> int:
    """Where on this log the old strategy's first position stands, by the operators alone."""
    desk = load_settings(parts.file).markets[MARKET].desk
    for message in run(lambda: [make(desk) for make in operators()], log, settings=desk).facts:
        fact = decode_fact(message.value)
        if isinstance(fact, Position):
            return fact.offset
    return pytest.fail("nothing was bought")


def acts(facts: list[dict[str, Any]]) -> dict[str, bool]:
    """Strategy -> whether all its facts are marked as shadow; a strategy with both fails."""
    marks: dict[str, set[bool]] = {}
    for fact in facts:
        marks.setdefault(fact["strategy"], set()).add(fact["shadow"])
    assert all(len(found) == 1 for found in marks.values())
    return {name: found.pop() for name, found in marks.items()}


@pytest.mark.timeout(300)
def test_a_shadow_beside_the_acting_strategy_then_the_two_swapped(embedded_broker: LocalBroker, tmp_path: Path) -> None:
    parts = Parts(tmp_path, embedded_broker.address, strategy=OLD)
    log = market_log(320, symbols=4, pump_at=60, history_minutes=400, dirty=False)
    cut = first_fill(parts, log[: len(log) // 2]) + 40
    follower = Follower(embedded_broker.address)

    def came(topic: str, kind: str) -> list[dict[str, Any]]:
        return follower.of(topic, kind)

    try:
        parts.start("desk", "project")
        publish(embedded_broker.address, log[:cut])
        held = wait_for(lambda: came("position.v1", "position"), 60, "a position")[0]
        parts.end("desk")
        before = {name: [read.json for read in follower.whole(name)] for name in ("signal_snapshot.v1", "decision.v1")}
        parts.given["strategy"] = NEW
        parts.file.write_text(json.dumps(parts.given))
        parts.start("desk")
        publish(embedded_broker.address, log[cut:])
        ended = wait_for(
            lambda: [p for p in came("position.v1", "position") if p["position_id"] == held["position_id"]
                     and p["status"] == "closed"], 60, "the old position's end",
        )  # fmt: skip
        parts.end("desk")
        signals = [read.json for read in follower.whole("signal_snapshot.v1")]
        packets = [read.json for read in follower.whole("decision.v1")]
        attempts = [read.json for read in follower.whole("order_attempt.v1")]
        parts.end("project")
    finally:
        parts.stop()
        follower.close()

    # Side by side: both judge and decide on the same log, one of them marked.
    assert acts(before["signal_snapshot.v1"]) == {"hot_momentum": False, "pullback": True}
    assert acts(before["decision.v1"]) == {"hot_momentum": False, "pullback": True}
    # After the swap the marks are exchanged, and what the old one opened is still managed.
    later = signals[len(before["signal_snapshot.v1"]) :]
    assert acts(later) == {"pullback": False, "hot_momentum": True}
    assert (held["symbol"], held["status"], held["decision_id"] in {p["id"] for p in before["decision.v1"]}) == (
        PUMPED,
        "open",
        True,
    )
    exits = [a for a in attempts if a["position_id"] == held["position_id"] and a["purpose"] != "entry"]
    assert exits
    assert ended[0]["settings_hash"] != held["settings_hash"]
    # Only the acting strategy's orders were sent.
    shadows = {packet["id"] for packet in packets if packet["shadow"]}
    sent = [attempt for attempt in attempts if attempt["verdict"] == "accepted"]
    assert shadows
    assert sent
    assert not {attempt["decision_id"] for attempt in sent} & shadows
    assert {a["deny_reason"] for a in attempts if a["decision_id"] in shadows} == {"SHADOW"}
    # The page marks them.
    rows = queries.decisions(parts.url, MARKET, 50)
    assert {row["id"]: row["shadow"] for row in rows} == {packet["id"]: packet["shadow"] for packet in packets}
    shown = ledger.decisions_table(rows, "UTC", 300)["rows"]
    assert {row["key"] for row in shown if "shadow" in row["cells"][1]["text"]} == shadows
    card = queries.signals(parts.url, MARKET, PUMPED)
    assert [(row["strategy"], row["body"]["shadow"]) for row in card] == [("pullback", False), ("hot_momentum", True)]
    newest = queries.decisions(parts.url, MARKET, 1, PUMPED, acting=True)
    assert [row["shadow"] for row in newest] == [False]
