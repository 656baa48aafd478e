"""Cut: bytes of the log -> `Slice`. What cannot be decoded becomes a dead letter, and the walk goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Self

import msgspec
import numpy as np

from contracts import events
from contracts.events import Event, decode_event
from contracts.facts import DeadLetter
from contracts.settings import DeskSettings
from operators import parser
from operators.jit import kernel
from operators.slices import I4, I8, U1, ColumnBatch, Kind, RawBatch, Slice, Ticks
from operators.state import Dumped, State

RANK = 0
DECIMALS = (
    "tick_size", "lot_size", "min_quantity", "max_quantity", "market_lot_size", "market_max_quantity", "min_notional", "max_notional"
)  # fmt: skip
RAW_BYTES = 500_000  # of a dead letter: base64 makes a third more of it, and brokers take 1 MB
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: brackets nested thousands deep


@dataclass
class CutState(State):
    """The symbol table: names in order of first appearance on the log."""

    VERSION: ClassVar[int] = 1
    symbols: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.count = 0
        self.names: U1 = np.zeros((0, parser.NAME_BYTES), dtype=np.uint8)
        self.lengths: I4 = np.zeros(0, dtype=np.int32)
        self._reserve(256)
        for name in list(self.symbols):
            self._insert(name)

    def _reserve(self, capacity: int) -> None:
        old = self.count
        names: U1 = np.zeros((capacity, parser.NAME_BYTES), dtype=np.uint8)
        lengths: I4 = np.zeros(capacity, dtype=np.int32)
        self.table: I4 = np.full(capacity * 4, -1, dtype=np.int32)
        if old:
            names[:old] = self.names[:old]
            lengths[:old] = self.lengths[:old]
        self.names, self.lengths = names, lengths
        empty_names, empty_lengths = np.zeros_like(names), np.zeros_like(lengths)
        for number in range(old):
            parser.intern(names[number], 0, int(lengths[number]), empty_names, empty_lengths, self.table, number)

    def grow(self) -> None:
        """Double the room for symbols."""
        self._reserve(len(self.lengths) * 2)

    def _insert(self, name: str) -> int:
        raw = np.frombuffer(name.encode(), dtype=np.uint8)
        if self.count + 1 >= len(self.lengths):
            self.grow()
        number = parser.intern(raw, 0, len(raw), self.names, self.lengths, self.table, self.count)
        if number == self.count:
            self.count += 1
        self.ids[name] = number
        return number

    def intern(self, name: str) -> int:
        """Id of the symbol, new ones at the end."""
        number = self.ids.get(name)
        if number is None:
            self.symbols.append(name)
            number = self._insert(name)
        return number

    def adopt(self, count: int) -> None:
        """Take over names that the kernel appended."""
        for number in range(self.count, count):
            name = self.names[number, : self.lengths[number]].tobytes().decode()
            self.symbols.append(name)
            self.ids[name] = number
        self.count = count

    def dump(self) -> Dumped:
        """The names alone; the rest is rebuilt."""
        return type(self).__name__, self.VERSION, {"symbols": list(self.symbols)}

    @classmethod
    def load(cls, dumped: Dumped) -> Self:
        """Rebuild from the names."""
        return super().load(dumped)


class Cut:
    """Turn consecutive messages into columns.

    step(state, batch) -> Slice. Ticks in canonical form go through `parser.parse`; everything else through the JSON decoder, with equal
    results. Symbols get small integers in order of first appearance, so that they do not depend on how the log was cut.
    """

    name = "cut"
    state_type = CutState

    def __init__(self, settings: DeskSettings, market: str, partition: int, model_hash: str = "") -> None:
        self._market = market
        self._partition = partition
        self._settings_hash = settings.hash()
        self._model_hash = model_hash

    def start(self) -> CutState:
        """No symbol is known."""
        return CutState()

    def read(self, state: CutState, batch: RawBatch | ColumnBatch) -> Slice:
        """Decode one batch and move the symbol table on."""
        walk = _Walk(state, self._market, self._partition)
        ticks = walk.raw(batch) if isinstance(batch, RawBatch) else walk.columns(batch)
        piece = Slice(
            market=self._market,
            partition=self._partition,
            settings_hash=self._settings_hash,
            model_hash=self._model_hash,
            symbols=state.symbols,
            width=state.count,
            ticks=ticks,
            events=walk.events,
            counters={key: value for key, value in walk.counters.items() if value},
        )
        for row, letter in walk.letters:
            piece.add(row, RANK, letter)
        return piece


class _Walk:
    """One batch on its way into columns."""

    def __init__(self, state: CutState, market: str, partition: int) -> None:
        self.state = state
        self.market = market
        self.partition = partition
        self.events: list[Event] = []
        self.letters: list[tuple[int, DeadLetter]] = []
        self.counters: dict[str, int] = {}

    def count(self, name: str, number: int = 1) -> None:
        self.counters[name] = self.counters.get(name, 0) + number

    def raw(self, batch: RawBatch) -> Ticks:
        values = batch.values
        ends = np.cumsum(np.fromiter(map(len, values), dtype=np.int64, count=len(values)))
        buffer = np.frombuffer(b"".join(values), dtype=np.uint8)
        ticks = _room(len(buffer) // 20 + len(values) + 16)
        seen: I8 = np.zeros(4, dtype=np.int64)
        message = row = 0
        state = self.state
        while message < len(values):
            status, message, row, count = parser.parse(
                buffer, ends, batch.offsets, message, row, ticks.offset, ticks.kind, ticks.symbol, ticks.ts_event, ticks.ts_recv,
                ticks.v0, ticks.v1, ticks.v2, ticks.v3, state.names, state.lengths, state.table, state.count, seen,
            )  # fmt: skip
            state.adopt(count)
            if status == parser.FULL:
                state.grow()
            elif status == parser.SLOW:
                row = self._decoded(values[message], int(batch.offsets[message]), ticks, row)
                message += 1
        for name, number in zip(("heartbeat", "trade", "quote", "tickers"), seen.tolist(), strict=True):
            self.count(name, number)
        return _trim(ticks, row)

    def _decoded(self, raw: bytes, offset: int, ticks: Ticks, row: int) -> int:
        try:
            event = decode_event(raw)
        except UNREADABLE as e:
            self._bury(raw, offset, str(e), row)
            return row
        problem = _problem(event)
        if problem:
            self._bury(raw, offset, problem, row)
            return row
        self.count(str(type(event).__struct_config__.tag))
        return self._rows(event, offset, ticks, row)

    def _bury(self, raw: bytes, offset: int, reason: str, row: int) -> None:
        self.count("undecodable")
        if len(raw) > RAW_BYTES:
            reason = f"{reason} (the first {RAW_BYTES} of {len(raw)} bytes)"
        letter = DeadLetter(
            id=f"{self.market}-{offset}", source=f"log:{self.market}", reason=reason, ts_recv=0,
            partition=self.partition, offset=offset, raw=raw[:RAW_BYTES],
        )  # fmt: skip
        self.letters.append((row, letter))

    def _rows(self, event: Event, offset: int, ticks: Ticks, row: int) -> int:
        intern = self.state.intern
        if isinstance(event, events.Trade):
            number, ts = intern(event.symbol), event.ts_event
            values = (event.price, event.quantity, float(event.side), float(event.trade_id))
            _put(ticks, row, offset, Kind.TRADE, number, ts, event.ts_recv, values)
            return row + 1
        if isinstance(event, events.Quote):
            number, ts = intern(event.symbol), event.ts_event
            values = (event.bid, event.ask, event.bid_size, event.ask_size)
            _put(ticks, row, offset, Kind.QUOTE, number, ts, event.ts_recv, values)
            return row + 1
        if isinstance(event, events.Tickers):
            for symbol, ts, close, open_24h, _high, _low, base, quote in event.rows:
                _put(ticks, row, offset, Kind.TICKER, intern(symbol), ts, event.ts_recv, (close, quote, base, open_24h))
                row += 1
            return row
        if isinstance(event, events.Heartbeat):
            values = (float(event.sequence), 0.0, 0.0, 0.0)
            _put(ticks, row, offset, Kind.HEARTBEAT, -1, event.ts_recv, event.ts_recv, values)
            return row + 1
        number = intern(event.symbol) if isinstance(event, events.Klines) else -1
        values = (float(len(self.events)), 0.0, 0.0, 0.0)
        self.events.append(event)
        ts = getattr(event, "ts_event", event.ts_recv)
        _put(ticks, row, offset, Kind.EVENT, number, ts, event.ts_recv, values)
        return row + 1

    def columns(self, batch: ColumnBatch) -> Ticks:
        state = self.state
        ids: I4 = np.array([state.ids.get(name, -1) for name in batch.names] or [-1], dtype=np.int32)
        size = len(batch.kind)
        symbol: I4 = np.empty(size, dtype=np.int32)
        v0 = batch.v0
        skipped: list[int] = []
        row = 0
        tally: I8 = np.zeros(4, dtype=np.int64)
        while True:
            row = _translate(batch.kind, batch.symbol, batch.offset, ids, symbol, row, tally)
            if row >= size:
                break
            if batch.kind[row] != Kind.EVENT:
                code = int(batch.symbol[row])
                ids[code] = state.intern(batch.names[code])
                continue
            raw = batch.payloads[int(batch.v0[row])]
            if v0 is batch.v0:
                v0 = batch.v0.copy()
            event: Event | None = None
            try:
                event = decode_event(raw)
                problem = _problem(event)
            except UNREADABLE as e:
                problem = str(e)
            if event is None or problem:
                self._bury(raw, int(batch.offset[row]), problem, row - len(skipped))
                skipped.append(row)
                symbol[row] = -1
            else:
                self.count(str(type(event).__struct_config__.tag))
                number = state.intern(event.symbol) if isinstance(event, events.Klines) else -1
                if isinstance(event, events.Klines):
                    code = batch.names.index(event.symbol) if event.symbol in batch.names else -1
                    if code >= 0:
                        ids[code] = number
                symbol[row] = number
                v0[row] = float(len(self.events))
                self.events.append(event)
            row += 1
        for name, number in zip(("heartbeat", "trade", "quote", "tickers"), tally.tolist(), strict=True):
            self.count(name, number)
        ticks = Ticks(
            batch.offset, batch.kind, symbol, batch.ts_event, batch.ts_recv, v0, batch.v1, batch.v2, batch.v3
        )  # fmt: skip
        return _without(ticks, skipped) if skipped else ticks


@kernel
def _translate(kind: U1, code: I4, offset: I8, ids: I4, symbol: I4, row: int, tally: I8) -> int:
    """Fill ids from `row` on; stop at the first EVENT row or unknown name. Counts messages by kind."""
    while row < len(kind):
        k = kind[row]
        if k == 4:
            return row
        if k == 0:
            symbol[row] = -1
            tally[0] += 1
        else:
            number = ids[code[row]]
            if number < 0:
                return row
            symbol[row] = number
            if k != 3:
                tally[k] += 1
            elif row == 0 or offset[row] != offset[row - 1]:
                tally[3] += 1
        row += 1
    return row


def _problem(event: Event) -> str:
    """What the decoder's types cannot say: "" if all is well."""
    if isinstance(event, events.Klines):
        for row in event.rows:
            if not all(0.0 <= value < 1e300 for value in row[1:]) or min(row[1:5]) <= 0.0:
                return "expected positive finite prices and volumes - at `$.rows`"
    if isinstance(event, events.Instruments):
        for number, rules in enumerate(event.rows):
            for name in DECIMALS:
                if not _is_amount(getattr(rules, name)):
                    return f"expected a decimal >= 0 - at `$.rows[{number}].{name}`"
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return f"expected an int of 64 bits - at `$.{name}`"
    symbol = getattr(event, "symbol", None)
    if symbol is not None and len(symbol.encode()) > parser.NAME_BYTES:
        return f"expected a symbol of at most {parser.NAME_BYTES} bytes - at `$.symbol`"
    if isinstance(event, events.Tickers) and any(len(row[0].encode()) > parser.NAME_BYTES for row in event.rows):
        return f"expected symbols of at most {parser.NAME_BYTES} bytes - at `$.rows`"
    return ""


