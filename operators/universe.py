"""Which symbols can be hot coins at all: neither fiat, nor stable, nor leveraged tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# fmt: off
FIAT: Final = frozenset({
    "AED", "ARS", "AUD", "BIDR", "BKRW", "BRL", "BVND", "COP", "CZK", "EUR", "GBP", "GYEN", "IDR", "IDRT", "JPY", "KZT",
    "MXN", "NGN", "PLN", "RUB", "TRY", "UAH", "USD", "ZAR",
})
"""Bases that are national currencies or tokens of them.

RON is none: as a base it is Ronin, the leu is only ever quoted in.
"""

STABLE: Final = frozenset({
    "AEUR", "AUSD", "BFUSD", "BUSD", "CRVUSD", "CUSD", "DAI", "DOLA", "EURC", "EURCV", "EURI", "EURQ", "EURR", "EURS",
    "EURT", "FDUSD", "FRXUSD", "GHO", "GUSD", "HUSD", "KGST", "LISUSD", "LUSD", "MUSD", "PAX", "PAXG", "PYUSD", "RLUSD",
    "RWUSD", "SUSD", "SUSDE", "SUSDS", "TUSD", "U", "USD0", "USD1", "USDA", "USDB", "USDC", "USDD", "USDE", "USDF",
    "USDG", "USDH", "USDJ", "USDK", "USDL", "USDM", "USDN", "USDP", "USDQ", "USDR", "USDS", "USDSB", "USDT",
    "USDX", "USDY", "UST", "VAI", "WUSD", "XAU", "XAUM", "XAUT", "XSGD", "XUSD", "ZUSD",
})
"""Bases pegged to a currency or to gold.

Two names that look so are coins. USTC is what UST was called once its peg was lost (May 2022); it moves by multiples. FRAX is
what FXS is called since the stable coin became FRXUSD; Binance never listed that one.
"""
# fmt: on

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

# fmt: off
QUOTES: Final = (
    "FDUSD", "RLUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "USDS", "USD1", "USD", "EURI", "EUR", "AEUR", "TRY", "BRL", "GBP",
    "AUD", "ARS", "IDRT", "BIDR", "IDR", "BKRW", "BVND", "GYEN", "JPY", "PLN", "RUB", "UAH", "ZAR", "MXN", "NGN", "COP",
    "CZK", "RON", "KZT", "AED", "DAI", "PAX", "VAI", "UST", "BTC", "ETH", "BNB", "SOL", "TRX", "XRP", "DOGE", "DOT", "U",
)
# fmt: on
"""What coins are quoted in. Where several fit, the first: ADAEUR is ADA in EUR, not AD in AEUR."""

_KNOWN: Final = FIAT | STABLE | frozenset(QUOTES)
_MARKS: Final = re.compile("[/_-]")


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return base and quote of a symbol in any spelling, in capitals; the quote is "" where it is not known.

    Exchanges write BTCUSDT, BTC-USDT, BTC_USDT or BTCUSDT_240329, ccxt BTC/USDT and BTC/USDT:USDT.

    >>> [split_symbol(name) for name in ("CTSIUSDT", "btc-usdt", "BTC/USDT:USDT", "BTCUSD_PERP", "EURAEUR")]
    [('CTSI', 'USDT'), ('BTC', 'USDT'), ('BTC', 'USDT'), ('BTC', 'USD'), ('EUR', 'AEUR')]
    """
    first, *others = _MARKS.split(symbol.strip().upper().partition(":")[0])
    if others and others[0] in QUOTES:
        return first, others[0]
    if first in _KNOWN:
        return first, ""
    found = [(first[: -len(quote)], quote) for quote in QUOTES if first.endswith(quote)]
    known = [pair for pair in found if pair[0] in _KNOWN]
    if known:  # EURAEUR is the euro in AEUR rather than a coin EURA in euros
        return max(known, key=lambda pair: len(pair[0]))
    return found[0] if found else (first, "")


def base_of(symbol: str) -> str:
    """Return the base currency of a spot symbol, in capitals.

    >>> base_of("CTSIUSDT"), base_of("AUD/USDT"), base_of("usdtbrl")
    ('CTSI', 'AUD', 'USDT')
    """
    return split_symbol(symbol)[0]


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

    >>> [is_excluded(name) for name in ("AUDUSDT", "usdc/usdt", "BTCDOWNUSDT", "WINUSDT")]
    [True, True, True, False]
    """
    base = base_of(symbol)
    return base in FIAT or base in STABLE or is_leveraged(base)
