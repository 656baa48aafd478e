"""`exchangeInfo` read into rows of the instrument table."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, NamedTuple

import msgspec

from contracts.errors import VenueError
from contracts.events import InstrumentRow
from venues.binance.tickers import MAX_DIRT, Dirt
from venues.binance.times import nanos, plausible

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class ExchangeInfo(NamedTuple):
    """The rows kept, the rows nobody could read, and the venue's clock in milliseconds (0: not told)."""

    rows: list[InstrumentRow]
    dirt: list[Dirt]
    server_time_ms: int


class _Filter(msgspec.Struct, gc=False):
    filterType: str  # noqa: N815
    tickSize: str = "0"  # noqa: N815
    stepSize: str = "0"  # noqa: N815
    minQty: str = "0"  # noqa: N815
    maxQty: str = "0"  # noqa: N815
    minNotional: str = "0"  # noqa: N815
    maxNotional: str = "0"  # noqa: N815
    notional: str = "0"  # USD-M's name of the least notional


class _Symbol(msgspec.Struct):
    symbol: Name
    status: Name
    baseAsset: Name  # noqa: N815
    quoteAsset: Name  # noqa: N815
    filters: list[_Filter] = []
    onboardDate: int | None = None  # noqa: N815


class _Info(msgspec.Struct):
    symbols: list[msgspec.Raw]
    serverTime: int = 0  # noqa: N815


_info = msgspec.json.Decoder(_Info, strict=False).decode
_symbol = msgspec.json.Decoder(_Symbol, strict=False).decode


def read_exchange_info(payload: bytes, keeps: Callable[[str, str], bool]) -> ExchangeInfo:
    """Read the table; `keeps(symbol, quote_asset)` says which rows belong to the market.

    Raises VenueError where the answer as a whole has another shape; a single bad row is dirt.
    """
    try:
        info = _info(payload)
    except (ValueError, RecursionError) as e:
        raise VenueError(f"exchangeInfo: expected a table of symbols: {str(e)[:160]}") from e
    rows: list[InstrumentRow] = []
    dirt: list[Dirt] = []
    for raw in info.symbols:
        try:
            symbol = _symbol(raw)
            if keeps(symbol.symbol, symbol.quoteAsset):
                rows.append(_row(symbol))
        except (ValueError, RecursionError, InvalidOperation) as e:
            dirt.append(Dirt(f"instrument: {str(e)[:160]}", bytes(raw)[:MAX_DIRT]))
    return ExchangeInfo(rows, dirt, info.serverTime)


def _row(symbol: _Symbol) -> InstrumentRow:
    rules = {item.filterType: item for item in symbol.filters}
    none = _Filter(filterType="")
    price, lot = rules.get("PRICE_FILTER", none), rules.get("LOT_SIZE", none)
    market = rules.get("MARKET_LOT_SIZE", none)
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL", none)
    listed = symbol.onboardDate
    return InstrumentRow(
        symbol=symbol.symbol,
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
        status=symbol.status,
        tick_size=plain(price.tickSize),
        lot_size=plain(lot.stepSize),
        min_quantity=plain(lot.minQty),
        max_quantity=plain(lot.maxQty),
        market_lot_size=plain(market.stepSize),
        market_max_quantity=plain(market.maxQty),
        min_notional=plain(notional.minNotional if Decimal(notional.minNotional) else notional.notional),
        max_notional=plain(notional.maxNotional),
        ts_listed=nanos(listed) if listed is not None and plausible(listed) else None,
    )


def plain(text: str) -> str:
    """A decimal string without trailing zeros or exponent. Raises InvalidOperation on what is no finite number >= 0.

    >>> plain("0.01000000"), plain("0.00000000"), plain("9000.00")
    ('0.01', '0', '9000')
    """
    value = Decimal(text)
    if not value.is_finite() or value < 0:
        raise InvalidOperation(f"expected a decimal of 0 or more, was {text!r}")
    return format(value.normalize(), "f") if value else "0"
