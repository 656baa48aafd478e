"""Trading rules of a symbol, and the one place where a number becomes an orderable price or quantity.

All arithmetic is `Decimal`: 0.1 + 0.2 is 0.3 here, and a quantity is never rounded up into more than was meant.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import msgspec

from contracts.events import InstrumentRow
from contracts.reasons import DenyReason

ZERO = Decimal(0)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of one symbol as decimals. A step or minimum of zero means: no such rule."""

    symbol: str
    base: str
    quote: str
    status: str
    tick_size: Decimal = ZERO
    lot_size: Decimal = ZERO
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = ZERO
    market_lot_size: Decimal = ZERO
    market_max_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    ts_listed: int | None = None

    @classmethod
    def from_row(cls, row: InstrumentRow) -> Instrument:
        """Read the decimal strings of a log row. Raises `decimal.InvalidOperation` on a string that is no number."""
        return cls(
            symbol=row.symbol,
            base=row.base,
            quote=row.quote,
            status=row.status,
            tick_size=Decimal(row.tick_size),
            lot_size=Decimal(row.lot_size),
            min_quantity=Decimal(row.min_quantity),
            max_quantity=Decimal(row.max_quantity),
            market_lot_size=Decimal(row.market_lot_size),
            market_max_quantity=Decimal(row.market_max_quantity),
            min_notional=Decimal(row.min_notional),
            max_notional=Decimal(row.max_notional),
            ts_listed=row.ts_listed,
        )


def round_to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """Round `value` to a multiple of `step` (zero: unchanged). `rounding` is one of the `decimal.ROUND_*` names.

    >>> round_to_step(Decimal("1.2345"), Decimal("0.01"), ROUND_FLOOR)
    Decimal('1.23')
    """
    if step == 0:
        return value
    return (value / step).to_integral_value(rounding=rounding) * step


def from_float(value: float) -> Decimal:
    """The shortest decimal that reads back as this float (`repr`), not its binary expansion.

    >>> from_float(0.1)
    Decimal('0.1')
    """
    return Decimal(repr(value))


def round_price(instrument: Instrument, price: Decimal, side: int) -> Decimal:
    """Round to the tick on the passive side: a buy (+1) down, a sell (-1) up; side 0 to the nearest."""
    rounding = ROUND_HALF_EVEN if side == 0 else ROUND_FLOOR if side > 0 else ROUND_CEILING
    return round_to_step(price, instrument.tick_size, rounding)


def round_quantity(instrument: Instrument, quantity: Decimal, *, market_order: bool = False) -> Decimal:
    """Round down to the lot; for market orders to the coarser of both lots (a market lot of 0 means none: Binance spot)."""
    rounded = round_to_step(quantity, instrument.lot_size, ROUND_FLOOR)
    if market_order and instrument.market_lot_size > 0:
        rounded = round_to_step(rounded, instrument.market_lot_size, ROUND_FLOOR)
    return rounded


def check_order(
    instrument: Instrument, side: int, quantity: Decimal, price: Decimal, *, market_order: bool = False
) -> DenyReason | None:
    """The first rule an order breaks, or None. `price` values the notional (a sell is valued by the caller's reference)."""
    buying = side > 0
    if instrument.status != "TRADING":
        return DenyReason.NOT_TRADING
    if quantity <= 0 or quantity < instrument.min_quantity:
        return DenyReason.BUY_MIN_QTY if buying else DenyReason.SELL_MIN_QTY
    if instrument.max_quantity > 0 and quantity > instrument.max_quantity:
        return DenyReason.MAX_QTY
    if market_order and instrument.market_max_quantity > 0 and quantity > instrument.market_max_quantity:
        return DenyReason.MARKET_MAX_QTY
    if instrument.lot_size > 0 and quantity % instrument.lot_size != 0:
        return DenyReason.LOT_SIZE
    if not market_order and instrument.tick_size > 0 and price % instrument.tick_size != 0:
        return DenyReason.PRICE_FILTER
    notional = quantity * price
    if notional < instrument.min_notional:
        return DenyReason.BUY_MIN_NOTIONAL if buying else DenyReason.SELL_MIN_NOTIONAL
    if instrument.max_notional > 0 and notional > instrument.max_notional:
        return DenyReason.MAX_NOTIONAL
    return None
