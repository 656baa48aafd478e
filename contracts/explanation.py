"""The chain behind one evaluation of a coin, and how it is told: what was seen, which gates passed or failed, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec

from contracts.facts import DecisionPacket, Fact, OrderAttempt, OrderResult, Position, Signal
from contracts.reasons import Reason
from contracts.texts import Language, describe, show

SHOWN_VOTES: Final = 6

Part: TypeAlias = Literal["seen", "gates", "plan", "outcome", "source"]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The chain behind one evaluation of a coin. `decision` is None for a wait; positions hold their last state."""

    symbol: str
    signal: Signal | None
    decision: DecisionPacket | None
    attempts: list[OrderAttempt]
    results: list[OrderResult]
    positions: list[Position]


_WORDS: Final = {
    "judged": (
        "{symbol} at {at}, strategy {strategy}{shadow}: {action}",
        "{symbol}, {at}, 策略 {strategy}{shadow}: {action}",
    ),
    "shadow": (" (in shadow)", " (影子)"),
    "long": ("go long", "做多"),
    "short": ("go short", "做空"),
    "wait": ("wait", "观望"),
    "seen": ("Seen: {features}", "所见: {features}"),
    "agreed": (
        "Heat {heat}; signals agree at {consensus} with confidence {confidence}",
        "热度 {heat}; 信号共识 {consensus}, 置信度 {confidence}",
    ),
    "votes": ("Strongest votes: {votes}", "最强信号: {votes}"),
    "passed": ("Gates passed ({count}): {gates}", "通过的关卡 ({count}): {gates}"),
    "failed": ("Gate not passed: {reason}", "未通过的关卡: {reason}"),
    "because": ("Because: {reason}", "理由: {reason}"),
    "plan": (
        "Decision {id}: enter at {entry}, stop {stop}, targets {targets}, reward/risk {rr}",
        "决策 {id}: 入场 {entry}, 止损 {stop}, 目标 {targets}, 盈亏比 {rr}",
    ),
    "edge": (
        "Expected move {edge} (source: {source}), edge risk {risk} ({level}), round trip {cost}; valid until {until}",
        "预期波动 {edge} (来源: {source}), 风险 {risk} ({level}), 往返成本 {cost}; 有效至 {until}",
    ),
    "sent": (
        "{at} {side} {quantity} ({purpose}): {verdict}",
        "{at} {side} {quantity} ({purpose}): {verdict}",
    ),
    "accepted": ("accepted as {order}", "已接受, 订单 {order}"),
    "denied": ("denied: {reason}", "被拒绝: {reason}"),
    "filled": (
        "{at} order {order} {status}: filled {filled} of {quantity}{price} (fills: {count}), fee {fee}",
        "{at} 订单 {order} {status}: 成交 {filled}/{quantity}{price} (共 {count} 笔), 手续费 {fee}",
    ),
    "unfilled": ("{at} order {order} {status}: {reason}", "{at} 订单 {order} {status}: {reason}"),
    "held": (
        "Position {id} is open: {quantity} at {entry}, {open} unrealised",
        "持仓 {id} 未平: {quantity}, 均价 {entry}, 浮动盈亏 {open}",
    ),
    "closed": (
        "Position {id} was closed at {at}: {reason}; {pnl} realised after {fees} fees",
        "持仓 {id} 已于 {at} 平仓: {reason}; 已实现盈亏 {pnl}, 含手续费 {fees}",
    ),
    "nothing": ("No order followed", "没有后续订单"),
    "unseen": ("The evaluation behind it is no longer held", "对应的评估记录已不存在"),
    "traced": (
        "From the log: market {market}, partition {partition}, offset {offset}; settings {settings}, trace {trace}{code}",
        "日志来源: 市场 {market}, 分区 {partition}, 偏移 {offset}; 设置 {settings}, 追踪 {trace}{code}",
    ),
    "code": (", code {git}, data {data}", ", 代码 {git}, 数据 {data}"),
}
_FEATURE_FORMS: Final = {"change_1m": "percent", "change_5m": "percent", "price": "price"}


def words(told: Explanation, language: Language = "en") -> list[str]:
    """The chain as lines for a person."""
    return [line for lines in chapters(told, language).values() for line in lines]


def chapters(told: Explanation, language: Language = "en") -> dict[Part, list[str]]:
    """The chain as lines for a person, by what they tell of; a part with nothing to tell is left out."""

    def say(key: str, **values: object) -> str:
        return _WORDS[key][0 if language == "en" else 1].format(**values)

    signal, packet = told.signal, told.decision
    source: Fact | None = packet if packet is not None else signal
    parts: dict[Part, list[str]] = {
        "seen": _seen_lines(signal, say) if signal is not None else [say("unseen")],
        "gates": _gate_lines(signal, say, language) if signal is not None else [],
        "plan": _plan_lines(packet, say) if packet is not None else [],
        "outcome": _order_lines(told, say, language) if packet is not None else [],
        "source": _source_lines(source, say) if source is not None else [],
    }
    return {part: lines for part, lines in parts.items() if lines}


