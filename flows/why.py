"""Why: what was seen of a coin, which gates passed or failed, and what came of it, told from the facts alone.

Facts come from a broker's topics or from a folder that `ember replay --out` wrote. A question is an id (of a decision, signal, order or
position) or a symbol, then answered by the newest evaluation at or before a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from contracts.errors import CommandError
from contracts.facts import DecisionPacket, Fact, OrderAttempt, OrderResult, Position, Signal, decode_fact
from contracts.reasons import Reason
from contracts.texts import Language, describe, show
from contracts.topics import DECISIONS, ORDER_ATTEMPTS, ORDER_RESULTS, POSITIONS, SIGNALS
from flows.reader import Place, TopicReader

READ: Final = (SIGNALS.name, DECISIONS.name, ORDER_ATTEMPTS.name, ORDER_RESULTS.name, POSITIONS.name)
SHOWN_VOTES: Final = 6

Messages: TypeAlias = Callable[[], Iterator[bytes]]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The chain behind one evaluation of a coin. `decision` is None for a wait; positions hold their last state."""

    symbol: str
    signal: Signal | None
    decision: DecisionPacket | None
    attempts: list[OrderAttempt]
    results: list[OrderResult]
    positions: list[Position]


def folder_messages(folder: Path) -> Messages:
    """The facts of a folder of `<topic>.jsonl`. Raises CommandError when there is none of them."""
    files = [folder / f"{topic}.jsonl" for topic in READ]
    if not any(file.is_file() for file in files):
        raise CommandError(
            f"why: {folder}: expected files such as {SIGNALS.name}.jsonl; `ember replay --out` writes them"
        )

    def read() -> Iterator[bytes]:
        for file in files:
            if file.is_file():
                with file.open("rb") as lines:
                    yield from lines

    return read


def broker_messages(address: str) -> Messages:
    """What the broker still holds of the topics that tell of decisions. Reading raises BrokerError when it does not answer."""

    def read() -> Iterator[bytes]:
        reader = TopicReader(address, {})
        try:
            partitions = reader.connect(READ)
            places = [Place(topic, number) for topic in READ for number in range(partitions[topic])]
            reader.begin_at(dict.fromkeys(places))
            reader.start()
            ends = {place: reader.bounds(place)[1] for place in places}
            while any(reader.next[place] < end for place, end in ends.items()):
                for message in reader.poll(5000, 0.2):
                    yield message.value() or b""
        finally:
            reader.close()

    return read


def explain(messages: Messages, question: str, at: int | None = None) -> Explanation:
    """Answer for an id, or for a symbol at a time (Unix ns; the newest there is if None). Raises CommandError if nothing is known."""
    named = question.strip()
    found = [fact for fact in _about(messages, named) if named in _names(fact)]
    symbols = {getattr(fact, "symbol", "") for fact in found} - {""}
    if symbols:
        symbol = min(symbols)
        decision_id = _decision_of(found, named)
        told = list(_about(messages, symbol))
        signals = _signals(told, symbol)
        mine = [
            signal
            for signal in signals
            if named in _names(signal) or (decision_id and signal.decision_id == decision_id)
        ]
        return _chain(told, symbol, mine[-1] if mine else None, decision_id)
    symbol = named.upper()
    told = list(_about(messages, symbol))
    signals = [signal for signal in _signals(told, symbol) if at is None or signal.ts_event <= at]
    if not signals:
        when = f" up to {_time(at)}" if at is not None else ""
        raise CommandError(f"why: {question}: no such id, and no evaluation of such a symbol{when}")
    newest = max(signals, key=lambda signal: (signal.ts_event, not signal.shadow))
    return _chain(told, symbol, newest, newest.decision_id)


def _about(messages: Messages, text: str) -> Iterator[Fact]:
    needle = f'"{text}"'.encode()
    for raw in messages():
        if needle in raw or f'"{text}-signal"'.encode() in raw:
            fact = decode_fact(raw)
            if isinstance(fact, Fact):
                yield fact


