from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from contracts.events import CloseAll, ClosePosition, PauseTrading, ResumeTrading, encode_event
from contracts.facts import Alert, CommandResult, DecisionPacket, EngineState, OrderAttempt, OrderResult, Position
from contracts.reasons import DenyReason
from contracts.settings import DeskSettings
from contracts.settings.trading import (
    EngineSettings,
    EntrySettings,
    ExitSettings,
    OrderSettings,
    RiskSettings,
    SizeSettings,
)
from operators import columns
from operators.execute import Execute
from operators.execution_state import ExecuteState
from operators.frame import Frame
from operators.slices import SECOND
from tests import builders
from tests.checks import check_laws, run
from tests.operators.execution_log import (
    NO_EXITS,
    PLAIN,
    QUICK,
    Script,
    candle,
    chain,
    desk,
    facts,
    of,
    packet,
    play,
    rules,
    with_heartbeats,
)


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


RESTLESS = EntrySettings(cooldown_after_loss_s=1.0, cooldown_after_exit_s=1.0)


def entry_verdict(settings: DeskSettings, log: list[tuple[float, bytes]], *decisions: DecisionPacket) -> OrderAttempt:
    """The last entry attempt of a run."""
    written = play(log, settings, Script(decisions))
    return [f for f in of(OrderAttempt, written) if f.purpose == "entry"][-1]


CALM = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 100.0), (3.2, 100.0), (4.2, 100.0), (5.2, 100.0))]


def risk(**changes: float) -> RiskSettings:
    return msgspec.structs.replace(RiskSettings(max_exposure=1e9), **changes)


def test_each_pre_check_has_its_own_code():
    no_rules = CALM[1:]
    paused = (1.0, encode_event(PauseTrading(ts_recv=builders.START + SECOND, command_id="p", author="ann")))
    other = [(-4.0, rules("BBBUSDT")), (0.6, builders.trade(0.6, symbol="BBBUSDT", price=10.0))]
    slow = EngineSettings(cycle_s=1, recover_degraded_cycles=1000)
    cases: list[tuple[DenyReason, DeskSettings, list[tuple[float, bytes]], list[DecisionPacket]]] = [
        (DenyReason.SHADOW, desk(), CALM, [packet(2, shadow=True)]),
        (DenyReason.PAUSED, desk(), [*CALM, paused], [packet(2)]),
        (DenyReason.ENGINE_NOT_TRADEABLE, desk(engine=slow), CALM, [packet(2)]),
        (DenyReason.SHORT_NOT_ALLOWED, desk(), CALM, [packet(2, "short")]),
        (DenyReason.UNKNOWN_INSTRUMENT, desk(), no_rules, [packet(2)]),
        (DenyReason.NOT_TRADING, desk(), [(-4.0, rules(status="BREAK")), *CALM[1:]], [packet(2)]),
        (DenyReason.POSITION_EXISTS, desk(), CALM, [packet(2), packet(4)]),
        (DenyReason.ORDER_PENDING, desk(paper=msgspec.structs.replace(PLAIN, latency_ms=9000)), CALM, [packet(2), packet(4)]),
        (DenyReason.MAX_POSITIONS, desk(risk=risk(max_positions=1)), [*CALM, *other], [packet(2, symbol="BBBUSDT"), packet(3)]),
        (DenyReason.MAX_EXPOSURE, desk(risk=risk(max_exposure=4.0)), CALM, [packet(2)]),
        (DenyReason.INSUFFICIENT_CASH, desk(paper=msgspec.structs.replace(PLAIN, cash=4.0)), CALM, [packet(2)]),
        (DenyReason.BUY_MIN_NOTIONAL, desk(size=SizeSettings(notional=3.0, max_of_minute_volume=1e9)), CALM, [packet(2)]),
        (DenyReason.BUY_MIN_QTY, desk(), [(-4.0, rules(lot="100")), *CALM[1:]], [packet(2)]),
        (DenyReason.MARKET_MAX_QTY, desk(), [(-4.0, rules(market_max_quantity="2")), *CALM[1:]], [packet(2)]),
    ]  # fmt: skip
    for reason, settings, log, decisions in cases:
        attempt = entry_verdict(settings, log, *decisions)
        assert (attempt.verdict, attempt.deny_reason) == ("denied", reason.value), reason
        assert attempt.trace_id == decisions[-1].trace_id


