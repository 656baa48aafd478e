"""Which symbols can be hot coins at all: neither fiat, nor stable, nor leveraged tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIAT: Final = frozenset(
    {
        "AUD",
        "BRL",
        "EUR",
        "GBP",
        "IDRT",
        "NGN",
        "RUB",
        "TRY",
        "UAH",
        "ZAR",
        "ARS",
        "BIDR",
        "BKRW",
        "BVND",
        "COP",
        "CZK",
        "JPY",
        "MXN",
        "PLN",
        "RON",
        "USD",
    }
)
"""Bases that are national currencies or tokens of them."""

STABLE: Final = frozenset(
    {
        "AEUR",
        "BFUSD",
        "BUSD",
        "DAI",
        "EURI",
        "EURS",
        "FDUSD",
        "FRAX",
        "GUSD",
        "HUSD",
        "LUSD",
        "PAX",
        "PAXG",
        "PYUSD",
        "RLUSD",
        "SUSD",
        "TUSD",
        "USD1",
        "USDC",
        "USDD",
        "USDE",
        "USDP",
        "USDS",
        "USDSB",
        "USDT",
        "UST",
        "USTC",
        "VAI",
        "XAUT",
        "XUSD",
    }
)
"""Bases pegged to a currency or to gold."""

LEVERAGED_SUFFIXES: Final = ("UP", "DOWN", "BULL", "BEAR")
LEVERAGED_BASES: Final = frozenset(
    {
        "1INCH",
        "AAVE",
        "ADA",
        "BCH",
        "BNB",
        "BTC",
        "DOT",
        "EOS",
        "ETH",
        "FIL",
        "LINK",
        "LTC",
        "SUSHI",
        "SXP",
        "TRX",
        "UNI",
        "XLM",
        "XRP",
        "XTZ",
        "YFI",
    }
)
"""Coins that had leveraged tokens; JUPUSDT and SUPERUSDT end alike and are none."""

QUOTES: Final = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "TRY", "BTC", "ETH", "BNB")


def base_of(symbol: str) -> str:
    """Return the base currency of a spot symbol.

    >>> base_of("CTSIUSDT"), base_of("AUDUSDT")
    ('CTSI', 'AUD')
    """
    for quote in QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol[: -len(quote)]
    return symbol


def sector_of(symbol: str, tags: Mapping[str, str]) -> str:
    """Return the sector that the tags give the symbol, else its base; "" if neither.

    >>> sector_of("PEPEUSDT", {"PEPE": "meme"}), sector_of("BTCUSDT", {})
    ('meme', '')
    """
    return tags.get(symbol) or tags.get(base_of(symbol), "")


def is_leveraged(base: str) -> bool:
    """Tell whether the base is a leveraged token such as BTCUP or ETHBEAR.

    >>> [is_leveraged(base) for base in ("BTCUP", "BULL", "JUP", "SUPER")]
    [True, True, False, False]
    """
    if base in ("BULL", "BEAR"):
        return True
    return any(base.endswith(suffix) and base[: -len(suffix)] in LEVERAGED_BASES for suffix in LEVERAGED_SUFFIXES)


def is_excluded(symbol: str) -> bool:
    """Tell whether discovery leaves the symbol out.

    >>> [is_excluded(name) for name in ("AUDUSDT", "USDCUSDT", "BTCDOWNUSDT", "WINUSDT")]
    [True, True, True, False]
    """
    base = base_of(symbol)
    return base in FIAT or base in STABLE or is_leveraged(base)
