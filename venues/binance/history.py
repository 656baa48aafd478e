"""REST answers of the past: klines and 24 h figures, read into rows of events."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, TypeAlias

import msgspec

from contracts.errors import VenueError
from venues.binance.tickers import Amount, Price, Row
from venues.binance.times import Stamp, nanos

KlineRow: TypeAlias = tuple[int, float, float, float, float, float, float, int, float]
MINUTE_MS = 60_000
Count = Annotated[int, msgspec.Meta(ge=0)]
# open time, open, high, low, close, base volume, close time, quote volume, trades, taker base, taker quote, unused
_Kline: TypeAlias = tuple[Stamp, Price, Price, Price, Price, Amount, Stamp, Amount, Count, Amount, Amount, msgspec.Raw]


class _DayTicker(msgspec.Struct, gc=False):
    symbol: str
    lastPrice: Amount  # noqa: N815
    openPrice: Amount  # noqa: N815
    highPrice: Amount  # noqa: N815
    lowPrice: Amount  # noqa: N815
    volume: Amount
    quoteVolume: Amount  # noqa: N815
    closeTime: Stamp  # noqa: N815


_klines = msgspec.json.Decoder(list[_Kline], strict=False).decode
_day_tickers = msgspec.json.Decoder(list[msgspec.Raw], strict=False).decode
_day_ticker = msgspec.json.Decoder(_DayTicker, strict=False).decode


def read_klines(payload: bytes, closed_before_ms: int) -> list[KlineRow]:
    """Rows of a `Klines` event, oldest first, of the bars that closed before this instant of the venue's clock.

    Raises VenueError if the answer is no list of klines or is not in order.
    """
    try:
        klines = _klines(payload)
    except (ValueError, RecursionError) as e:
        raise VenueError(f"klines: {str(e)[:160]}") from e
    rows = [
        (nanos(k[0]), k[1], k[2], k[3], k[4], k[5], k[7], k[8], k[9])
        for k in klines
        if nanos(k[6]) < closed_before_ms * 1_000_000
    ]
    if any(later[0] <= earlier[0] for earlier, later in pairwise(rows)):
        raise VenueError("klines: expected open times in rising order")
    return rows


def read_day_tickers(payload: bytes, keeps: Callable[[str], bool]) -> tuple[list[Row], int]:
    """Rows of a `Tickers` event from `ticker/24hr`, and how many symbols of ours were left out: unreadable or
    without a price.

    Raises VenueError if the answer is no list.
    """
    try:
        items = _day_tickers(payload)
    except (ValueError, RecursionError) as e:
        raise VenueError(f"ticker/24hr: expected a list of tickers: {str(e)[:160]}") from e
    rows: list[Row] = []
    left_out = 0
    for raw in items:
        try:
            t = _day_ticker(raw)
        except (ValueError, RecursionError):
            left_out += 1
            continue
        if not keeps(t.symbol):
            continue
        if t.lastPrice == 0.0:  # listed but never traded, or long delisted: the venue keeps them in the answer
            left_out += 1
            continue
        rows.append(
            (t.symbol, nanos(t.closeTime), t.lastPrice, t.openPrice, t.highPrice, t.lowPrice, t.volume, t.quoteVolume)
        )
    return rows, left_out
