"""The chain behind one evaluation of a coin, and how it is told: what was seen, which gates passed or failed, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from contracts.explanation_texts import FEATURES, PHRASES
from contracts.facts import DecisionPacket, Fact, OrderAttempt, OrderResult, Position, Signal
from contracts.moments import moment, span
from contracts.reasons import Reason
from contracts.texts import Language, describe, show

SHOWN_VOTES: Final = 6

ENTRY: Final = "entry"

Say: TypeAlias = Callable[..., str]
Part: TypeAlias = Literal["seen", "gates", "plan", "outcome", "source"]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The chain behind one evaluation of a coin. `decision` is None for a wait; positions hold their last state."""

    symbol: str
    signal: Signal | None
    decision: DecisionPacket | None
    attempts: list[OrderAttempt]
    results: list[OrderResult]
    positions: list[Position]


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
        "seen": _seen_lines(signal, say, language) if signal is not None else [say("unseen")],
        "gates": _gate_lines(signal, say, language) if signal is not None else [],
        "plan": _plan_lines(packet, say) if packet is not None else [],
        "outcome": _outcome_lines(told, say, language),
        "source": _source_lines(source, say) if source is not None else [],
    }
    return {part: lines for part, lines in parts.items() if lines}


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
    strongest = sorted(signal.votes.items(), key=lambda item: -abs(item[1]))[:SHOWN_VOTES]
    if strongest:
        told = ", ".join(f"{name.replace('_', ' ')} {show(vote, 'signed')}" for name, vote in strongest)
        lines.append(say("votes", votes=told))
    return lines


def _gate_lines(signal: Signal, say: Say, language: Language) -> list[str]:
    passed = [name for name, open_ in signal.gates.items() if open_]
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
    dated = [(attempt.ts_event, _sent_line(attempt, say, language)) for attempt in told.attempts]
    for results in _by_order(told.results).values():
        dated.append((results[-1].ts_event, _order_line(results, say, language)))
    dated.sort(key=lambda item: item[0])
    lines = [line for _, line in dated] or [say("nothing")]
    asset = next((result.fee_asset for result in told.results if result.fee_asset), "")
    for position in told.positions:
        lines.append(_position_line(position, told.results, asset, say, language))
    return lines


def _sent_line(attempt: OrderAttempt, say: Say, language: Language) -> str:
    verdict = say("accepted", order=attempt.client_order_id)
    if attempt.verdict == "denied":
        verdict = say("denied", reason=describe(Reason(attempt.deny_reason, dict(attempt.context)), language))
    return say(
        "sent" if attempt.quantity else "unsized",
        at=moment(attempt.ts_event),
        side=say(attempt.side),
        quantity=attempt.quantity,
        notional=f"{attempt.notional:.2f}",
        type=say(attempt.order_type),
        purpose=_purpose(attempt.purpose, say, language),
        verdict=verdict,
    )


def _order_line(results: list[OrderResult], say: Say, language: Language) -> str:
    last = results[-1]
    fills = [result for result in results if result.fill_quantity > 0]
    if not fills:
        reason = describe(Reason(last.reason), language) if last.reason else "-"
        return say("unfilled", at=moment(last.ts_event), order=last.client_order_id, status=last.status, reason=reason)
    filled = sum((fill.fill_quantity for fill in fills), Decimal(0))
    slipped = [(float(f.fill_quantity), f.slippage_bps) for f in fills if f.slippage_bps is not None]
    mean = sum(size * bps for size, bps in slipped) / sum(size for size, _ in slipped) if slipped else None
    average = fills[-1].average_price
    status = "failed_order" if last.status == "failed" else last.status
    return say(
        "filled",
        at=moment(fills[-1].ts_event),
        order=last.client_order_id,
        status=say(status) if status in PHRASES else status,
        filled=filled,
        quantity=last.quantity,
        price=show(float(average), "price") if average is not None else "-",
        slippage=say("slippage", bps=show(mean, "bps")) if mean is not None else "",
        fee=f"{sum(fill.fee for fill in fills):.6f} {last.fee_asset}",
        evidence=", ".join(fill.evidence for fill in fills),
    )


def _position_line(position: Position, results: list[OrderResult], asset: str, say: Say, language: Language) -> str:
    entry = show(float(position.average_entry), "price")
    if position.status != "closed":
        return say(
            "held",
            id=position.position_id,
            since=moment(position.opened_at),
            quantity=position.signed_quantity,
            entry=entry,
            open=f"{position.unrealised_pnl:+.4f} {asset}".rstrip(),
        )
    paid = [result for result in results if result.purpose == ENTRY and result.position_id == position.position_id]
    put_in = sum((fill.fill_quantity * (fill.fill_price or Decimal(0)) for fill in paid), Decimal(0))
    closed_at = position.closed_at or position.ts_event
    return say(
        "ended",
        id=position.position_id,
        entry=entry,
        at=moment(closed_at),
        held=span((closed_at - position.opened_at) / 1e9),
        reason=describe(Reason(position.exit_reason), language),
        pnl=f"{position.realised_pnl:+.4f} {asset}".rstrip(),
        part=say("part", percent=show(float(position.realised_pnl / put_in), "percent")) if put_in else "",
        fees=f"{position.fees:.4f} {asset}".rstrip(),
    )


def _purpose(purpose: str, say: Say, language: Language) -> str:
    return say(ENTRY) if purpose == ENTRY else describe(Reason(purpose), language)


def _by_order(results: list[OrderResult]) -> dict[str, list[OrderResult]]:
    orders: dict[str, list[OrderResult]] = {}
    for result in results:
        orders.setdefault(result.client_order_id, []).append(result)
    return orders
