"""What holds whatever the market does: no flip, no oversale, books that balance, and the same facts however the log is cut."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.facts import OrderResult, Position, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.trading import EntrySettings, ExitSettings, OrderSettings, RiskSettings
from tests import builders
from tests.checks import run
from tests.operators.execution_log import (
    PLAIN,
    SYMBOL,
    Script,
    candle,
    chain,
    desk,
    of,
    packet,
    rules,
    with_heartbeats,
)

moves = st.integers(-25, 25).map(lambda tenths: 1.0 + tenths / 1000.0)
steps = st.lists(
    st.tuples(
        st.sampled_from(["trade", "quote", "ticker"]),
        moves,
        st.sampled_from([0.3, 2.0, 7.5, 400.0]),
        st.integers(1, 12),
    ),
    min_size=20,
    max_size=120,
)
fraction = st.sampled_from([0.003, 0.006, 0.01, 0.02])
rulesets = st.builds(
    ExitSettings,
    take_profit=st.sampled_from([(), ((0.004, 0.5), (0.01, 0.5)), ((0.005, 0.3), (0.02, 0.3))]),
    stop_loss=fraction,
    break_even_after=st.none() | fraction,
    trailing_after=st.none() | fraction,
    trailing_distance=fraction,
    max_holding_s=st.sampled_from([3.0, 20.0, 1e6]),
    black_swan_5m=st.none() | st.just(0.03),
)


@st.composite
def markets(draw: st.DrawFn) -> tuple[DeskSettings, list[bytes], Script]:
    price, at, volume = 100.0, 0.0, 1e6
    log: list[tuple[float, bytes]] = [(-4.0, rules(lot="0.1"))]
    for kind, move, size, wait in draw(steps):
        price = round(price * move, 2)
        at += wait * 0.11
        volume += size * price
        if kind == "trade":
            log.append((at, builders.trade(at, price=price, quantity=size)))
        elif kind == "quote":
            log.append((at, builders.quote(at, bid=round(price * 0.999, 2), ask=round(price * 1.001, 2), size=size)))
        else:
            log.append((at, builders.tickers(at, [(SYMBOL, price, volume)])))
    if draw(st.booleans()):
        begin = int(at) + 10
        log.append((begin + 60.0, candle(begin, (price, price * 1.02, price * 0.97, price))))
    changes: dict[str, Any] = {
        "exits": draw(rulesets),
        "paper": msgspec.structs.replace(
            PLAIN, latency_ms=draw(st.sampled_from([0, 80, 700])), volume_share=draw(st.sampled_from([0.05, 0.5, 1.0])),
            slippage_bps=3.0, assumed_spread_bps=6.0,
        ),
        "entry": EntrySettings(cooldown_after_exit_s=0.5, cooldown_after_loss_s=0.5),
        "orders": OrderSettings(
            entry_type=draw(st.sampled_from(["market", "limit"])), entry_ttl_s=draw(st.sampled_from([2.0, 30.0]))
        ),
        "risk": RiskSettings(allow_short=True, max_exposure=1e6, daily_loss_max=0.9),
    }  # fmt: skip
    seconds = draw(st.lists(st.tuples(st.integers(1, max(2, int(at))), st.sampled_from(["long", "short"])), max_size=8))
    decisions = [packet(second, action) for second, action in dict(seconds).items()]
    return desk(**changes), with_heartbeats(log), Script(decisions)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(markets(), st.lists(st.integers(1, 400), max_size=12))
def test_positions_never_flip_books_balance_and_cuts_change_nothing(
    market: tuple[DeskSettings, list[bytes], Script], cuts: list[int]
):
    own, log, script = market
    ran = run(lambda: chain(own, script), log, settings=own)
    written = [decode_fact(message.value) for message in ran.facts]

    side: dict[str, int] = {}
    for position in of(Position, written):
        sign = (position.signed_quantity > 0) - (position.signed_quantity < 0)
        assert sign in (0, side.setdefault(position.position_id, sign)), "a position flipped"
        assert (sign == 0) is (position.status == "closed")

    entered: dict[str, Decimal] = defaultdict(Decimal)
    for result in of(OrderResult, written):
        assert result.filled_quantity <= result.quantity
        entered[result.position_id] += result.fill_quantity if result.purpose == "entry" else -result.fill_quantity
        assert entered[result.position_id] >= 0, "more was sold than bought"

    last = {p.position_id: p for p in of(Position, written)}
    for key, position in last.items():
        assert abs(position.signed_quantity) == entered[key]
    fees = sum((r.fee for r in of(OrderResult, written)), Decimal(0))
    assert abs(sum((p.fees for p in last.values()), Decimal(0)) - fees) < Decimal("1e-8")

    recut = run(lambda: chain(own, script), log, [cut for cut in cuts if cut < len(log)], resume=True, settings=own)
    assert recut.facts == ran.facts
    assert recut.states[-1][2]["book"] == ran.states[-1][2]["book"]
