"""Data, model or market in a bad state: the same log that opens a coin opens nothing once it is bent, and says why."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from contracts import events
from contracts.events import LogEvent, Quote, Tickers, Trade, decode_event, encode_event
from contracts.facts import DecisionPacket, Signal, decode_fact
from contracts.reasons import WaitReason
from contracts.settings import DeskSettings
from contracts.settings.decisions import GuardSettings
from contracts.settings.trading import EntrySettings
from contracts.texts import TEXTS, describe
from operators.decide import Decide
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.gates import REASONS
from operators.packets import Versions
from operators.state import Operator
from tests.builders import SECOND, START, market_log, trade
from tests.checks import run
from tests.operators.hot_market import Rising

PUMPED = "C01USDT"
SECONDS = 200
PUMP_AT = 60
Bend = Callable[[LogEvent], LogEvent | None]


@dataclass(frozen=True)
class Bent:
    """One way to spoil the log: `bend` changes or drops each event, `extra` adds (second, message)."""

    code: str
    bend: Bend = lambda event: event
    extra: Sequence[tuple[float, bytes]] = ()
    settings: DeskSettings = field(default_factory=DeskSettings)
    args: frozenset[str] = frozenset()


def second_of(event: Any) -> float:
    return float((event.ts_recv - START) / SECOND)


def quotes(**changes: Callable[[Quote], float]) -> Bend:
    """Change fields of the pumped coin's quotes."""

    def bend(event: LogEvent) -> LogEvent:
        if isinstance(event, Quote) and event.symbol == PUMPED:
            return msgspec.structs.replace(event, **{name: change(event) for name, change in changes.items()})
        return event

    return bend


def silent(after: float, *, coin: str | None) -> Bend:
    """Drop the ticks of one coin (None: of all) from a second on."""

    def bend(event: LogEvent) -> LogEvent | None:
        if second_of(event) < after:
            return event
        if isinstance(event, Tickers):
            rows = [row for row in event.rows if coin is not None and row[0] != coin]
            return msgspec.structs.replace(event, rows=rows) if rows else None
        return None if isinstance(event, Trade | Quote) and coin in (None, event.symbol) else event

    return bend


def status(second: float, value: str) -> tuple[float, bytes]:
    row = events.InstrumentRow(symbol=PUMPED, base="C01", quote="USDT", status=value)
    return second, encode_event(events.Instruments(ts_recv=START + int(second * SECOND), rows=[row]))


def gap(second: float) -> tuple[float, bytes]:
    ts = START + int(second * SECOND)
    event = events.StreamGap(
        ts_recv=ts, stream="trades", symbols=[PUMPED], ts_from=ts - SECOND, ts_until=ts, reason="ids skipped"
    )
    return second, encode_event(event)


def leap(event: LogEvent) -> LogEvent:
    """Every eighth second stands a tenth higher."""
    if int(second_of(event)) % 8:
        return event
    if isinstance(event, Tickers):
        rows = [(name, ts, close * 1.1 if name == PUMPED else close, *more) for name, ts, close, *more in event.rows]
        return msgspec.structs.replace(event, rows=rows)
    if isinstance(event, Trade) and event.symbol == PUMPED:
        return msgspec.structs.replace(event, price=event.price * 1.1)
    return event


