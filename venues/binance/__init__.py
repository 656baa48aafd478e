"""Binance spot as it is on the wire: stream names and URLs, frames and REST answers read into events of the log.

Nothing here connects or keeps time: readers take bytes and the receive time and give back events, or dirt with a
reason. Times become Unix nanoseconds, prices and quantities floats; symbols stay as the venue writes them (`BTCUSDT`).
"""