def test_decision_that_its_second_s_close_outlived_is_expired():
    log = [
        message for _, message in [(-4.0, rules()), *ticks((-1.5, 100.0), (0.5, 100.0), (1.5, 100.0), (30.2, 100.0))]
    ]
    for valid_s, denied in (
        (1.0, "DECISION_EXPIRED"),
        (60.0, ""),
    ):  # without heartbeats the tick at 30.2 closes second 1
        script = Script([packet(2, valid_s=valid_s)])
        attempts = of(OrderAttempt, facts(run(lambda s=script: chain(desk(), s), log)))
        assert [a.deny_reason for a in attempts] == [denied]


def test_size_is_the_least_of_setting_volume_exposure_and_cash():
    minute = ticks(*[(k + 0.5, 100.0) for k in range(65)])
    log = [
        (-4.0, rules()),
        *[(at, builders.trade(at, price=100.0, quantity=1.0)) for at, _ in minute],
        *ticks((66.0, 100.0)),
    ]
    cases = [
        ("setting", desk(), Decimal(10)),
        (
            "minute_volume",
            desk(size=SizeSettings(notional=1000.0, max_of_minute_volume=0.05)),
            Decimal(3),
        ),  # 60 x 100 x 5 %
        ("exposure", desk(risk=risk(max_exposure=450.0)), Decimal("4.5")),
        ("cash", desk(paper=msgspec.structs.replace(PLAIN, cash=500.5)), Decimal(5)),  # the fee of 10 bp is kept back
    ]
    for bound, settings, quantity in cases:
        attempt = entry_verdict(settings, log, packet(65))
        assert (attempt.context["bound"], attempt.quantity, attempt.verdict) == (bound, quantity, "accepted")


def test_coin_rests_after_a_loss_longer_than_after_a_gain():
    exits = msgspec.structs.replace(NO_EXITS, stop_loss=0.01, take_profit=((0.01, 1.0),))
    settings = desk(exits=exits, entry=EntrySettings(cooldown_after_exit_s=2.0, cooldown_after_loss_s=20.0))
    for price, denied in ((102.0, False), (98.0, True)):
        log = [(-4.0, rules()), *ticks((1.5, 100.0), (2.2, 100.0), (3.0, price), (8.5, 100.0), (9.5, 100.0))]
        attempt = entry_verdict(settings, log, packet(2), packet(9))
        assert (attempt.deny_reason == "COOLDOWN") is denied


def test_close_all_cancels_entries_closes_positions_pauses_and_answers():
    settings = desk(
        paper=msgspec.structs.replace(PLAIN, volume_share=0.001)
    )  # 1 of 10 units per tick: the entry keeps working
    command = CloseAll(ts_recv=builders.START + 4 * SECOND, command_id="x", author="ann")
    log = [
        *CALM,
        (4.0, encode_event(command)),
        (4.1, encode_event(command)),
        *ticks((6.0, 99.0), (7.0, 99.0), (8.0, 99.0)),
    ]
    written = play(log, settings, Script([packet(2), packet(7)]))
    results = of(CommandResult, written)
    assert [(r.command, r.ok, r.author, r.detail) for r in results] == [
        ("close_all", True, "ann", {"positions": "1", "orders_canceled": "1"})
    ]
    entry = [r for r in of(OrderResult, written) if r.purpose == "entry"][-1]
    assert (entry.status, entry.reason, entry.filled_quantity) == ("canceled", "CLOSE_ALL_COMMAND", Decimal(2))
    last = of(Position, written)[-1]
    assert (last.status, last.exit_reason, last.signed_quantity) == ("closed", "CLOSE_ALL_COMMAND", Decimal(0))
    states = [f for f in of(EngineState, written) if f.changed]
    assert (states[-1].state, states[-1].paused) == ("blocked", True)
    assert of(OrderAttempt, written)[-1].deny_reason == "PAUSED"
    assert [a.code for a in of(Alert, written)].count("CLOSE_ALL") == 1


