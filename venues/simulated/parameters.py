"""Parameters of a request: from the query and the form body, checked one by one with the exchange's refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from venues.simulated.errors import Refusal, illegal, missing

_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = r"^[0-9]{1,20}$"
_CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
_SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
MAX_DECIMALS = 8


class Parameters:
    """Named texts of one request."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def parse(cls, query: str, body: str) -> Parameters:
        """Read a percent-encoded query and form body; the query wins where both name a parameter."""
        return cls({**dict(parse_qsl(body, keep_blank_values=True)), **dict(parse_qsl(query, keep_blank_values=True))})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Parameters:
        """Read the `params` of a WebSocket API request."""
        return cls({key: _text(value) for key, value in values.items()})

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def texts(self) -> dict[str, str]:
        """Return all parameters as texts."""
        return dict(self._values)

    def get(self, name: str) -> str | None:
        """Return a text as sent, None when absent or empty."""
        return self._values.get(name) or None

    def require(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.get(name)
        if value is None:
            raise missing(name)
        return value

    def symbol(self) -> str:
        """Return the mandatory symbol's text."""
        value = self.require("symbol")
        if not re.match(_SYMBOL, value):
            raise illegal("symbol", _SYMBOL)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a decimal of at most eight digits after the point."""
        value = self.get(name)
        if value is None:
            return None
        if not re.match(_DECIMAL, value):
            raise illegal(name, _DECIMAL)
        number = Decimal(value)
        exponent = number.normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
            raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
        return number

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number."""
        value = self.get(name)
        if value is None:
            return default
        if not re.match(_INTEGER, value):
            raise illegal(name, _INTEGER)
        return int(value)

    def client_id(self, name: str) -> str | None:
        """Return a client order id."""
        value = self._values.get(name)
        if value is None:
            return None
        if not re.match(_CLIENT_ID, value):
            raise illegal(name, _CLIENT_ID)
        return value

    def symbols(self) -> list[str] | None:
        """Return the names of `symbols=["A","B"]`, or of `symbol=A`, None where neither is there."""
        one = self.get("symbol")
        if one is not None:
            return [self.symbol()]
        many = self.get("symbols")
        if many is None:
            return None
        try:
            return msgspec.json.decode(many, type=list[str])
        except msgspec.DecodeError:
            raise illegal("symbols", r"^\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\]$") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()
