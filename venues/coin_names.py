"""Which coins a text names: in titles of a venue, where capitals are tickers, and in posts, where most capitals are
shouting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUOTES = _words(
    "USDT USDC FDUSD TUSD BUSD USDP USD1 DAI USD EUR GBP TRY BRL AUD JPY RUB UAH ZAR PLN ARS MXN COP CZK NGN"
)
TITLE_WORDS = _words("""
    BINANCE LIST WILL NEW AND OR OF ON THE FOR WITH TO IN AT BY AN UP OFF ADD ADDS VIP API UTC AMA NFT NFTS APR APY KYC
    USER USERS ALPHA SPOT MARGIN FUTURES EARN LAUNCHPOOL LAUNCHPAD MEGADROP HODLER AIRDROP AIRDROPS SEED TAG TAGS NOTICE
    UPDATE PAIR PAIRS TRADING BOT BOTS ETF CEO USA UK EU UAE FAQ ID COIN TOKEN TOKENS Q1 Q2 Q3 Q4 II III IV OTC P2P DEX
    CEX DEFI WEB3 GMT PM AM
""")
PARENTHESISED_WORDS = _words("UTC API VIP APR APY KYC NFT ETF DEX CEX OTC P2P FAQ EU UK US UAE")
# Coins whose ticker is a word that people write in capitals: only a cashtag means the coin.
AMBIGUOUS = _words("""
    A AI ALT ATM BAND BAR BIG BOND CAKE CAT CITY CLOUD COMP COW DEGO DOG DOGS EDU FIRE FLOW FOR FUN GAS GO HIGH HOLD HOME
    HOOK HOT ID IQ KEY LISTA LIT LOKA MASK ME MOVE NEAR NEO NOT OG OM ONE ONG OP PEOPLE PERP PORTAL PUMP QUICK RARE RED
    REQ SAFE SAND SCR SIGN SKY SPELL STEEM SUN SUPER SWEAT THE TREE TRUMP TRUST TURBO UMA VANA VIC WIN WOO YOU
""")
NAMES = {
    "bitcoin": "BTC", "ethereum": "ETH", "ether": "ETH", "solana": "SOL", "dogecoin": "DOGE", "cardano": "ADA",
    "ripple": "XRP", "litecoin": "LTC", "polkadot": "DOT", "chainlink": "LINK", "avalanche": "AVAX", "shiba inu":
    "SHIB", "toncoin": "TON", "uniswap": "UNI", "filecoin": "FIL", "binance coin": "BNB",
}  # fmt: skip

_IN_PARENTHESES = re.compile(r"\(([A-Z0-9]{2,15})\)")
_PAIR = re.compile(r"\b([A-Z0-9]{2,15})/([A-Z0-9]{3,5})\b")
_CAPITALS = re.compile(r"(?<![\w-])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{2,15}(?![\w-])")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z0-9]{1,14})(?!\w)")
_WORD = re.compile(r"(?<![\w$#@/.])[A-Z0-9]{2,15}(?!\w)")


def title_coins(title: str, stop_words: Iterable[str] = ()) -> list[str]:
    """Base assets that a venue's title names, in order.

    A ticker in parentheses is meant, and then nothing else is; else the bases of pairs; else the words in capitals
    that are neither stop words nor quote currencies.

    >>> title_coins("Binance Will List Celestia (TIA) with Seed Tag Applied")
    ['TIA']
    >>> title_coins("Binance Adds ADA/FDUSD & TRB/TRY Trading Pairs")
    ['ADA', 'TRB']
    >>> title_coins("Notice on New Trading Pairs - 2023-10-26")
    []
    """
    own = set(stop_words)
    ways = (
        (_IN_PARENTHESES.findall(title), QUOTES | PARENTHESISED_WORDS | own),
        ([base for base, _ in _PAIR.findall(title)], QUOTES | own),
        (_CAPITALS.findall(title), QUOTES | TITLE_WORDS | own),
    )
    for found, stop in ways:
        coins = [coin for coin in dict.fromkeys(found) if coin not in stop and not coin.isdigit()]
        if coins:
            return [_base(coin) for coin in coins]
    return []


def post_coins(text: str, known: Callable[[str], bool], stop_words: Iterable[str] = ()) -> list[str]:
    """Base assets that a post names, in order: cashtags of known coins, then unambiguous known tickers in capitals,
    then names.

    A text all in capitals names nothing but its cashtags: there a capital means nothing.

    >>> post_coins("$pepe to the moon, SOL too, THE end. Bitcoin!", {"PEPE", "SOL", "THE", "BTC"}.__contains__)
    ['PEPE', 'SOL', 'BTC']
    """
    stop = set(stop_words)
    found = [tag.upper() for tag in _CASHTAG.findall(text)]
    if not text.isupper():
        found += [word for word in _WORD.findall(text) if word not in AMBIGUOUS and word not in TITLE_WORDS]
        lower = text.lower()
        found += [coin for name, coin in NAMES.items() if re.search(rf"\b{name}\b", lower)]
    return [coin for coin in dict.fromkeys(found) if coin not in stop and coin not in QUOTES and known(coin)]


def _base(coin: str) -> str:
    """`FOOUSDT` in a title of perpetuals means FOO."""
    for quote in ("USDT", "USDC"):
        if coin.endswith(quote) and len(coin) > len(quote) + 1:
            return coin.removesuffix(quote)
    return coin
