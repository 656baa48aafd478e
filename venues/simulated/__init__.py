"""An exchange on loopback that speaks Binance spot's protocol: REST, market streams and the WebSocket API on one port.

Shared by its modules: symbols are small integers (their row in the `Universe`), prices are whole ticks, quantities
whole lots, quote volumes ticks x lots, all int64, so that tickers, candles and trades agree to the last digit.
Times are Unix milliseconds of the exchange's clock unless a name says otherwise.
"""