def test_fifty_positions_are_closed_by_one_command_with_their_next_ticks():
    names = [f"C{number:02d}USDT" for number in range(50)]
    log = [(-4.0, rules(name)) for name in names]
    for at in (0.5, 1.5, 2.2, 5.0):
        log += [(at, builders.trade(at, symbol=name, price=10.0, quantity=1e6)) for name in names]
    command = CloseAll(ts_recv=builders.START + 4 * SECOND, command_id="x", author="ann")
    settings = desk(
        risk=RiskSettings(max_positions=50, max_exposure=1e9), paper=msgspec.structs.replace(PLAIN, cash=1e6)
    )
    written = play(
        [*log, (4.0, encode_event(command))], settings, Script([packet(2, symbol=n, price=10.0) for n in names])
    )
    closed = [p for p in of(Position, written) if p.status == "closed"]
    assert len({p.symbol for p in closed}) == 50
    assert {p.ts_event for p in closed} == {builders.START + 5 * SECOND}


def test_commands_that_cannot_be_carried_out_say_why_and_change_nothing():
    commands = [
        (4.0, ClosePosition(ts_recv=builders.START + 4 * SECOND, command_id="a", author="ann", symbol="NOPEUSDT")),
        (4.1, ClosePosition(ts_recv=builders.START + 4 * SECOND, command_id="b", author="ann", symbol="AAAUSDT")),
    ]
    written = play([*CALM, *[(at, encode_event(event)) for at, event in commands]])
    assert [(r.ok, r.reason) for r in of(CommandResult, written)] == [(False, "UNKNOWN_SYMBOL"), (False, "NO_POSITION")]
    assert not of(OrderAttempt, written)


def test_pause_stops_opening_but_not_closing_and_resume_ends_it():
    pause = encode_event(PauseTrading(ts_recv=builders.START + 3 * SECOND, command_id="p", author="ann"))
    resume = encode_event(ResumeTrading(ts_recv=builders.START + 9 * SECOND, command_id="r", author="bob"))
    settings = desk(
        exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.01),
        entry=RESTLESS,
    )
    log = [
        *CALM,
        (3.0, pause),
        *ticks((6.5, 98.0), (7.5, 98.0), (8.5, 98.0), (10.5, 98.0), (11.5, 98.0)),
        (9.0, resume),
    ]
    written = play(log, settings, Script([packet(2), packet(8), packet(11)]))
    assert [(a.purpose, a.deny_reason) for a in of(OrderAttempt, written)] == [
        ("entry", ""), ("STOP_LOSS", ""), ("entry", "PAUSED"), ("entry", ""),
    ]  # fmt: skip
    changes = [(f.state, f.paused) for f in of(EngineState, written) if f.changed]
    assert changes[-2:] == [("blocked", True), ("tradeable", False)]


def test_daily_loss_halts_opening_until_the_next_utc_day():
    settings = desk(
        risk=risk(daily_loss_max=0.01), exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.02),
        paper=msgspec.structs.replace(PLAIN, cash=1500.0), entry=RESTLESS,
    )  # fmt: skip
    log = [*CALM, *ticks(*[(6.5 + k, 97.0) for k in range(6)])]
    written = play(log, settings, Script([packet(2), packet(11)]))
    assert of(OrderAttempt, written)[-1].deny_reason == "DAILY_LOSS"
    halted = [f for f in of(EngineState, written) if f.changed][-1]
    assert (halted.state, [r.code for r in halted.reasons]) == ("blocked", ["RISK_HALT"])
    assert "RISK_HALT" in [a.code for a in of(Alert, written)]


def test_silent_feed_degrades_then_blocks_and_recovers_after_clean_cycles():
    log = [*CALM, *ticks(*[(400.5 + k, 100.0) for k in range(12)])]
    written = play(log, desk(engine=msgspec.structs.replace(QUICK, recover_blocked_cycles=6)))
    changes = [f for f in of(EngineState, written) if f.changed][1:]  # before the first price there is no feed
    assert [(f.previous, f.state) for f in changes[1:]] == [
        ("tradeable", "degraded"),
        ("degraded", "blocked"),
        ("blocked", "tradeable"),
    ]
    silent = [(f.ts_event - builders.START) / SECOND - 5.2 for f in changes]
    assert 88 <= silent[1] <= 93  # event time of the second that closed; the age runs on the receive clock
    assert 298 <= silent[2] <= 303
    assert [r.code for r in changes[2].reasons] == ["FEED_LOST"]