def _plan_lines(packet: DecisionPacket, say: Callable[..., str]) -> list[str]:
    targets = " / ".join(show(t, "price") for t in (packet.take_profit_1, packet.take_profit_2) if t is not None)
    stop = show(packet.stop_loss, "price") if packet.stop_loss is not None else "-"
    ratio = show(packet.reward_risk, "") if packet.reward_risk is not None else "-"
    return [
        say("plan", id=packet.id, entry=show(packet.entry, "price"), stop=stop, targets=targets or "-", rr=ratio),
        say(
            "edge",
            edge=show(packet.expected_edge_bps, "bps"),
            source=packet.edge_source,
            risk=show(packet.edge_risk_bps, "bps"),
            level=packet.risk_level,
            cost=show(packet.cost.round_trip_bps, "bps"),
            until=moment(packet.valid_until),
        ),
    ]


def _source_lines(source: Fact, say: Callable[..., str]) -> list[str]:
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


def _seen_lines(signal: Signal, say: Callable[..., str]) -> list[str]:
    lines = [
        say(
            "judged",
            symbol=signal.symbol,
            at=moment(signal.ts_event),
            strategy=signal.strategy,
            shadow=say("shadow") if signal.shadow else "",
            action=say(signal.action),
        ),
        say(
            "seen",
            features=", ".join(
                f"{name.removesuffix('_bps')} {show(value, _FEATURE_FORMS.get(name, 'bps' if name.endswith('_bps') else ''))}"
                for name, value in signal.features.items()
            ),
        ),
        say(
            "agreed",
            heat=show(signal.heat, "whole"),
            consensus=show(signal.consensus, "signed"),
            confidence=show(signal.confidence, "share"),
        ),
    ]
    strongest = sorted(signal.votes.items(), key=lambda item: -abs(item[1]))[:SHOWN_VOTES]
    if strongest:
        lines.append(say("votes", votes=", ".join(f"{name} {show(vote, 'signed')}" for name, vote in strongest)))
    return lines


def _gate_lines(signal: Signal, say: Callable[..., str], language: Language) -> list[str]:
    passed = [name for name, open_ in signal.gates.items() if open_]
    lines = [say("passed", count=len(passed), gates=", ".join(passed))]
    key = "failed" if signal.action == "wait" else "because"
    lines += [say(key, reason=describe(reason, language)) for reason in signal.reasons]
    return lines


def _order_lines(told: Explanation, say: Callable[..., str], language: Language) -> list[str]:
    dated: list[tuple[int, str]] = []
    for attempt in told.attempts:
        verdict = say("accepted", order=attempt.client_order_id)
        if attempt.verdict == "denied":
            verdict = say("denied", reason=describe(Reason(attempt.deny_reason, dict(attempt.context)), language))
        purpose = attempt.purpose if attempt.purpose == "entry" else describe(Reason(attempt.purpose), language)
        line = say(
            "sent",
            at=moment(attempt.ts_event),
            side=attempt.side,
            quantity=attempt.quantity,
            purpose=purpose,
            verdict=verdict,
        )
        dated.append((attempt.ts_event, line))
    for results in _by_order(told.results).values():
        last = results[-1]
        fills = [result for result in results if result.fill_quantity > 0]
        if fills:
            price = f" @ {fills[-1].average_price}" if fills[-1].average_price is not None else ""
            line = say(
                "filled",
                at=moment(fills[-1].ts_event),
                order=last.client_order_id,
                status=last.status,
                filled=fills[-1].filled_quantity,
                quantity=last.quantity,
                price=price,
                count=len(fills),
                fee=f"{sum(fill.fee for fill in fills)} {last.fee_asset}",
            )
        else:
            reason = describe(Reason(last.reason), language) if last.reason else "-"
            line = say(
                "unfilled", at=moment(last.ts_event), order=last.client_order_id, status=last.status, reason=reason
            )
        dated.append((last.ts_event, line))
    dated.sort(key=lambda item: item[0])
    lines = [line for _, line in dated] or [say("nothing")]
    for position in told.positions:
        if position.status == "closed":
            lines.append(
                say(
                    "closed",
                    id=position.position_id,
                    at=moment(position.closed_at or position.ts_event),
                    reason=describe(Reason(position.exit_reason), language),
                    pnl=f"{position.realised_pnl:+.4f}",
                    fees=f"{position.fees:.4f}",
                )
            )
        else:
            lines.append(
                say(
                    "held",
                    id=position.position_id,
                    quantity=position.signed_quantity,
                    entry=position.average_entry,
                    open=f"{position.unrealised_pnl:+.4f}",
                )
            )
    return lines


def _by_order(results: list[OrderResult]) -> dict[str, list[OrderResult]]:
    orders: dict[str, list[OrderResult]] = {}
    for result in results:
        orders.setdefault(result.client_order_id, []).append(result)
    return orders


def moment(ns: int) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
