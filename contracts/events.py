"""Events of the log: everything the desk reacts to, one JSON object per message on `events.v1`.

The log's order is *the* order. Every event carries `ts_recv`, stamped once by whoever appended it and then only carried.
The fields of `Trade`, `Quote` and `Tickers` are written in exactly this order and without spaces: the desk's byte parser
reads that form directly and falls back to the JSON decoder for any other.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

UnixNanos = Annotated[int, msgspec.Meta(ge=0, le=2**62)]  # UTC
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Symbol = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """Anything on the log. `ts_recv` is the clock of the process that appended it."""

    ts_recv: UnixNanos


class Trade(Event, frozen=True, kw_only=True, tag="trade", gc=False):
    """One match. `side` is the aggressor's: +1 bought, -1 sold. `trade_id` counts up per symbol at the venue."""

    symbol: Symbol
    price: Positive
    quantity: Positive
    side: Literal[1, -1]
    trade_id: int
    ts_event: UnixNanos


class Quote(Event, frozen=True, kw_only=True, tag="quote", gc=False):
    """Best bid and ask. `ts_event` is `ts_recv` where the venue's message has no time (Binance spot bookTicker)."""

    symbol: Symbol
    bid: NonNegative
    ask: NonNegative
    bid_size: NonNegative
    ask_size: NonNegative
    ts_event: UnixNanos


class Tickers(Event, frozen=True, kw_only=True, tag="tickers", gc=True):
    """One array of the whole-market ticker stream: only symbols that changed.

    rows: [symbol, ts_event, close, open_24h, high_24h, low_24h, base_volume_24h, quote_volume_24h].
    """

    rows: list[tuple[Symbol, UnixNanos, Positive, NonNegative, NonNegative, NonNegative, NonNegative, NonNegative]]


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat", gc=False):
    """The log's clock: appended to each partition every 250 ms, whether the venue speaks or not."""

    sequence: int


class Depth(Event, frozen=True, kw_only=True, tag="depth", gc=True):
    """A change of the order book (or, with `snapshot`, its top levels). Levels are [price, size]; size 0 removes."""

    symbol: Symbol
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    first_update_id: int
    last_update_id: int
    snapshot: bool = False
    ts_event: UnixNanos


class Klines(Event, frozen=True, kw_only=True, tag="klines", gc=True):
    """Bars as the venue reports them: history fetched at start (`origin="rest"`) or its live stream.

    rows: [ts_open, open, high, low, close, base_volume, quote_volume, trades, taker_buy_base_volume], oldest first, closed bars
    only unless `closed` is False (then one row, the forming bar).
    """

    symbol: Symbol
    interval: Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]
    rows: list[tuple[UnixNanos, float, float, float, float, float, float, int, float]]
    closed: bool = True
    origin: Literal["rest", "stream"] = "rest"


class InstrumentRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Trading rules of one symbol. Steps and minima are decimal strings; "0" means no such rule."""

    symbol: Symbol
    base: Name
    quote: Name
    status: Name
    tick_size: str = "0"
    lot_size: str = "0"
    min_quantity: str = "0"
    max_quantity: str = "0"
    market_lot_size: str = "0"
    market_max_quantity: str = "0"
    min_notional: str = "0"
    max_notional: str = "0"
    ts_listed: UnixNanos | None = None


class Instruments(Event, frozen=True, kw_only=True, tag="instruments", gc=True):
    """The venue's table of instruments: whole at start, then the rows that changed."""

    rows: list[InstrumentRow]
    complete: bool = False


class StreamGap(Event, frozen=True, kw_only=True, tag="stream_gap", gc=True):
    """A range of the feed that is missing: the socket was away, ids were skipped, or the log lost its oldest part."""

    stream: Name
    symbols: list[Symbol]
    ts_from: UnixNanos
    ts_until: UnixNanos
    reason: str


class StreamState(Event, frozen=True, kw_only=True, tag="stream_state", gc=False):
    """A connection of ingest opened or closed."""

    stream: Name
    connected: bool
    reason: str = ""


class Announcement(Event, frozen=True, kw_only=True, tag="announcement", gc=True):
    """A venue announced something. `symbols` are the coins named, as base assets."""

    source: Name
    announcement_id: str
    title: str
    category: Literal["listing", "delisting", "other"]
    symbols: list[str]
    ts_event: UnixNanos


class Mention(Event, frozen=True, kw_only=True, tag="mention", gc=True):
    """Somebody spoke of coins. `kind` "transfer" is a large on-chain transfer. `sentiment` is in -1..1."""

    source: Name
    mention_id: str
    author: str
    followers: int
    text: str
    symbols: list[str]
    sentiment: float | None = None
    kind: Literal["post", "transfer"] = "post"
    ts_event: UnixNanos


class Command(Event, frozen=True, kw_only=True):
    """What a person asked for. `command_id` makes it idempotent, `author` is shown wherever its effect is."""

    command_id: Name
    author: Name


class PauseTrading(Command, frozen=True, kw_only=True, tag="pause_trading"):
    """Open nothing until resumed; closing goes on."""

    reason: str = ""


class ResumeTrading(Command, frozen=True, kw_only=True, tag="resume_trading"):
    """Undo a pause. Faults keep their own hold on the engine."""


class ClosePosition(Command, frozen=True, kw_only=True, tag="close_position"):
    """Close one symbol's position and cancel its entry orders, at once."""

    symbol: Symbol


class CloseAll(Command, frozen=True, kw_only=True, tag="close_all"):
    """Cancel every entry order, close every position, and pause."""

    reason: str = ""


class WatchSymbol(Command, frozen=True, kw_only=True, tag="watch_symbol"):
    """Stream trades and book of this symbol for a while, because a person looks at it."""

    symbol: Symbol
    seconds: int = 600


LogEvent: TypeAlias = (
    Trade
    | Quote
    | Tickers
    | Heartbeat
    | Depth
    | Klines
    | Instruments
    | StreamGap
    | StreamState
    | Announcement
    | Mention
    | PauseTrading
    | ResumeTrading
    | ClosePosition
    | CloseAll
    | WatchSymbol
)

encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(LogEvent).decode