def test_rejected_orders_count_as_errors_and_degrade_the_engine():
    halted = (2.25, rules(status="HALT"))
    settings = desk(
        paper=msgspec.structs.replace(PLAIN, latency_ms=100),
        engine=msgspec.structs.replace(QUICK, order_errors_degraded=1),
    )
    written = play([*CALM, halted], settings, Script([packet(2)]))
    failed = [r for r in of(OrderResult, written) if r.status == "failed"]
    assert [(r.reason, r.filled_quantity) for r in failed] == [("NOT_TRADING", Decimal(0))]
    assert "ORDER_ERRORS" in [r.code for f in of(EngineState, written) for r in f.reasons]


def test_close_that_the_venue_refuses_is_tried_again():
    settings = desk(
        exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.01), paper=msgspec.structs.replace(PLAIN, latency_ms=100),
        orders=OrderSettings(retry_s=3.0),
    )  # fmt: skip
    log = [*CALM, *ticks((6.0, 98.0), (8.0, 97.0), (12.0, 96.0)), (6.05, rules(status="HALT")), (8.5, rules())]
    written = play(log, settings, Script([packet(2)]))
    exits = [r for r in of(OrderResult, written) if r.purpose == "STOP_LOSS"]
    assert [r.status for r in exits] == ["created", "failed", "created", "open", "closed"]
    assert exits[0].client_order_id != exits[2].client_order_id
    assert exits[-1].fill_price == Decimal(96)


def test_close_in_a_halted_symbol_waits_for_trading_and_is_told_once():
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, max_holding_s=4.0), orders=OrderSettings(retry_s=1.0))
    log = [*CALM, (5.5, rules(status="BREAK")), (30.0, rules()), *ticks((30.5, 97.0), (31.0, 96.0))]
    written = play(log, settings, Script([packet(2)]))
    attempts = [a for a in of(OrderAttempt, written) if a.purpose == "MAX_HOLDING_TIME"]
    assert [(a.verdict, a.deny_reason) for a in attempts] == [("denied", "NOT_TRADING"), ("accepted", "")]
    assert attempts[1].offset - attempts[0].offset > 80  # four heartbeats a second
    assert [(a.code, a.severity, a.args) for a in of(Alert, written) if a.code != "ENGINE_STATE"] == [
        ("TRADING_HALTED", "warning", {"status": "BREAK"}),
        ("EXIT_DENIED", "warning", {"reason": "NOT_TRADING"}),
        ("TRADING_RESUMED", "info", {}),
    ]
    closed = of(Position, written)[-1]
    assert (closed.status, closed.exit_reason) == ("closed", "MAX_HOLDING_TIME")
    check_laws(lambda: chain(settings, Script([packet(2)])), with_heartbeats(log), settings=settings)


def test_rules_that_change_without_a_halt_are_not_told():
    written = play([*CALM, (5.5, rules(lot="0.01"))], desk(), Script([packet(2)]))
    assert not {"TRADING_HALTED", "TRADING_RESUMED"} & {a.code for a in of(Alert, written)}


def test_a_close_that_stays_below_the_minimum_is_tried_less_and_less_and_alerted_once():
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.01), orders=OrderSettings(retry_s=5.0))
    log = [*CALM, (5.5, rules(min_notional="5000")), *ticks(*[(6.0 + k, 98.0) for k in range(80)])]
    written = play(log, settings, Script([packet(2)]))
    denied = [a for a in of(OrderAttempt, written) if a.purpose == "STOP_LOSS"]
    assert {a.deny_reason for a in denied} == {"SELL_MIN_NOTIONAL"}
    seconds = [round((a.ts_event - denied[0].ts_event) / 1e9) for a in denied]
    assert seconds == pytest.approx([0, 5, 15, 35, 75], abs=2)
    assert len({a.id for a in denied}) == len(denied)
    assert [a.args for a in of(Alert, written) if a.code == "EXIT_DENIED"] == [{"reason": "SELL_MIN_NOTIONAL"}]


