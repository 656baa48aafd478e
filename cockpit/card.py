"""The decision card of one coin: what would we do now, and why or why not."""

from __future__ import annotations

from typing import Any

from cockpit import formats
from cockpit.panel import Block, item, notice
from cockpit.queries import Row
from cockpit.reading import ACTION_TONES, RISK_TONES, reason_text, spelled, tone_of
from cockpit.strings import WORDS, word

FRAMES = {"1s": 0, "1m": 1, "5m": 2, "15m": 3, "1h": 4, "4h": 5, "1d": 6}
SCORES = ("volume", "momentum", "volatility", "liquidity", "social", "novelty")


def decision_card(symbol: str, signal: Row | None, decision: Row | None, zone: str) -> Block:
    """The newest evaluation; where it is an entry, or the coin is held because of one, the packet's prices too."""
    if signal is None and decision is None:
        return {**notice(f"{symbol}: {word('no_signal')}", word("no_signal_why"))}
    body = signal["body"] if signal is not None else {}
    packet = decision["body"] if decision is not None else {}
    action = str(body.get("action") or packet.get("action"))
    sections: list[dict[str, Any]] = []
    reasons = body.get("reasons") or packet.get("reasons") or []
    if reasons:
        sections.append(_reasons(reasons, action))
    if body:
        sections.append({"kind": "grid", "items": _evaluation(body)})
        gates = body.get("gates") or {}
        if gates:
            sections += _gates(gates)
        votes = body.get("votes") or {}
        if votes:
            sections.append({"kind": "matrix", "label": word("votes"), **_matrix(votes)})
    if packet:
        at = formats.clock(packet["generated_at"], zone)
        sections.append({"kind": "grid", "label": f"{word('newest_decision')} · {at}", "items": _packet(packet, zone)})
        if body and packet.get("reasons"):
            sections.append(_reasons(packet["reasons"], str(packet["action"])))
        sections.append({"kind": "say", "tone": "muted small", "text": _versions(packet)})
    ts_event = signal["ts_event"] if signal is not None else packet["generated_at"]
    return {
        "kind": "card",
        "title": symbol,
        "action": action_of(action, shadow=bool(body.get("shadow", packet.get("shadow")))),
        "at": {"text": formats.clock(ts_event, zone), "tip": formats.utc(ts_event)},
        "ask": {"text": word("why_link"), "to": symbol if body else packet["id"], "tip": word("why_link_tip")},
        "sections": sections,
    }


def _reasons(reasons: list[dict[str, Any]], action: str) -> dict[str, Any]:
    waits = action == "wait"
    notes = [
        {"text": reason_text(reason), "tone": "warn" if waits else "up", "tip": str(reason.get("code", ""))}
        for reason in reasons
    ]
    return {"kind": "notes", "label": word("why_not" if waits else "why_yes"), "items": notes}


def action_of(action: str, *, shadow: bool) -> dict[str, str]:
    """An action as a card's badge."""
    text = f"{word(action)} · {word('shadow')}" if shadow else word(action)
    return {"text": text, "tone": ACTION_TONES.get(action, "muted"), "tip": word("action_tip")}


def scores_card(row: Row, weights: dict[str, float], zone: str) -> Block:
    """The six scores of one coin with their weights, its stage, and its figures."""
    bars = [
        {
            "label": word(f"{name}_score_long"),
            "size": row[f"{name}_score"] / 100.0,
            "value": formats.number(row[f"{name}_score"], 0),
            "tip": word("weighs", weight=formats.share(weights[name])) if name in weights else "",
        }
        for name in SCORES
    ]
    bars.insert(
        0, {"label": word("heat"), "size": row["heat"] / 100.0, "value": formats.number(row["heat"], 0), "tone": "heat"}
    )
    figures = [
        item(word("price"), formats.price(row["price"])),
        item(word("change_5m"), formats.percent(row["change_5m"]), tone=tone_of(row["change_5m"])),
        item(word("change_24h"), formats.percent(row["change_24h"]), tone=tone_of(row["change_24h"])),
        item(word("volume_24h"), formats.compact(row["quote_volume_24h"]), tip=word("volume_24h_tip")),
        item(word("spread"), bps(row["spread_bps"]), tip=word("spread_tip")),
        item(word("rank"), f"{row['rank']}"),
    ]
    since = word("since", at=formats.clock(row["stage_since"], zone))
    return {
        "kind": "card",
        "title": row["symbol"],
        "action": {"text": word(row["stage"]), "tone": "accent" if row["stage"] == "hot" else "muted", "tip": since},
        "at": {"text": formats.clock(row["ts_event"], zone), "tip": formats.utc(row["ts_event"])},
        "sections": [{"kind": "grid", "items": figures}, {"kind": "bars", "items": bars, "tip": word("heat_tip")}],
    }


