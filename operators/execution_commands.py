"""Commands of people: pause, resume, close one, close all. Each is carried out once and answered with a fact."""

from __future__ import annotations

from contracts.events import CloseAll, ClosePosition, PauseTrading, ResumeTrading
from contracts.reasons import DenyReason, ExitReason
from operators import columns
from operators.execution_facts import Scribe
from operators.execution_health import Health
from operators.execution_state import ExecuteState
from operators.order_desk import OrderDesk

REMEMBERED = 1000  # command ids; a command is repeated within seconds, if at all

AnyCommand = PauseTrading | ResumeTrading | ClosePosition | CloseAll


def carry_out(command: AnyCommand, state: ExecuteState, desk: OrderDesk, health: Health, scribe: Scribe) -> None:
    """Do what was asked, unless this very command was done before."""
    book = state.book
    if command.command_id in book.commands:
        return
    book.commands.append(command.command_id)
    del book.commands[:-REMEMBERED]
    if isinstance(command, PauseTrading):
        _pause(state, health, scribe.ts_event, command.author)
        scribe.command(command, detail={"reason": command.reason} if command.reason else None)
    elif isinstance(command, ResumeTrading):
        if book.engine.paused:
            book.engine.paused = False
            book.engine.paused_by = ""
            health.tell()
        scribe.command(command, detail={"state": book.engine.shown})
    elif isinstance(command, ClosePosition):
        _close(command, state, desk, scribe)
    else:
        canceled = desk.cancel_entries(None, ExitReason.CLOSE_ALL_COMMAND.value)
        symbols = list(book.positions)
        for symbol in symbols:
            desk.close_symbol(symbol, ExitReason.CLOSE_ALL_COMMAND)
        _pause(state, health, scribe.ts_event, command.author)
        scribe.alert("critical", "CLOSE_ALL", "", {"author": command.author, "positions": float(len(symbols))})
        scribe.command(command, detail={"positions": str(len(symbols)), "orders_canceled": str(canceled)})


def _pause(state: ExecuteState, health: Health, ts_event: int, author: str) -> None:
    engine = state.book.engine
    if not engine.paused:
        engine.paused = True
        engine.paused_by = author
        engine.paused_since = ts_event
        health.tell()


def _close(command: ClosePosition, state: ExecuteState, desk: OrderDesk, scribe: Scribe) -> None:
    index = state.names.get(command.symbol)
    seen = index is not None and bool(state.table[index, columns.MARK] > 0.0)
    if not seen and command.symbol not in state.book.instruments:
        scribe.command(command, reason="UNKNOWN_SYMBOL", detail={"symbol": command.symbol})
        return
    canceled = desk.cancel_entries(command.symbol, ExitReason.CLOSE_COMMAND.value)
    closing = desk.close_symbol(command.symbol, ExitReason.CLOSE_COMMAND)
    if not closing and not canceled:
        scribe.command(command, reason=DenyReason.NO_POSITION.value, detail={"symbol": command.symbol})
        return
    scribe.command(command, detail={"positions": str(int(closing)), "orders_canceled": str(canceled)})