BENT = {
    "the coin falls silent": Bent(
        "STALE_DATA", silent(PUMP_AT + 1, coin=PUMPED), args=frozenset({"age_ms", "needed_ms"})
    ),
    "the whole market falls silent": Bent(
        "STALE_DATA", silent(PUMP_AT + 1, coin=None), args=frozenset({"age_ms", "needed_ms"})
    ),
    "trades are missing": Bent("MISSING_DATA", extra=[gap(second) for second in range(1, SECONDS, 4)]),
    "trades come twice": Bent(
        "DUPLICATE_DATA",
        extra=[(s + 0.5, trade(s, symbol=PUMPED, price=20.0, trade_id=1)) for s in range(2, SECONDS, 3)],
        settings=DeskSettings(guards=GuardSettings(jump_max=10.0, misaligned_max=10.0)),
    ),
    "the book stands elsewhere": Bent(
        "MISALIGNED_DATA",
        quotes(bid=lambda q: q.bid * 1.05, ask=lambda q: q.ask * 1.05),
        args=frozenset({"price", "bid", "ask"}),
    ),
    "the book is crossed": Bent("MISALIGNED_DATA", quotes(bid=lambda q: q.ask * 1.001)),
    "the price leaps": Bent("PRICE_JUMP", leap, args=frozenset({"price"})),
    "the spread is extreme": Bent(
        "SPREAD_ABOVE",
        quotes(bid=lambda q: q.bid * 0.99, ask=lambda q: q.ask * 1.01),
        args=frozenset({"spread_bps", "needed"}),
    ),
    "one side of the book is empty": Bent("NO_DEPTH", quotes(ask=lambda _: 0.0, ask_size=lambda _: 0.0)),
    "nothing is offered": Bent("NO_DEPTH", quotes(ask_size=lambda _: 0.0), args=frozenset({"touch", "needed"})),
    "the coin is halted": Bent("NOT_TRADING", extra=[status(PUMP_AT - 10, "HALT")], args=frozenset({"status"})),
    "the coin is not yet trading": Bent("NOT_TRADING", extra=[status(-0.5, "PRE_TRADING")], args=frozenset({"status"})),
    "a model is required and absent": Bent(
        "MODEL_UNHEALTHY", settings=DeskSettings(guards=GuardSettings(model_required=True))
    ),
}


def judged(
    log: Sequence[bytes], settings: DeskSettings, groups: dict[str, str] | None = None
) -> tuple[list[DecisionPacket], list[Signal]]:
    def chain() -> list[Operator[Any]]:
        return [
            Frame(settings),
            FreshnessGate(settings),
            Rising(6, groups),
            Decide(settings, Versions(data="test", git="0" * 12)),
        ]

    facts = [decode_fact(message.value) for message in run(chain, list(log), settings=settings).facts]
    return [f for f in facts if isinstance(f, DecisionPacket)], [f for f in facts if isinstance(f, Signal)]


def bent_log(how: Bent) -> list[bytes]:
    log = []
    for raw in market_log(SECONDS, dirty=False, pump_at=PUMP_AT, extra=how.extra):
        event = how.bend(decode_event(raw))
        if event is not None:
            log.append(encode_event(event))
    return log


def test_the_log_as_it_is_opens_the_coin() -> None:
    packets, _ = judged(bent_log(Bent("")), DeskSettings())
    assert {packet.symbol for packet in packets} == {PUMPED}


@pytest.mark.parametrize("how", BENT.values(), ids=BENT.keys())
def test_a_bad_state_opens_nothing_and_is_named_on_the_fact_and_in_words(how: Bent) -> None:
    packets, signals = judged(bent_log(how), how.settings)
    assert PUMPED not in {packet.symbol for packet in packets}
    named = [r for s in signals if s.symbol == PUMPED for r in s.reasons if r.code == how.code]
    assert named
    assert how.args <= named[-1].args.keys()
    for language in ("en", "zh"):
        said = describe(named[-1], language)
        assert "?" not in said
        assert how.code not in said


def test_numbers_that_are_not_known_yet_are_said_to_be_unknown() -> None:
    young = market_log(70, dirty=False, pump=None, history_minutes=2)
    codes = {r.code: r for s in judged(young, DeskSettings())[1] for r in s.reasons if "unknown" in r.args}
    assert set(codes) == {"OVEREXTENDED", "EDGE_BELOW_COST", "NO_SETUP"}
    assert all(describe(reason).endswith("is not known yet") for reason in codes.values())