def test_a_refused_close_goes_through_at_the_next_try_that_is_allowed():
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.01), orders=OrderSettings(retry_s=5.0))
    log = [*CALM, (5.5, rules(min_notional="5000")), (18.0, rules()), *ticks(*[(6.0 + k, 98.0) for k in range(40)])]
    written = play(log, settings, Script([packet(2)]))
    exits = [a.verdict for a in of(OrderAttempt, written) if a.purpose == "STOP_LOSS"]
    assert exits == ["denied", "denied", "accepted"]
    assert of(Position, written)[-1].status == "closed"


def test_limit_entry_rests_fills_as_maker_and_what_is_left_expires():
    settings = desk(orders=OrderSettings(entry_type="limit", entry_ttl_s=5.0))
    log = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 100.5))]
    log += [(3.0, builders.trade(3.0, price=99.5, quantity=4.0)), *ticks((9.0, 99.5))]
    written = play(log, settings, Script([packet(2, price=99.505)]))
    results = of(OrderResult, written)
    assert [(r.status, r.liquidity) for r in results] == [
        ("created", ""), ("open", ""), ("partial", "maker"), ("canceled", ""),
    ]  # fmt: skip
    assert (results[2].fill_price, results[2].fill_quantity) == (Decimal("99.50"), Decimal(4))
    assert results[-1].reason == "EXPIRED"
    assert of(Position, written)[-1].signed_quantity == Decimal(4)


def test_ids_are_unique_and_carry_the_market():
    written = facts(run(lambda: chain(busy_settings(), busy_script()), busy_log(), settings=busy_settings()))
    by_kind = [(type(f).__name__, f.id) for f in written]
    assert len(set(by_kind)) == len(by_kind)


def test_laws_hold_for_candles_as_well():
    bars = [
        (60.0, (100.0, 101.0, 99.0, 100.5)),
        (120.0, (100.5, 104.0, 100.0, 103.0)),
        (180.0, (103.0, 103.5, 96.0, 97.0)),
    ]
    log = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 100.0))]
    log += [(at + 60.0, candle(int(at), ohlc)) for at, ohlc in bars]
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, take_profit=((0.02, 0.5),), stop_loss=0.03))
    ran = check_laws(lambda: chain(settings, Script([packet(2)])), with_heartbeats(log), settings=settings)
    fills = [(r.purpose, r.fill_price) for r in of(OrderResult, facts(ran)) if r.fill_quantity]
    assert fills == [("entry", Decimal(100)), ("TAKE_PROFIT", Decimal(102)), ("STOP_LOSS", Decimal(97))]


def test_new_settings_move_the_levels_of_open_positions():
    log = with_heartbeats(CALM)
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.05))
    tighter = msgspec.structs.replace(settings, exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.01))
    execute, state = Execute(settings), Execute(settings).start()
    execute.adopt(
        state, "AAAUSDT", 0, 1, Decimal(10), Decimal(100), Decimal(0), ts_event=builders.START, ts_recv=builders.START
    )
    pieces = run(lambda: [Frame(settings)], log, settings=settings).pieces
    execute.step(state, pieces[0])
    assert state.table[0, columns.STOP] == 95.0
    restarted = ExecuteState.load(state.dump())
    pieces = run(lambda: [Frame(tighter)], log, settings=tighter).pieces
    Execute(tighter).step(restarted, pieces[0])
    assert restarted.table[0, columns.STOP] == 99.0
    assert list(restarted.book.positions) == ["AAAUSDT"]


def test_counters_account_for_every_row_and_dead_letter():
    log = busy_log()
    written = facts(run(lambda: chain(busy_settings(), busy_script()), log, settings=busy_settings()))
    counters = of(EngineState, written)[-1].counters
    assert counters["dead_letters"] == 2
    assert counters["messages"] + counters["dead_letters"] <= len(log)
    assert counters["messages"] + counters["dead_letters"] > len(log) - 60
    assert counters["rows.heartbeat"] > 700


def test_latency_runs_from_the_row_that_closed_the_decision_s_second():
    settings = desk(paper=msgspec.structs.replace(PLAIN, latency_ms=100))
    log = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 100.0), (2.25, 101.0), (2.4, 102.0))]
    fill = of(OrderResult, play(log, settings, Script([packet(2)])))[-1]
    assert (fill.status, fill.fill_price) == ("closed", Decimal(102))