def _is_amount(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and value >= 0


def _room(size: int) -> Ticks:
    return Ticks(
        offset=np.empty(size, dtype=np.int64),
        kind=np.empty(size, dtype=np.uint8),
        symbol=np.empty(size, dtype=np.int32),
        ts_event=np.empty(size, dtype=np.int64),
        ts_recv=np.empty(size, dtype=np.int64),
        v0=np.empty(size),
        v1=np.empty(size),
        v2=np.empty(size),
        v3=np.empty(size),
    )


def _columns(ticks: Ticks) -> tuple[Any, ...]:
    return (
        ticks.offset, ticks.kind, ticks.symbol, ticks.ts_event, ticks.ts_recv, ticks.v0, ticks.v1, ticks.v2, ticks.v3
    )  # fmt: skip


def _trim(ticks: Ticks, rows: int) -> Ticks:
    return Ticks(*(column[:rows] for column in _columns(ticks)))


def _without(ticks: Ticks, rows: list[int]) -> Ticks:
    keep = np.ones(len(ticks), dtype=np.bool_)
    keep[rows] = False
    return Ticks(*(column[keep] for column in _columns(ticks)))


def _put(
    ticks: Ticks, row: int, offset: int, kind: Kind, symbol: int, ts_event: int, ts_recv: int,
    values: tuple[float, float, float, float],
) -> None:  # fmt: skip
    ticks.offset[row] = offset
    ticks.kind[row] = kind
    ticks.symbol[row] = symbol
    ticks.ts_event[row] = ts_event
    ticks.ts_recv[row] = ts_recv
    ticks.v0[row], ticks.v1[row], ticks.v2[row], ticks.v3[row] = values
