"""Refusals in the words of the exchange.

Refusal(status, code, text) -> HTTP <status> {"code": <code>, "msg": <text>}
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """A request the exchange refuses, with the HTTP status, Binance's code and its text."""

    def __init__(self, code: int, text: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.headers = dict(headers or {})


def missing(name: str) -> Refusal:
    """Mandatory parameter absent."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, pattern: str) -> Refusal:
    """A parameter whose characters the exchange does not take."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.")


def filter_failure(name: str, code: int = -1013) -> Refusal:
    """An order that a filter of its symbol, or of the account, does not let through."""
    return Refusal(code, f"Filter failure: {name}")


INVALID_SYMBOL = (-1121, "Invalid symbol.")
OUTSIDE_WINDOW = (-1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.")
BAD_KEY_FORMAT = (-2014, "API-key format invalid.")
BAD_KEY = (-2015, "Invalid API-key, IP, or permissions for action.")
DUPLICATE = (-2010, "Duplicate order sent.")
INSUFFICIENT = (-2010, "Account has insufficient balance for requested action.")
WOULD_MATCH = (-2010, "Order would immediately match and take.")
MARKET_CLOSED = (-2010, "Market is closed.")
UNKNOWN_CANCEL = (-2011, "Unknown order sent.")
UNKNOWN_QUERY = (-2013, "Order does not exist.")
_TOO_MUCH = (
    "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
_BANNED = (
    "Way too much request weight used; IP banned until {until}. "
    "Please use WebSocket Streams for live updates to avoid bans."
)
TOO_MUCH_WEIGHT = (-1003, _TOO_MUCH)
BANNED = (-1003, _BANNED)
TOO_MANY_ORDERS = (-1015, "Too many new orders; current limit is {limit} orders per {interval}.")
