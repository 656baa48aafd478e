"""A halt at the simulated exchange, from its control door to what a desk makes of the log that ingest wrote."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from contracts.events import InstrumentRow, Instruments, LogEvent, Trade, encode_event
from contracts.facts import Alert, OrderAttempt, OrderResult, Position, Signal, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.decisions import SignalSettings
from infra.broker import EmbeddedBroker, LocalBroker
from operators.decide import Decide
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.packets import Versions
from operators.slices import SECOND
from operators.state import Operator
from tests.builders import START
from tests.checks import run
from tests.operators.execution_log import NO_EXITS, Script, chain, desk, facts, of, packet
from tests.operators.hot_market import Rising
from tests.venues.log_reader import of as kind_of
from tests.venues.log_reader import read_log
from tests.venues.test_ingest import wish
from tests.venues.test_ingest_simulated import exchange, made, running, until

HELD, HOT, UNWATCHED = "BTCUSDT", "ETHUSDT", "SOLUSDT"


class Change(NamedTuple):
    """Rows of an Instruments event whose status is another than before; where it stands, and when it was received."""

    offset: int
    ts_recv: int
    rows: list[tuple[str, str]]


class Log(NamedTuple):
    """What ingest wrote, and what it told of statuses after the first table."""

    events: list[LogEvent]
    changes: list[Change]

    @property
    def raw(self) -> list[bytes]:
        """The messages as they stand on the log."""
        return [encode_event(event) for event in self.events]


def changes_of(log: list[LogEvent]) -> list[Change]:
    known: dict[str, InstrumentRow] = {}
    found = []
    for offset, event in enumerate(log):
        if not isinstance(event, Instruments):
            continue
        changed = [(r.symbol, r.status) for r in event.rows if r.symbol in known and known[r.symbol].status != r.status]
        known.update({row.symbol: row for row in event.rows})
        if changed:
            assert not event.complete
            found.append(Change(offset, event.ts_recv, changed))
    return found


async def halt_and_resume(broker: LocalBroker, var: Path) -> Log:
    """Halt the two watched coins and one that is not watched after some seconds, resume them after some more."""
    async with exchange(symbols=20) as simulated, aiohttp.ClientSession() as session:
        # The whole table is looked at once: its next look is further away than this log is long.
        settings = made(simulated, broker, var, history_hours=0, status_refresh_s=1.0, instruments_refresh_s=300.0)

        async def control(door: str) -> None:
            for symbol in (HELD, HOT, UNWATCHED):
                url = f"http://127.0.0.1:{simulated.port}/sim/{door}"
                async with session.post(url, json={"symbol": symbol}) as answer:
                    assert answer.status == 200, await answer.text()

        async with running(settings) as ingest:

            def status_is(status: str) -> bool:
                return {ingest.universe.rows[symbol].status for symbol in (HELD, HOT)} == {status}

            wish(broker.address, [HELD, HOT])
            await until(lambda: ingest.universe.rows and ingest.account.of("trade").published)
            await asyncio.sleep(5.0)
            await control("halt")
            await until(lambda: status_is("HALT"))
            await asyncio.sleep(4.0)
            await control("resume")
            await until(lambda: status_is("TRADING"))
            await asyncio.sleep(4.0)
    events = read_log(broker.address)
    return Log(events, changes_of(events))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("embedded"))
    broker.start()
    try:
        return asyncio.run(halt_and_resume(broker, tmp_path_factory.mktemp("var")))
    finally:
        broker.stop()


def second(ns: int) -> int:
    """Whole seconds after START, rounded down."""
    return (ns - START) // SECOND


def test_a_halt_and_a_resume_of_watched_coins_stand_on_the_log_before_the_next_whole_table(log: Log) -> None:
    assert [change.rows for change in log.changes] == [
        [(HELD, "HALT"), (HOT, "HALT")],
        [(HELD, "TRADING"), (HOT, "TRADING")],
    ]
    assert len([event for event in kind_of(Instruments, log.events) if event.complete]) == 1


def test_the_desk_does_not_open_a_halted_coin_and_says_why(log: Log) -> None:
    settings = DeskSettings(signals=SignalSettings(repeat_s=1.0))

    def judging() -> list[Operator[Any]]:
        return [
            Frame(settings),
            FreshnessGate(settings),
            Rising(20),
            Decide(settings, Versions(data="t", git="0" * 12)),
        ]

    verdicts = of(Signal, [decode_fact(message.value) for message in run(judging, log.raw, settings=settings).facts])
    for symbol, trading in ((HELD, [True, False, True]), (HOT, [True, False, True]), (UNWATCHED, [True])):
        own = [signal for signal in verdicts if signal.symbol == symbol]
        assert [is_open for is_open, _ in itertools.groupby(signal.gates["trading"] for signal in own)] == trading
        named = {reason.args["status"] for signal in own for reason in signal.reasons if reason.code == "NOT_TRADING"}
        assert named == ({"HALT"} if False in trading else set())


def test_a_position_in_a_halted_coin_waits_and_is_closed_after_the_resume(log: Log) -> None:
    """One coin is bought before the halt and due to be sold within it, the other would be bought within it."""
    halted, resumed = log.changes
    halt, resume = halted.ts_recv, resumed.ts_recv
    trades = kind_of(Trade, log.events)
    prices = {trade.symbol: trade.price for trade in trades}
    # The exchange halts a while before the news: what is bought then would be filled after the resume.
    bought = second(max(trade.ts_event for trade in trades if trade.symbol == HELD and trade.ts_recv < halt)) - 2
    due, wanted = second(halt) + 2, second(halt) + 3
    entries = [(bought, HELD), (wanted, HOT), (second(resume) + 1, HOT)]
    script = Script([packet(at, symbol=symbol, price=prices[symbol]) for at, symbol in entries])
    settings = desk(exits=msgspec.structs.replace(NO_EXITS, max_holding_s=float(due - bought)))
    written = facts(run(lambda: chain(settings, script), log.raw, settings=settings))
    attempts = [(a.symbol, a.purpose, a.verdict, a.deny_reason) for a in of(OrderAttempt, written)]
    assert attempts[:5] == [
        (HELD, "entry", "accepted", ""),
        (HELD, "MAX_HOLDING_TIME", "denied", "NOT_TRADING"),
        (HOT, "entry", "denied", "NOT_TRADING"),
        (HELD, "MAX_HOLDING_TIME", "accepted", ""),
        (HOT, "entry", "accepted", ""),
    ]
    assert [(a.code, a.symbol) for a in of(Alert, written) if a.symbol == HELD] == [
        ("TRADING_HALTED", HELD),
        ("EXIT_DENIED", HELD),
        ("TRADING_RESUMED", HELD),
    ]
    fills = [result for result in of(OrderResult, written) if result.fill_quantity]
    told = [key for key, _ in itertools.groupby((fill.symbol, fill.offset < halted.offset) for fill in fills)]
    assert told[:3] == [(HELD, True), (HELD, False), (HOT, False)]
    assert not [fill for fill in fills if halted.offset <= fill.offset < resumed.offset]
    held = [position for position in of(Position, written) if position.symbol == HELD][-1]
    assert (held.status, held.exit_reason) == ("closed", "MAX_HOLDING_TIME")
