"""Names of market streams: `btcusdt@depth5@100ms` is a symbol, a kind and its argument."""

from __future__ import annotations

import re
from typing import NamedTuple

from venues.simulated.bars import INTERVALS_MS

_INTERVAL = "|".join(INTERVALS_MS)
_NAME = re.compile(
    r"^(?P<symbol>[a-z0-9._]+)@(?:"
    r"(?P<plain>trade|aggTrade|bookTicker|miniTicker|ticker|avgPrice|referencePrice|blockTrade|markPrice|forceOrder"
    r"|ticker_(?:1h|4h|1d))"
    rf"|kline_(?P<interval>{_INTERVAL})(?:@\+08:00)?"
    r"|(?P<depth>depth(?:5|10|20)?)(?:@(?P<every>\d+)ms)?)$"
)
_WHOLE_MARKET = re.compile(
    r"^!(?:miniTicker|ticker_(?:1h|4h|1d)|markPrice|forceOrder|bookTicker)(?:@arr)?(?:@\d+m?s)?$"
)


class StreamName(NamedTuple):
    """A parsed name; `symbol` is upper case, empty for streams of the whole market.

    kind: trade, aggTrade, bookTicker, miniTicker, ticker, avgPrice, kline, depth, depth5, depth10, depth20, ...;
    argument: a kline's interval, or a depth stream's milliseconds between events.
    """

    symbol: str
    kind: str
    argument: str


def parse_stream(name: str) -> StreamName | None:
    """Return the parts of `name`, None where no such stream can exist. Symbols are not looked up.

    >>> parse_stream("btcusdt@kline_1m")
    StreamName(symbol='BTCUSDT', kind='kline', argument='1m')
    """
    if name.startswith("!"):
        return StreamName("", name, "") if _WHOLE_MARKET.match(name) else None
    match = _NAME.match(name)
    if match is None:
        return None
    symbol = match["symbol"].upper()
    if match["plain"]:
        return StreamName(symbol, match["plain"], "")
    if match["interval"]:
        return StreamName(symbol, "kline", match["interval"])
    return StreamName(symbol, match["depth"], match["every"] or "1000")
