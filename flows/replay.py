"""Replay: the desk over a recorded range of the log, as fast as it goes. The same flow, step for step, as live."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from bytewax.testing import run_main

from contracts import facts
from contracts.facts import decode_fact
from contracts.settings import Settings
from contracts.topics import DECISIONS, ORDER_ATTEMPTS, ORDER_RESULTS, POSITIONS
from flows.desk import build, check
from flows.wiring.collector import calm_collector
from flows.wiring.sinks import Collected, CollectFacts
from flows.wiring.sources import Replay
from flows.wiring.steps import Batch


class ReplaySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did. PnL is in quote currency after fees; `equity` the account at the end, None if it never traded."""

    ticks: int
    frames: int
    event_seconds: float
    wall_seconds: float
    ticks_per_second: float
    facts: dict[str, int]
    decisions: int
    orders: int
    denied: int
    fills: int
    positions_closed: int
    positions_open: int
    winners: int
    realised_pnl: float
    fees: float
    equity: float | None
    counters: dict[str, int]
    settings_hash: str
    checksum: str


KEPT = frozenset({DECISIONS.name, ORDER_ATTEMPTS.name, ORDER_RESULTS.name, POSITIONS.name})


def replay(
    settings: Settings, open_market: Callable[[str], Iterator[Batch]], *, markets: list[str] | None = None, out: Path | None = None
) -> ReplaySummary:
    """Run the desk over what `open_market` yields per market; `out` is a folder for each topic's facts as `<topic>.jsonl`.

    Raises SettingsError, and what `open_market` raises of ours; `out` then stays as it was.
    """
    check(settings)
    names = markets if markets is not None else sorted(settings.markets)
    collected = Collected(out, KEPT)
    source = Replay(names, open_market)
    flow = build(settings, source, CollectFacts(collected))
    begun = time.perf_counter()
    whole = False
    try:
        with calm_collector():
            run_main(flow)  # type: ignore[no-untyped-call]
        whole = source.failure is None
    finally:
        collected.close(keep=whole)
    if source.failure is not None:
        raise source.failure
    return summarise(settings, collected, time.perf_counter() - begun)


def summarise(settings: Settings, collected: Collected, wall_seconds: float) -> ReplaySummary:
    """Count what was collected."""
    account: facts.Account | None = None
    positions: dict[str, facts.Position] = {}
    decisions = orders = denied = fills = 0
    for message in collected.kept:
        fact = decode_fact(message.value)
        if isinstance(fact, facts.DecisionPacket):
            decisions += not fact.shadow
        elif isinstance(fact, facts.OrderAttempt):
            orders += fact.verdict == "accepted"
            denied += fact.verdict == "denied"
        elif isinstance(fact, facts.OrderResult):
            fills += fact.fill_quantity > 0
        elif isinstance(fact, facts.Position):
            positions[fact.position_id] = fact
        elif isinstance(fact, facts.Account):
            account = fact
    closed = [position for position in positions.values() if position.status == "closed"]
    return ReplaySummary(
        ticks=collected.ticks,
        frames=collected.frames,
        event_seconds=(collected.last_ts - collected.first_ts) / 1e9,
        wall_seconds=wall_seconds,
        ticks_per_second=collected.ticks / wall_seconds if wall_seconds > 0 else 0.0,
        facts=dict(sorted(collected.counts.items())),
        decisions=decisions,
        orders=orders,
        denied=denied,
        fills=fills,
        positions_closed=len(closed),
        positions_open=len(positions) - len(closed),
        winners=sum(position.realised_pnl > 0 for position in closed),
        realised_pnl=float(sum(position.realised_pnl for position in positions.values())),
        fees=float(sum(position.fees for position in positions.values())),
        equity=account.equity if account is not None else None,
        counters=dict(sorted(collected.counters.items())),
        settings_hash="+".join(market.desk.hash() for _, market in sorted(settings.markets.items())),
        checksum=collected.checksum,
    )
