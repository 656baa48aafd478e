"""What an order must look like: each symbol's filters, and the table of exchangeInfo."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.settings.simulator import SimulatorSettings
from venues.simulated.errors import INVALID_SYMBOL, MARKET_CLOSED, Refusal, filter_failure
from venues.simulated.market import GeneratedMarket
from venues.simulated.wire import text

MIN_NOTIONAL = Decimal(5)
MAX_NOTIONAL = Decimal(9_000_000)
PERCENT_UP, PERCENT_DOWN = Decimal(5), Decimal("0.2")
MAX_PRICE_FACTOR = 100_000  # of the starting price
_MARKET_SHARE = 0.004  # of a day's volume is the largest market order


def rate_limits(settings: SimulatorSettings) -> list[dict[str, Any]]:
    """Return `rateLimits` of exchangeInfo."""
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": settings.weight_per_minute,
        },
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": settings.orders_per_10s},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": settings.orders_per_day},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
    ]


class Rules:
    """The filters of the generated market's symbols."""

    def __init__(self, market: GeneratedMarket, settings: SimulatorSettings) -> None:
        self._market = market
        self._settings = settings
        universe = market.universe
        self._price_decimals: list[int] = universe.price_decimals.tolist()
        self._lot_decimals: list[int] = universe.lot_decimals.tolist()
        start = universe.start_price.tolist()
        self._max_ticks = [
            int(price * MAX_PRICE_FACTOR * 10**decimals)
            for price, decimals in zip(start, self._price_decimals, strict=True)
        ]
        self._max_lots = [
            max(1000, int(5e7 / price * 10**decimals))
            for price, decimals in zip(start, self._lot_decimals, strict=True)
        ]
        daily = (universe.trade_rate * universe.trade_notional * 1.65 * 86_400).tolist()
        self._max_market_lots = [
            max(1000, int(_MARKET_SHARE * volume / price * 10**decimals))
            for volume, price, decimals in zip(daily, start, self._lot_decimals, strict=True)
        ]
        self._appears_s = {row.row: (row.announced_s + row.trades_s) // 2 for row in market.listings}

    def status(self, row: int) -> str | None:
        """Return a symbol's status; None while the exchange does not know it yet."""
        if self.begun(row):
            halt = self._market.halts.get(row)
            return "TRADING" if halt is None else halt.status
        return "BREAK" if self._appears_s.get(row, 0) <= self._market.now_ms // 1000 else None

    def begun(self, row: int) -> bool:
        """Whether a symbol trades, or did before it was halted."""
        return bool(self._market.tape.born_s[row] <= self._market.now_ms // 1000)

    def row(self, symbol: str, trading: bool = False) -> int:
        """Return the row of a known symbol; with `trading` of one that can be traded now."""
        row = self._market.universe.row.get(symbol, -1)
        status = self.status(row) if row >= 0 else None
        if status is None:
            raise Refusal(*INVALID_SYMBOL)
        if trading and status != "TRADING":
            raise Refusal(*MARKET_CLOSED)
        return row

    def ticks(self, row: int, price: Decimal) -> int:
        """Return a price in ticks; PRICE_FILTER and PERCENT_PRICE_BY_SIDE's common part."""
        scaled = price.scaleb(self._price_decimals[row])
        if scaled != scaled.to_integral_value() or not 1 <= scaled <= self._max_ticks[row]:
            raise filter_failure("PRICE_FILTER")
        ticks = int(scaled)
        average = Decimal(self._market.tape.average_price(row))
        if not average * PERCENT_DOWN <= ticks <= average * PERCENT_UP:
            raise filter_failure("PERCENT_PRICE_BY_SIDE")
        return ticks

    def lots(self, row: int, quantity: Decimal, market: bool) -> int:
        """Return a quantity in lots; LOT_SIZE and MARKET_LOT_SIZE."""
        if quantity <= 0:
            raise Refusal(-1013, "Invalid quantity.")
        scaled = quantity.scaleb(self._lot_decimals[row])
        if scaled != scaled.to_integral_value() or not 1 <= scaled <= self._max_lots[row]:
            raise filter_failure("LOT_SIZE")
        if market and scaled > self._max_market_lots[row]:
            raise filter_failure("MARKET_LOT_SIZE")
        return int(scaled)

    def notional(self, value: Decimal, market: bool) -> None:
        """Refuse a value in quote currency that NOTIONAL does not let through; its maximum spares market orders."""
        if value < MIN_NOTIONAL or (value > MAX_NOTIONAL and not market):
            raise filter_failure("NOTIONAL")

    def symbol_info(self, row: int, status: str) -> dict[str, Any]:
        """Return a symbol's entry of exchangeInfo."""
        universe = self._market.universe
        price_decimals, lot_decimals = self._price_decimals[row], self._lot_decimals[row]
        tick, lot = text(1, price_decimals), text(1, lot_decimals)
        zero = text(0, 0)
        return {
            "symbol": universe.names[row],
            "status": status,
            "baseAsset": universe.bases[row],
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": tick,
                    "maxPrice": text(self._max_ticks[row], price_decimals),
                    "tickSize": tick,
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": lot,
                    "maxQty": text(self._max_lots[row], lot_decimals),
                    "stepSize": lot,
                },
                # The exchange gives a step of zero here, for every symbol.
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": zero,
                    "maxQty": text(self._max_market_lots[row], lot_decimals),
                    "stepSize": zero,
                },
                {
                    "filterType": "PERCENT_PRICE_BY_SIDE",
                    "bidMultiplierUp": str(PERCENT_UP),
                    "bidMultiplierDown": str(PERCENT_DOWN),
                    "askMultiplierUp": str(PERCENT_UP),
                    "askMultiplierDown": str(PERCENT_DOWN),
                    "avgPriceMins": 5,
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": f"{MIN_NOTIONAL:.8f}",
                    "applyMinToMarket": True,
                    "maxNotional": f"{MAX_NOTIONAL:.8f}",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": self._settings.max_open_orders_per_symbol},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE"],
        }

    def exchange_info(self, names: list[str] | None, now_ms: int) -> dict[str, Any]:
        """Return exchangeInfo of all known symbols, or of `names`."""
        rows = range(self._market.universe.size) if names is None else [self.row(name) for name in names]
        symbols = [self.symbol_info(row, status) for row in rows if (status := self.status(row)) is not None]
        return {
            "timezone": "UTC",
            "serverTime": now_ms,
            "rateLimits": rate_limits(self._settings),
            "exchangeFilters": [],
            "symbols": symbols,
        }
