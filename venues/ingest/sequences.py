"""Ids that tell a message from its repetition, and a feed from its gap."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from contracts.events import Trade


class Order(Enum):
    """How a trade stands to the last one of its symbol."""

    NEXT = auto()
    REPEATED = auto()
    JUMPED = auto()  # ids between are missing
    RESET = auto()  # the venue counts anew


class Last(NamedTuple):
    """The newest trade of a symbol."""

    trade_id: int
    ts_event: int
    ts_recv: int


class TradeSequence:
    """The last trade of each symbol and stream (single and aggregate trades count apart). Ids count up by one.

    The venue repeats some trades after a reconnect; the id tells them apart.
    """

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], Last] = {}

    def judge(self, stream: str, trade: Trade) -> Order:
        """How this trade stands to the last one; nothing is remembered of it yet."""
        last = self.last.get((stream, trade.symbol))
        if last is None or trade.trade_id == last.trade_id + 1:
            return Order.NEXT
        if trade.trade_id > last.trade_id:
            return Order.JUMPED
        # A lower id with a later time is no repetition: the venue was set up anew and counts from the start.
        return Order.RESET if trade.ts_event > last.ts_event else Order.REPEATED

    def remember(self, stream: str, trade: Trade) -> None:
        """This trade was published."""
        self.last[stream, trade.symbol] = Last(trade.trade_id, trade.ts_event, trade.ts_recv)

    def forget(self, symbol: str) -> None:
        """The symbol's trades are no longer streamed: the next id may be any."""
        for key in [key for key in self.last if key[1] == symbol]:
            del self.last[key]


class NewestOnly:
    """Drop what another connection already brought, by a number that does not fall: update id, event time."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], int] = {}

    def repeats(self, stream: str, symbol: str, sequence: int, *, overlapping: bool) -> bool:
        """Note the number; True if it is not above the last one while two connections overlap."""
        key = (stream, symbol)
        last = self.last.get(key)
        if overlapping and last is not None and sequence <= last:
            return True
        self.last[key] = sequence
        return False

    def forget(self, symbol: str) -> None:
        """The symbol's streams ended."""
        for key in [key for key in self.last if key[1] == symbol]:
            del self.last[key]
