from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from contracts.events import CloseAll, ClosePosition, PauseTrading, ResumeTrading, encode_event
from contracts.facts import OrderAttempt, OrderResult, Position
from contracts.settings import DeskSettings
from contracts.settings.trading import EntrySettings, ExitSettings, OrderSettings
from operators.slices import SECOND
from tests import builders
from tests.checks import check_laws
from tests.operators.execution_log import PLAIN, Script, chain, desk, facts, of, packet, play, rules


def ticks(*prices: tuple[float, float]) -> list[tuple[float, bytes]]:
    return [(at, builders.trade(at, price=price, quantity=1000.0)) for at, price in prices]


def test_decision_becomes_order_and_position_at_the_next_tick():
    log = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 101.0), (3.0, 102.0))]
    written = play(log, script=Script([packet(2)]))
    attempt = of(OrderAttempt, written)[0]
    assert (attempt.verdict, attempt.quantity, attempt.purpose) == ("accepted", Decimal(10), "entry")
    assert [r.status for r in of(OrderResult, written)] == ["created", "open", "closed"]
    fill = of(OrderResult, written)[-1]
    assert (fill.fill_price, fill.fill_quantity, fill.fee) == (Decimal(101), Decimal(10), Decimal("1.01"))
    position = of(Position, written)[0]
    assert (position.status, position.average_entry, position.realised_pnl) == (
        "open",
        Decimal(101),
        Decimal("-1.01"),
    )
    assert {f.trace_id for f in (attempt, fill, position)} == {packet(2).trace_id}


def busy_script() -> Script:
    """Entries all over the log, a short decision against a long, heat that fades, consensus that turns."""
    decisions = [
        packet(second, action, symbol=f"C0{number}USDT", price=10.0 * (number + 1))
        for second, number, action in [
            (20, 1, "long"), (21, 2, "long"), (30, 3, "long"), (40, 0, "long"), (60, 3, "short"), (70, 4, "long"),
            (71, 1, "long"), (120, 5, "long"), (150, 1, "long"), (160, 2, "long"), (170, 3, "long"),
        ]
    ]  # fmt: skip
    heat = {("C02USDT", 10): 50.0, ("C02USDT", 100): 5.0}
    return Script(decisions, heat=heat, consensus={("C00USDT", 10): 0.5, ("C00USDT", 130): -0.9})


def busy_log() -> list[bytes]:
    ts = builders.START
    commands = [
        (90.1, PauseTrading(ts_recv=ts + 90 * SECOND, command_id="p", author="ann")),
        (95.1, ResumeTrading(ts_recv=ts + 95 * SECOND, command_id="r", author="ann")),
        (95.2, ResumeTrading(ts_recv=ts + 95 * SECOND, command_id="r", author="ann")),
        (140.1, ClosePosition(ts_recv=ts + 140 * SECOND, command_id="c1", author="ann", symbol="C05USDT")),
        (140.2, ClosePosition(ts_recv=ts + 140 * SECOND, command_id="c2", author="ann", symbol="NOPEUSDT")),
        (185.1, CloseAll(ts_recv=ts + 185 * SECOND, command_id="a", author="ann")),
    ]
    return builders.market_log(200, 6, extra=[(at, encode_event(event)) for at, event in commands])


def busy_settings(**paper: float) -> DeskSettings:
    exits = ExitSettings(
        heat_faded_s=20.0, take_profit=((0.004, 0.4), (0.02, 0.6)), stop_loss=0.004, trailing_after=0.01
    )
    own = msgspec.structs.replace(
        PLAIN, latency_ms=60, volume_share=0.2, slippage_bps=2.0, assumed_spread_bps=4.0, **paper
    )
    entry = EntrySettings(cooldown_after_exit_s=30.0, cooldown_after_loss_s=30.0)
    return desk(exits=exits, paper=own, entry=entry)


@pytest.mark.parametrize("entry_type", ["market", "limit"])
def test_laws_hold_for_a_busy_desk(entry_type: Literal["market", "limit"]):
    settings = msgspec.structs.replace(busy_settings(), orders=OrderSettings(entry_type=entry_type))
    ran = check_laws(lambda: chain(settings, busy_script()), busy_log(), settings=settings)
    written = facts(ran)
    reasons = {f.purpose for f in of(OrderResult, written) if f.status == "closed"}
    assert "entry" in reasons
    assert len(reasons) >= 4, reasons