def _names(fact: Fact) -> set[str]:
    """Ids by which a fact may be asked for."""
    names = {fact.id, fact.trace_id}
    for field in ("decision_id", "client_order_id", "position_id"):
        names.add(getattr(fact, field, ""))
    return names - {""}


def _decision_of(found: Iterable[Fact], named: str) -> str:
    for fact in found:
        if isinstance(fact, DecisionPacket):
            return fact.id
    for fact in found:
        own = getattr(fact, "decision_id", "")
        if own:
            return str(own)
    return named


def _signals(told: Iterable[Fact], symbol: str) -> list[Signal]:
    return [fact for fact in told if isinstance(fact, Signal) and fact.symbol == symbol]


def _chain(told: list[Fact], symbol: str, signal: Signal | None, decision_id: str) -> Explanation:
    decisions = [fact for fact in told if isinstance(fact, DecisionPacket) and fact.id == decision_id]
    positions: dict[str, Position] = {}
    for fact in told:
        if isinstance(fact, Position) and decision_id and fact.decision_id == decision_id:
            positions[fact.position_id] = fact
    attempts = {f.id: f for f in told if isinstance(f, OrderAttempt) and decision_id and f.decision_id == decision_id}
    results = {f.id: f for f in told if isinstance(f, OrderResult) and decision_id and f.decision_id == decision_id}
    return Explanation(
        symbol=symbol,
        signal=signal,
        decision=decisions[-1] if decisions else None,
        attempts=list(attempts.values()),
        results=list(results.values()),
        positions=list(positions.values()),
    )


# --- in words -------------------------------------------------------------------------------------------------------------

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

    def say(key: str, **values: object) -> str:
        return _WORDS[key][0 if language == "en" else 1].format(**values)

    lines: list[str] = []
    if told.signal is not None:
        lines += _signal_lines(told.signal, say, language)
    else:
        lines.append(say("unseen"))
    packet = told.decision
    if packet is not None:
        targets = " / ".join(show(t, "price") for t in (packet.take_profit_1, packet.take_profit_2) if t is not None)
        stop = show(packet.stop_loss, "price") if packet.stop_loss is not None else "-"
        ratio = show(packet.reward_risk, "") if packet.reward_risk is not None else "-"
        lines.append(
            say("plan", id=packet.id, entry=show(packet.entry, "price"), stop=stop, targets=targets or "-", rr=ratio)
        )
        lines.append(
            say(
                "edge",
                edge=show(packet.expected_edge_bps, "bps"),
                source=packet.edge_source,
                risk=show(packet.edge_risk_bps, "bps"),
                level=packet.risk_level,
                cost=show(packet.cost.round_trip_bps, "bps"),
                until=_time(packet.valid_until),
            )
        )
        lines += _order_lines(told, say, language)
    source: Fact | None = packet if packet is not None else told.signal
    if source is not None:
        code = say("code", git=packet.git_version, data=packet.data_version) if packet is not None else ""
        lines.append(
            say(
                "traced",
                market=source.market,
                partition=source.partition,
                offset=source.offset,
                settings=source.settings_hash,
                trace=source.trace_id,
                code=code,
            )
        )
    return lines


def _signal_lines(signal: Signal, say: Callable[..., str], language: Language) -> list[str]:
    lines = [
        say(
            "judged",
            symbol=signal.symbol,
            at=_time(signal.ts_event),
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
    passed = [name for name, open_ in signal.gates.items() if open_]
    lines.append(say("passed", count=len(passed), gates=", ".join(passed)))
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
            at=_time(attempt.ts_event),
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
                at=_time(fills[-1].ts_event),
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
                "unfilled", at=_time(last.ts_event), order=last.client_order_id, status=last.status, reason=reason
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
                    at=_time(position.closed_at or position.ts_event),
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


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
