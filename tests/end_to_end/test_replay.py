"""A live run with a kill in the middle, replayed from the broker and from the archive, gives the same bytes of every fact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.topics import EVENTS, TOPICS
from infra.broker import LocalBroker
from tests.end_to_end.running import MARKET, Follower, Parts, wait_for

FACTS = [name for name in TOPICS if name != EVENTS.name]
QUIET = {
    "history_minutes": 600,
    "history_days": 2,
    "pump_every_s": 0,
    "slow_pump_every_s": 0,
    "dump_every_s": 0,
    "listings": 0,
}
COINS = ("ADAUSDT", "SOLUSDT")


def once(lines: list[bytes]) -> list[bytes]:
    """Delivery is at-least-once: the first of each id, in order."""
    found: dict[str, bytes] = {}
    for line in lines:
        found.setdefault(json.loads(line)["id"], line)
    return list(found.values())


def divergence(topic: str, live: list[bytes], again: list[bytes]) -> str:
    """Where two runs part: the first fact, and the first byte of it. Empty if they do not."""
    for number, (one, other) in enumerate(zip(live, again, strict=False)):
        if one != other:
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            start = max(0, at - 60)
            return f"{topic} fact {number}, byte {at}:\n  live   {one[start : at + 60]!r}\n  replay {other[start : at + 60]!r}"
    if len(live) != len(again):
        longer = live if len(live) > len(again) else again
        return f"{topic}: {len(live)} live facts, {len(again)} replayed; the first too many: {longer[min(len(live), len(again))][:200]!r}"
    return ""


def test_the_first_divergence_is_told() -> None:
    assert divergence("t", [b"abc", b"abd"], [b"abc", b"abd"]) == ""
    assert "fact 1, byte 2" in divergence("t", [b"abc", b"abd"], [b"abc", b"abx"])
    assert "2 live facts, 1 replayed; the first too many: b'b'" in divergence("t", [b"a", b"b"], [b"a"])
    assert once([b'{"id":1}', b'{"id":2}', b'{"id":1}', b'{"id":3}']) == [b'{"id":1}', b'{"id":2}', b'{"id":3}']


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_a_killed_live_run_replays_to_identical_facts(kafka_broker: LocalBroker, tmp_path: Path) -> None:
    parts = Parts(
        tmp_path,
        kafka_broker.address,
        simulator={"symbols": 30, "market": QUIET},
        entry={"heat_min": 20.0, "consensus_min": -1.0, "edge_over_cost": 0.0},
        candidates={"least_quote_volume_24h": 10_000.0},
        archive={"folder": str(tmp_path / "archive"), "seconds_per_file": 8.0},
    )
    follower = Follower(kafka_broker.address)
    try:
        parts.start("simulate", "desk", "archive")
        parts.start("ingest")
        for coin in COINS:
            parts.exchange("/sim/pump", {"symbol": coin, "percent": 7.0, "minutes": 1.0})
        wait_for(lambda: follower.of("candidate_snapshot.v1", "candidates"), 60, "a ranking")
        ranked = len(follower.topics["candidate_snapshot.v1"])
        wait_for(lambda: len(follower.topics["candidate_snapshot.v1"]) > ranked + 8, 60, "more of them")
        parts.kill("desk")
        parts.start("desk")
        wait_for(lambda: follower.of("order_result.v1", "order_result"), 90, "an order")
        held = len(follower.topics["position.v1"])
        wait_for(lambda: len(follower.topics["position.v1"]) > held + 3, 60, "its position's marks")
        parts.end("ingest")
        assert parts.ember("close-all", "--settings", str(parts.file), "--wait", "60").returncode == 0
        end = follower.end(EVENTS.name)
        parts.end("desk", "archive", "simulate")
        live = {name: [read.value for read in follower.whole(name)] for name in FACTS}
    finally:
        parts.stop()
        follower.close()
    assert follower.end(EVENTS.name) == end
    live["dead_letter.v1"] = [line for line in live["dead_letter.v1"] if json.loads(line)["source"].startswith("log:")]

    checksums = set()
    for name, source in {
        "broker": ["kafka", "--from", "0", "--to", str(end)],
        "archive": [str(tmp_path / "archive"), "--market", MARKET],
    }.items():
        out = tmp_path / f"of-the-{name}"
        done = parts.ember("replay", *source, "--settings", str(parts.file), "--out", str(out), "--json", timeout=120.0)
        assert done.returncode == 0, done.stderr
        checksums.add(json.loads(done.stdout)["checksum"])
        for topic in FACTS:
            file = out / f"{topic}.jsonl"
            again = file.read_bytes().splitlines() if file.exists() else []
            assert not divergence(topic, once(live[topic]), again), divergence(topic, once(live[topic]), again)
            assert again == once(again), topic
    assert len(checksums) == 1
    assert live["decision.v1"]
    assert live["order_result.v1"]
    assert parts.log("desk").count("desk_ready") == 2
