"""Why: what was seen of a coin, which gates passed or failed, and what came of it, told from the facts alone.

Facts come from a broker's topics or from a folder that `ember replay --out` wrote. A question is an id (of a decision, signal, order or
position) or a symbol, then answered by the newest evaluation at or before a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from contracts.errors import CommandError
from contracts.explanation import Explanation, words
from contracts.facts import DecisionPacket, Fact, OrderAttempt, OrderResult, Position, Signal, decode_fact
from contracts.moments import moment
from contracts.topics import DECISIONS, ORDER_ATTEMPTS, ORDER_RESULTS, POSITIONS, SIGNALS
from flows.reader import Place, TopicReader

READ: Final = (SIGNALS.name, DECISIONS.name, ORDER_ATTEMPTS.name, ORDER_RESULTS.name, POSITIONS.name)

__all__ = ["READ", "Explanation", "Messages", "broker_messages", "explain", "folder_messages", "words"]

Messages: TypeAlias = Callable[[], Iterator[tuple[str, int, bytes]]]
"""Where a fact stands (a file or topic, its line or offset), and its bytes."""


def folder_messages(folder: Path) -> Messages:
    """The facts of a folder of `<topic>.jsonl`. Raises CommandError when there is none of them."""
    files = [folder / f"{topic}.jsonl" for topic in READ]
    if not any(file.is_file() for file in files):
        raise CommandError(
            f"why: {folder}: expected files such as {SIGNALS.name}.jsonl; `ember replay --out` writes them"
        )

    def read() -> Iterator[tuple[str, int, bytes]]:
        for file in files:
            if file.is_file():
                with file.open("rb") as lines:
                    for number, line in enumerate(lines, 1):
                        yield str(file), number, line

    return read


def broker_messages(address: str) -> Messages:
    """What the broker still holds of the topics that tell of decisions. Reading raises BrokerError when it does not answer."""

    def read() -> Iterator[tuple[str, int, bytes]]:
        reader = TopicReader(address, {})
        try:
            partitions = reader.connect(READ)
            places = [Place(topic, number) for topic in READ for number in range(partitions[topic])]
            reader.begin_at(dict.fromkeys(places))
            reader.start()
            ends = {place: reader.bounds(place)[1] for place in places}
            while any(reader.next[place] < end for place, end in ends.items()):
                for message in reader.poll(5000, 0.2):
                    yield message.topic() or "", message.offset() or 0, message.value() or b""
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
        when = f" up to {moment(at)}" if at is not None else ""
        raise CommandError(f"why: {question}: no such id, and no evaluation of such a symbol{when}")
    newest = max(signals, key=lambda signal: (signal.ts_event, not signal.shadow))
    return msgspec.structs.replace(_chain(told, symbol, newest, newest.decision_id), asked_at=at)


def _about(messages: Messages, text: str) -> Iterator[Fact]:
    needle = f'"{text}"'.encode()
    for where, number, raw in messages():
        if needle in raw or f'"{text}-signal"'.encode() in raw:
            try:
                fact = decode_fact(raw)
            except msgspec.DecodeError as e:
                raise CommandError(f"why: {where}:{number}: no fact ({e}); was it cut off? Leave that line out, or write it anew") from e
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