def _gates(gates: dict[str, bool]) -> list[dict[str, Any]]:
    failed = [{"text": f"✗ {gate_name(gate)}", "tone": "down"} for gate, passed in gates.items() if not passed]
    passed = " · ".join(gate_name(gate) for gate, passed in gates.items() if passed)
    sections: list[dict[str, Any]] = []
    if failed:
        sections.append({"kind": "chips", "label": word("gates_failed"), "items": failed})
    if passed:
        sections.append({"kind": "say", "label": word("gates_passed"), "tone": "muted small", "text": passed})
    return sections


def gate_name(gate: str) -> str:
    """A gate as a word."""
    return word(f"gate_{gate}") if f"gate_{gate}" in WORDS else spelled(gate)


def _matrix(votes: dict[str, float]) -> dict[str, Any]:
    """Votes as a table: families down, timeframes across."""
    split = {name: name.partition("/")[::2] for name in votes}
    frames = sorted({frame for _, frame in split.values()}, key=lambda frame: FRAMES.get(frame, len(FRAMES)))
    families = list(dict.fromkeys(family for family, _ in split.values()))
    rows = []
    for family in families:
        cells: list[dict[str, Any]] = []
        for frame in frames:
            vote = votes.get(f"{family}/{frame}" if frame else family)
            if vote is None:
                cells.append({"text": "", "size": 0.0, "tone": ""})
            else:
                cells.append(
                    {"text": formats.number(vote, 2, sign=True), "size": round(abs(vote), 2), "tone": tone_of(vote)}
                )
        rows.append(
            {"label": word(f"family_{family}") if f"family_{family}" in WORDS else spelled(family), "cells": cells}
        )
    return {"columns": frames, "rows": rows}


def bps(value: float | None) -> str:
    """Basis points with their unit."""
    return formats.DASH if value is None else f"{formats.number(value, 1)} bp"


def _evaluation(body: dict[str, Any]) -> list[dict[str, str]]:
    return [
        item(word("heat"), formats.number(body["heat"], 0), tip=word("heat_tip")),
        item(
            word("consensus"),
            formats.number(body["consensus"], 2, sign=True),
            tone=tone_of(body["consensus"]),
            tip=word("consensus_tip"),
        ),
        item(word("confidence"), formats.share(body["confidence"]), tip=word("confidence_tip")),
    ]


def _packet(packet: dict[str, Any], zone: str) -> list[dict[str, str]]:
    cost = packet["cost"]
    risk = packet["risk_level"]
    action = str(packet["action"])
    return [
        item(word("action"), word(action), tone=ACTION_TONES.get(action, ""), tip=word("action_tip")),
        item(word("entry"), formats.price(packet["entry"]), tip=word("entry_tip")),
        item(word("stop"), formats.price(packet["stop_loss"]), tone="down", tip=word("stop_tip")),
        item(word("target_1"), formats.price(packet["take_profit_1"]), tone="up", tip=word("target_tip")),
        item(word("target_2"), formats.price(packet["take_profit_2"]), tone="up", tip=word("target_tip")),
        item(word("reward_risk"), formats.number(packet["reward_risk"], 2), tip=word("reward_risk_tip")),
        item(word("strength"), formats.share(packet["strength"]), tip=word("strength_tip")),
        item(word("confidence"), formats.share(packet["confidence"]), tip=word("confidence_tip")),
        item(
            word("risk"),
            word(risk),
            tone=RISK_TONES.get(risk, ""),
            tip=word("risk_tip", risk=bps(packet["edge_risk_bps"])),
        ),
        item(word("edge"), bps(packet["expected_edge_bps"]), tip=word("edge_tip", source=spelled(packet["edge_source"]))),
        item(
            word("cost"),
            bps(cost["round_trip_bps"]),
            tip=word(
                "cost_tip",
                fee=formats.number(cost["taker_fee_bps"], 1),
                spread=formats.number(cost["spread_bps"], 1),
                slippage=formats.number(cost["slippage_bps"], 1),
            ),
        ),
        item(
            word("valid_until"),
            formats.clock(packet["valid_until"], zone),
            tip=f"{word('valid_tip')} · {formats.utc(packet['valid_until'])}",
        ),
        item(
            word("horizon"),
            formats.duration(packet["horizon_s"]),
            tip=word("horizon_tip", timeframe=packet["timeframe"]),
        ),
    ]


def _versions(packet: dict[str, Any]) -> str:
    return word(
        "versions",
        strategy=packet["strategy"],
        model=packet["model_version"] or formats.DASH,
        data=packet["data_version"] or formats.DASH,
        settings=packet["settings_hash"],
        git=packet["git_version"] or formats.DASH,
    )
