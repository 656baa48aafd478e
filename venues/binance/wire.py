"""What Binance writes on its sockets, field by field. Unknown fields are skipped, numbers may be JSON numbers or strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from venues.binance.tickers import Amount, Price
from venues.binance.times import Stamp

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
ABSENT = msgspec.Raw()


class Envelope(msgspec.Struct, gc=False):
    """Any frame: a combined one has stream and data, an answer result or error and an id, a raw one its event type."""

    stream: str = ""
    data: msgspec.Raw = ABSENT
    id: int | str | msgspec.UnsetType | None = msgspec.UNSET
    result: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    e: str = ""
    u: msgspec.Raw = ABSENT


class Trade(msgspec.Struct, gc=False):
    """`<symbol>@trade`."""

    s: Name
    t: int
    p: Price
    q: Price
    T: Stamp
    m: bool


class AggTrade(msgspec.Struct, gc=False):
    """`<symbol>@aggTrade`: trades of one order at one price."""

    s: Name
    a: int
    p: Price
    q: Price
    T: Stamp
    m: bool


class BookTicker(msgspec.Struct, gc=False):
    """`<symbol>@bookTicker`; spot has neither T nor E."""

    s: Name
    u: int
    b: Amount
    B: Amount
    a: Amount
    A: Amount
    T: Stamp | None = None
    E: Stamp | None = None


class DepthUpdate(msgspec.Struct):
    """`<symbol>@depth`: changed levels."""

    s: Name
    U: int
    u: int
    b: list[tuple[Amount, Amount]]
    a: list[tuple[Amount, Amount]]
    E: Stamp


class DepthTop(msgspec.Struct):
    """`<symbol>@depth5|10|20`: the top levels, without symbol or time."""

    lastUpdateId: int  # noqa: N815
    bids: list[tuple[Amount, Amount]]
    asks: list[tuple[Amount, Amount]]


class Kline(msgspec.Struct, gc=False):
    """The bar of a kline message."""

    t: Stamp
    i: Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]
    o: Price
    h: Price
    l: Price
    c: Price
    v: Amount
    q: Amount
    n: int
    V: Amount
    x: bool


class KlineUpdate(msgspec.Struct, gc=False):
    """`<symbol>@kline_<interval>`."""

    E: Stamp
    s: Name
    k: Kline


def _decoder(kind: Any) -> Callable[[Any], Any]:
    return msgspec.json.Decoder(kind, strict=False).decode


decode_envelope = msgspec.json.Decoder(Envelope).decode
decode_trade, decode_agg_trade, decode_book_ticker = _decoder(Trade), _decoder(AggTrade), _decoder(BookTicker)
decode_depth_update, decode_depth_top = _decoder(DepthUpdate), _decoder(DepthTop)
decode_kline_update = _decoder(KlineUpdate)