def test_every_gate_has_a_code_with_words_in_both_languages() -> None:
    assert set(REASONS.values()) <= set(WaitReason)
    assert all(all(TEXTS[code]) for code in REASONS.values())


def test_a_coin_that_trades_again_is_opened_then_and_not_before() -> None:
    packets, signals = judged(bent_log(Bent("", extra=[status(-0.5, "BREAK"), status(100, "TRADING")])), DeskSettings())
    assert {packet.symbol for packet in packets} == {PUMPED}
    assert min(packet.ts_event for packet in packets) >= START + 100 * SECOND
    halted = [r for s in signals if s.symbol == PUMPED for r in s.reasons if r.code == "NOT_TRADING"]
    assert {reason.args["status"] for reason in halted} == {"BREAK"}
    assert "(BREAK)" in describe(halted[0])


def test_a_coin_decided_on_cools_down_for_just_so_long() -> None:
    """The coin stays hot and agreed upon; only the time since its last decision tells the packets apart."""
    entry = EntrySettings(rearm_s=40.0, heat_min=0.0, consensus_min=-1.0, edge_over_cost=-1e9, max_change_5m=10.0)
    log = bent_log(Bent(""))
    often = [p for p in judged(log, DeskSettings(entry=entry))[0] if p.symbol == PUMPED]
    times = [packet.ts_event for packet in often]
    assert len(times) >= 3
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) == 40 * SECOND
    longer = msgspec.structs.replace(entry, rearm_s=1e6)
    packets, signals = judged(log, DeskSettings(entry=longer))
    first = next(packet for packet in packets if packet.symbol == PUMPED)
    assert [packet.ts_event for packet in packets if packet.symbol == PUMPED] == [first.ts_event]
    waits = [s for s in signals if s.symbol == PUMPED and s.ts_event > first.ts_event]
    resting = [(s, r) for s in waits for r in s.reasons if r.code == "COOLDOWN"]
    assert len(resting) == len(waits) > 0
    for signal, reason in resting:
        assert reason.args["left_ms"] == 1e9 - (signal.ts_event - first.ts_event) / 1e6
        assert not signal.gates["armed"]


def test_the_first_of_a_group_is_decided_on_and_the_others_wait_for_its_hold() -> None:
    """Two coins rise alike; apart both are opened, of one group the second waits until the first one's hold is over."""
    entry = EntrySettings(heat_min=0.0, consensus_min=-1.0, edge_over_cost=-1e9, max_change_5m=10.0, rearm_s=1e6)
    options = {"hot_momentum": {"change_1m_min": -1.0}}
    base = DeskSettings(entry=entry)
    settings = msgspec.structs.replace(base, strategy=msgspec.structs.replace(base.strategy, options=options))
    log = market_log(SECONDS, dirty=False, pump=None)
    apart = judged(log, settings)[0]
    assert len({packet.symbol for packet in apart}) >= 4
    pair = {"C01USDT": "twins", "C03USDT": "twins"}
    for hold_s in (60.0, 1e6):
        held = msgspec.structs.replace(settings, entry=msgspec.structs.replace(entry, group_hold_s=hold_s))
        packets, signals = judged(log, held, pair)
        twins = [packet for packet in packets if packet.symbol in pair]
        others = {packet.symbol for packet in packets} - set(pair)
        assert others == {packet.symbol for packet in apart} - set(pair)
        second = ({*pair} - {twins[0].symbol}).pop()
        if hold_s == 60.0:
            assert [packet.symbol for packet in twins] == [twins[0].symbol, second]
            assert twins[1].ts_event - twins[0].ts_event == 60 * SECOND
        else:
            assert [packet.symbol for packet in twins] == [twins[0].symbol]
        blocked = [r for s in signals if s.symbol == second for r in s.reasons if r.code == "HIGH_CORR_GROUP"]
        assert blocked
        assert {(r.args["group"], r.args["symbol"]) for r in blocked} == {("twins", twins[0].symbol)}
