"""Halts on demand: the status a symbol shows meanwhile, and the book that stands still."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class HaltStatus(StrEnum):
    """What exchangeInfo says of a symbol that does not trade."""

    HALT = "HALT"
    BREAK = "BREAK"


class Halt(NamedTuple):
    """A halted symbol: its status, the second at which it ends by itself (None: not before `resume`), its last book.

    until_s: Unix seconds of exchange time. bid, ask: ticks; step: count of the 100 ms step that drew the book.
    """

    status: HaltStatus
    until_s: float | None
    bid: int
    ask: int
    step: int