def test_stop_withdraws_what_of_the_entry_is_still_working():
    settings = desk(
        exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.01), paper=msgspec.structs.replace(PLAIN, volume_share=0.004)
    )
    log = [*CALM, *ticks((6.0, 98.0), (7.0, 98.0), (8.0, 98.0), (9.0, 98.0))]  # 4 of 10 units per tick
    written = play([entry for entry in log if entry[0] < 3 or entry[0] >= 6], settings, Script([packet(2)]))
    entry = [r for r in of(OrderResult, written) if r.purpose == "entry"][-1]
    assert (entry.status, entry.reason, entry.filled_quantity) == ("canceled", "STOP_LOSS", Decimal(8))
    assert of(Position, written)[-1].status == "closed"
    assert max(abs(p.signed_quantity) for p in of(Position, written)) == Decimal(8)


def test_the_last_five_minutes_tell_orders_refusals_duplicates_and_latency():
    settings = desk(paper=msgspec.structs.replace(PLAIN, latency_ms=100))
    log = [*CALM, (450.0, builders.trade(450.0))]
    states = of(EngineState, play(log, settings, Script([packet(2), packet(4), packet(5)])))
    busy = next(f.counters for f in states if f.ts_event == builders.START + 6 * SECOND)
    assert (busy["recent.orders"], busy["recent.denied"], busy["recent.duplicates"]) == (3, 2, 2)
    assert busy["recent.latency_ms"] >= 100
    assert (busy["denied.POSITION_EXISTS"], busy["denied_symbol.AAAUSDT"]) == (2, 2)
    assert "recent.orders" not in states[-1].counters
    assert states[-1].counters["orders"] == 3


def test_laws_hold_where_ticks_quotes_candles_and_silence_take_turns():
    log = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 100.0)), (30.5, builders.quote(30.5, bid=99.9, ask=100.1))]
    bars = [(60, 100.0), (120, 101.0), (180, 103.0), (300, 104.0), (420, 106.0)]  # two are missing
    log += [(at + 60.4, candle(at, (close - 1, close, close - 1, close))) for at, close in bars]
    log += ticks((700.5, 109.0), (702.5, 109.0), (703.5, 109.0), (1500.5, 108.0), (1501.5, 108.5))
    settings = desk(
        exits=msgspec.structs.replace(NO_EXITS, black_swan_5m=0.05, feed_lost_s=200.0),
        entry=EntrySettings(cooldown_after_exit_s=0.0, cooldown_after_loss_s=0.0),
    )
    script = Script([packet(2), packet(702)])
    ran = check_laws(lambda: chain(settings, script), with_heartbeats(log), settings=settings)
    fills = [(r.purpose, r.fill_price) for r in of(OrderResult, facts(ran)) if r.fill_quantity]
    assert fills == [
        ("entry", Decimal(100)),
        ("BLACK_SWAN", Decimal(105)),  # 104 of minute 6 against 99, at which minute 2 opened; sold at the next open
        ("entry", Decimal(109)),
        ("FEED_LOST", Decimal(108)),
    ]


def test_stop_of_a_candle_withdraws_the_close_that_was_sent_while_it_formed():
    log = [(-4.0, rules()), *ticks((0.5, 100.0), (1.5, 100.0), (2.2, 100.0))]
    close = ClosePosition(ts_recv=builders.START + 70 * SECOND, command_id="c", author="me", symbol="AAAUSDT")
    log += [(70.0, encode_event(close)), (120.0, candle(60, (100.0, 101.0, 97.0, 99.0)))]
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, stop_loss=0.02))
    ran = check_laws(lambda: chain(settings, Script([packet(2)])), with_heartbeats(log), settings=settings)
    ends = [r for r in of(OrderResult, facts(ran)) if r.purpose != "entry" and r.status in ("closed", "canceled")]
    assert [(r.purpose, r.status, r.reason, r.fill_price) for r in ends] == [
        ("CLOSE_COMMAND", "canceled", "STOP_LOSS", None),
        ("STOP_LOSS", "closed", "", Decimal(98)),
    ]
