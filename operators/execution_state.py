"""State of execution: what is held, what is working, and the engine's health, besides the table that kernels watch."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Self

import msgspec
import numpy as np

from contracts.errors import StateError
from contracts.events import InstrumentRow
from contracts.instruments import Instrument
from operators import columns
from operators.engine_state import Engine
from operators.execution_metrics import Metrics
from operators.ledger import ZERO, Holding, Ledger
from operators.orders import Order
from operators.paper import Resting
from operators.slices import F8, I8
from operators.state import Dumped, State


class Told(msgspec.Struct, frozen=True, gc=False):
    """Figures of a position that only a fill changes, as facts show them."""

    average_entry: Decimal = ZERO  # the last one while open, so that a closed position still tells it
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    quantity: float = 0.0
    cost: float = 0.0


class Held(msgspec.Struct, kw_only=True):
    """An open position and how far its exits are. Quantities in base units; `opened_at` event, the other times
    receive time in ns.
    """

    position_id: str
    decision_id: str
    trace_id: str
    symbol: str
    index: int
    side: int
    opened_at: int
    opened_recv: int
    holding: Holding
    close_at: int = columns.NEVER  # when it was held long enough
    first_quantity: Decimal = ZERO  # all that was bought; tiers are parts of it
    tiers: int = 0  # taken
    tiered: Decimal = ZERO  # ordered by tiers
    targets: list[float] = []  # tiers not taken yet, nearest first
    committed: Decimal = ZERO  # in exit orders that are working
    attempts: int = 0  # exit orders tried, numbers their ids
    exit_reason: str = ""
    retry_at: int = columns.NEVER
    retry_reason: str = ""
    denied: str = ""  # why the last close was refused, told once
    denials: int = 0  # in a row for that
    facts: int = 0

    told: Told = Told()

    @property
    def quantity(self) -> Decimal:
        """Unsigned."""
        return abs(self.holding.quantity)


class Book(msgspec.Struct, kw_only=True):
    """Everything of which there is little."""

    ledger: Ledger
    engine: Engine
    positions: dict[str, Held] = {}  # by symbol, oldest first
    orders: dict[str, Order] = {}  # working, by client order id
    venue: dict[str, Resting] = {}  # the same orders as the paper venue keeps them
    instruments: dict[str, InstrumentRow] = {}
    cooldown: dict[str, int] = {}  # symbol -> receive time until which it is not opened again
    commands: list[str] = []  # ids carried out, newest last
    errors: list[int] = []  # receive times of failed orders
    sockets_down: dict[str, int] = {}  # stream -> receive time since when
    halted_day: int = -1  # UTC day on which the daily loss stopped opening
    first_frame: int | None = None
    ticker_age_ms: float = 0.0
    lag_ms: float = 0.0
    skew_ms: float = 0.0
    shown: str = "degraded"  # engine state that was last written
    shown_paused: bool = False
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    settings_hash: str = ""  # under which levels were set
    serial_offset: int = -1
    serial: int = 0


_ARRAYS = ("table", "times", "ring", "minutes", "clock", "counts")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Book).decode


@dataclass
class ExecuteState(State):
    """The book and the arrays of `watch`. `names` maps symbols to columns and is filled again from the log."""

    VERSION: ClassVar[int] = 2

    book: Book
    table: F8 = field(default_factory=lambda: columns.new_table(0))
    times: I8 = field(default_factory=lambda: columns.new_times(0))
    ring: F8 = field(default_factory=lambda: np.full((columns.ROOM, 0), np.nan))  # see `closes`
    minutes: F8 = field(default_factory=lambda: np.zeros((2, 0)))  # quote volume of the running and of the last minute
    clock: I8 = field(default_factory=columns.new_clock)
    counts: I8 = field(default_factory=lambda: np.zeros(columns.COUNTS, dtype=np.int64))
    names: dict[str, int] = field(default_factory=dict)
    rules: dict[str, Instrument] = field(default_factory=dict)  # parsed from the book's instruments when asked for

    def dump(self) -> Dumped:
        """Arrays copied, the book as MessagePack bytes."""
        values = {name: getattr(self, name).copy() for name in _ARRAYS}
        return type(self).__name__, self.VERSION, {**values, "book": _encode(self.book)}

    @classmethod
    def load(cls, dumped: Dumped) -> Self:
        """Rebuild from `dump`. Raises StateError when it was written by another version."""
        name, version, values = dumped
        if name != cls.__name__ or version != cls.VERSION:
            raise StateError(
                f"stored state: expected {cls.__name__} version {cls.VERSION}, was {name} version {version}; "
                "rebuild it from the log with `ember run desk --rebuild`"
            )
        return cls(book=_decode(values["book"]), **{name: values[name].copy() for name in _ARRAYS})

    def widen(self, symbols: list[str], width: int) -> None:
        """Make room for the symbols known by now."""
        for index in range(len(self.names), width):
            self.names[symbols[index]] = index
        self.make_room(width)

    def make_room(self, width: int) -> None:
        """Widen the arrays to so many symbols."""
        if len(self.table) < width:
            self.table = columns.widen_table(self.table, width)
            self.times = columns.widen_times(self.times, width)
            ring = np.full((columns.ROOM, len(self.table)), np.nan)
            ring[:, : self.ring.shape[1]] = self.ring
            self.ring = ring
            minutes = np.zeros((2, len(self.table)))
            minutes[:, : self.minutes.shape[1]] = self.minutes
            self.minutes = minutes

    def instrument(self, symbol: str) -> Instrument | None:
        """Trading rules of a symbol, None while the log has not told them."""
        rules = self.rules.get(symbol)
        if rules is None and symbol in self.book.instruments:
            rules = self.rules[symbol] = Instrument.from_row(self.book.instruments[symbol])
        return rules

    def mark(self, held: Held) -> float:
        """Last price of a position's symbol; its average entry before any was seen."""
        mark = float(self.table[held.index, columns.MARK])
        return mark if mark > 0.0 else float(held.told.average_entry)

    def equity(self) -> float:
        """Cash and open positions at their marks, in quote currency."""
        worth = float(self.book.ledger.cash)
        for held in self.book.positions.values():
            worth += held.told.quantity * self.mark(held)
        return worth

    def exposure(self) -> float:
        """Notional of open positions at their marks and of entry orders that work, in quote currency."""
        total = 0.0
        for held in self.book.positions.values():
            total += abs(held.told.quantity) * self.mark(held)
        return total + float(self.reserved())

    def reserved(self) -> Decimal:
        """Notional that working entry orders may still take."""
        total = ZERO
        for order in self.book.orders.values():
            if order.is_entry:
                price = order.price if order.price is not None else Decimal(repr(order.reference))
                total += order.remaining * price
        return total
