"""The chain behind one evaluation of a coin, and how it is told: what was seen, which gates passed or failed, what came of it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from contracts.explanation_orders import Say, order_lines
from contracts.explanation_texts import FEATURES, PHRASES
from contracts.facts import DecisionPacket, Fact, OrderAttempt, OrderResult, Position, Signal
from contracts.moments import moment, span
from contracts.signal_names import gate_in_words, signal_in_words
from contracts.texts import Language, describe, show

SHOWN_VOTES: Final = 6

JUDGED_EVERY_NS: Final = 60_000_000_000

Part: TypeAlias = Literal["seen", "gates", "plan", "outcome", "source"]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The chain behind one evaluation of a coin. `decision` is None for a wait; positions hold their last state.

    asked_at: the time (Unix ns) that was asked of, None for the newest or for an id.
    """

    symbol: str
    signal: Signal | None
    decision: DecisionPacket | None
    attempts: list[OrderAttempt]
    results: list[OrderResult]
    positions: list[Position]
    asked_at: int | None = None


def words(told: Explanation, language: Language = "en") -> list[str]:
    """The chain as lines for a person."""
    return [line for lines in chapters(told, language).values() for line in lines]


def chapters(told: Explanation, language: Language = "en") -> dict[Part, list[str]]:
    """The chain as lines for a person, by what they tell of; a part with nothing to tell is left out."""

    def say(key: str, **values: object) -> str:
        return PHRASES[key][0 if language == "en" else 1].format(**values)

    signal, packet = told.signal, told.decision
    source: Fact | None = packet if packet is not None else signal
    parts: dict[Part, list[str]] = {
        "seen": [
            *_asked_lines(told, say),
            *(_seen_lines(signal, say, language) if signal is not None else [say("unseen")]),
        ],
        "gates": _gate_lines(signal, say, language) if signal is not None else [],
        "plan": _plan_lines(packet, say) if packet is not None else [],
        "outcome": _outcome_lines(told, say, language),
        "source": _source_lines(source, say) if source is not None else [],
    }
    return {part: lines for part, lines in parts.items() if lines}


def _asked_lines(told: Explanation, say: Say) -> list[str]:
    """A coin among the hottest is judged at each closed minute: a longer silence means that it was not."""
    if told.asked_at is None or told.signal is None or told.asked_at - told.signal.ts_event <= JUDGED_EVERY_NS:
        return []
    before = span((told.asked_at - told.signal.ts_event) / 1e9)
    return [say("unjudged", symbol=told.symbol, at=moment(told.asked_at), before=before)]


def _seen_lines(signal: Signal, say: Say, language: Language) -> list[str]:
    seen = []
    for name, value in signal.features.items():
        english, chinese, form = FEATURES.get(name, (name, name, ""))
        seen.append(f"{english if language == 'en' else chinese} {show(value, form)}")
    lines = [
        say(
            "judged",
            symbol=signal.symbol,
            at=moment(signal.ts_event),
            strategy=signal.strategy,
            shadow=say("shadow") if signal.shadow else "",
            action=say(signal.action),
        ),
        say("seen", features=", ".join(seen)),
        *([] if "spread_bps" in signal.features else [say("unquoted")]),
        say(
            "agreed",
            heat=show(signal.heat, "whole"),
            consensus=show(signal.consensus, "signed"),
            confidence=show(signal.confidence, "share"),
        ),
    ]
    spoken = 0 if language == "en" else 1
    strongest = sorted(signal.votes.items(), key=lambda item: -abs(item[1]))[:SHOWN_VOTES]
    if strongest:
        told = ", ".join(f"{signal_in_words(name, spoken)} {show(vote, 'signed')}" for name, vote in strongest)
        lines.append(say("votes", votes=told))
    return lines


def _gate_lines(signal: Signal, say: Say, language: Language) -> list[str]:
    spoken = 0 if language == "en" else 1
    passed = [gate_in_words(name, spoken) for name, open_ in signal.gates.items() if open_]
    lines = [say("passed", count=len(passed), gates=", ".join(passed))]
    key = "failed" if signal.action == "wait" else "because"
    lines += [say(key, reason=describe(reason, language)) for reason in signal.reasons]
    return lines


def _plan_lines(packet: DecisionPacket, say: Say) -> list[str]:
    def level(price: float | None) -> str:
        return "-" if price is None else f"{show(price, 'price')} ({show(price / packet.entry - 1.0, 'percent')})"

    targets = [level(price) for price in (packet.take_profit_1, packet.take_profit_2) if price is not None]
    ratio = show(packet.reward_risk, "") if packet.reward_risk is not None else "-"
    odds = {name: f"{share:.0%}".replace("%", " %") for name, share in packet.start_probabilities.items()}
    cost = packet.cost
    return [
        say(
            "plan",
            id=packet.id,
            entry=show(packet.entry, "price"),
            stop=level(packet.stop_loss),
            targets=" / ".join(targets) or "-",
            rr=ratio,
        ),
        say(
            "strength",
            strength=show(packet.strength, "share"),
            confidence=show(packet.confidence, "share"),
            timeframe=packet.timeframe,
            horizon=span(packet.horizon_s),
            odds=say("odds", **odds) if odds.keys() >= {"first_target", "stop"} else "",
        ),
        say(
            "edge",
            edge=show(packet.expected_edge_bps, "bps"),
            source=say(packet.edge_source) if packet.edge_source in PHRASES else packet.edge_source,
            risk=show(packet.edge_risk_bps, "bps"),
            level=say(packet.risk_level),
        ),
        say(
            "cost",
            cost=show(cost.round_trip_bps, "bps"),
            fee=show(cost.taker_fee_bps, "bps"),
            slippage=show(cost.slippage_bps, "bps"),
            spread=show(cost.spread_bps, "bps"),
            until=moment(packet.valid_until),
        ),
    ]


def _source_lines(source: Fact, say: Say) -> list[str]:
    code = ""
    if isinstance(source, DecisionPacket):
        code = say("code", git=source.git_version, data=source.data_version)
    if source.model_hash:
        version = getattr(source, "model_version", "")
        code += say("model", model=f"{version} {source.model_hash}".strip())
    return [
        say(
            "traced",
            market=source.market,
            partition=source.partition,
            offset=source.offset,
            settings=source.settings_hash,
            trace=source.trace_id,
            code=code,
        )
    ]


def _outcome_lines(told: Explanation, say: Say, language: Language) -> list[str]:
    if told.decision is None and not told.attempts and not told.positions:
        return [say("waited")] if told.signal is not None and told.signal.action == "wait" else []
    return order_lines(told.attempts, told.results, told.positions, say, language)
