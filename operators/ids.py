"""Identifiers that a second run over the same log gives again."""

from __future__ import annotations

from hashlib import blake2b


def trace_id(market: str, offset: int, *parts: str | int) -> str:
    """16 hex digits from the log position and what distinguishes siblings there.

    >>> trace_id("binance.spot", 7, "BTCUSDT") == trace_id("binance.spot", 7, "BTCUSDT")
    True
    """
    text = "|".join([market, str(offset), *map(str, parts)])
    return blake2b(text.encode(), digest_size=8).hexdigest()


def client_order_id(trace: str, leg: str, attempt: int) -> str:
    """At most 36 characters of [a-zA-Z0-9-_], the same for the same intent: `em-<20 hex>`."""
    return "em-" + blake2b(f"{trace}|{leg}|{attempt}".encode(), digest_size=10).hexdigest()
