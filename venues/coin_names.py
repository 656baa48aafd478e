"""Which coins a text names: in titles of a venue, where capitals are tickers, and in posts, where most capitals are
shouting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUOTES = _words(
    "USDT USDC FDUSD TUSD BUSD USDP USD1 DAI USD EUR GBP TRY BRL AUD JPY RUB UAH ZAR PLN ARS MXN COP CZK NGN"
)
TOKEN_STANDARDS = _words(
    "ERC20 ERC721 ERC1155 BEP2 BEP8 BEP20 BEP721 TRC10 TRC20 TRC721 BRC20 KRC20 HRC20 XRC20 ARC20 NEP5 NEP17 NEP141 SPL"
)
TITLE_WORDS = TOKEN_STANDARDS | _words("""
    BINANCE LIST WILL NEW AND OR OF ON THE FOR WITH TO IN AT BY AN UP OFF ADD ADDS VIP API UTC AMA NFT NFTS APR APY KYC
    USER USERS ALPHA SPOT MARGIN FUTURES EARN LAUNCHPOOL LAUNCHPAD MEGADROP HODLER AIRDROP AIRDROPS SEED TAG TAGS NOTICE
    UPDATE PAIR PAIRS TRADING BOT BOTS ETF CEO USA UK EU UAE FAQ ID COIN TOKEN TOKENS Q1 Q2 Q3 Q4 II III IV OTC P2P DEX
    CEX DEFI WEB3 GMT PM AM H1 H2
""")
PARENTHESISED_WORDS = TOKEN_STANDARDS | _words("""
    UTC GMT AM PM API VIP APR APY KYC NFT ETF DEX CEX OTC P2P FAQ EU UK US UAE Q1 Q2 Q3 Q4 H1 H2 I II III IV
""")
# Coins whose ticker is a word that people write in capitals: only a cashtag means the coin.
AMBIGUOUS = _words("""
    A ACE AI ALT ARC ARK ATM AUCTION BAN BANANA BAND BAR BEAM BIG BIO BLUR BOND CAKE CAT CHESS CITY CLOUD COMP COS COW CYBER
    D DASH DATA DEGO DENT DF DIA DOCK DODO DOG DOGS EDU EPIC FIO FIRE FIS FLOW FOR FORM FORTH FRONT FUN GAS GO HARD HFT HIGH
    HIVE HOLD HOME HOOK HOT ID INIT IO IQ JOE KEY LAYER LINK LISTA LIT LOKA LOOM LUNA MAGIC MASK MAV ME MEME MOVE MUBARAK NEAR
    NEO NOT OG OM ONE ONG OP ORDER PEOPLE PERP PHA PIXEL POND PORTAL POWER PROM PUMP QI QUICK RAD RARE RAY RED REEF REI REQ
    REZ S SAFE SAGA SAND SC SCR SIGN SKY SLF SOLV SPELL STEEM STO STORM SUN SUPER SWEAT SXT SYN SYS T THE TREE TRUMP TRUST
    TURBO UMA US USUAL VANA VANRY VIC W WAVES WIN WOO XAI YOU ZEN
""")
NAMES = {
    "bitcoin": "BTC", "bitcoin cash": "BCH", "ethereum": "ETH", "ethereum classic": "ETC", "ether": "ETH", "solana": "SOL",
    "dogecoin": "DOGE", "cardano": "ADA", "ripple": "XRP", "litecoin": "LTC", "polkadot": "DOT", "chainlink": "LINK",
    "avalanche": "AVAX", "shiba inu": "SHIB", "toncoin": "TON", "uniswap": "UNI", "filecoin": "FIL", "binance coin": "BNB",
}  # fmt: skip
CHINESE_NAMES = {
    "比特币": "BTC", "大饼": "BTC", "比特币现金": "BCH", "以太坊": "ETH", "以太币": "ETH", "以太经典": "ETC", "狗狗币": "DOGE",
    "瑞波币": "XRP", "莱特币": "LTC", "柚子币": "EOS", "波场": "TRX", "波卡": "DOT", "艾达币": "ADA", "币安币": "BNB",
    "索拉纳": "SOL", "柴犬币": "SHIB", "屎币": "SHIB", "佩佩": "PEPE", "文件币": "FIL", "雪崩币": "AVAX", "门罗币": "XMR",
    "恒星币": "XLM", "大零币": "ZEC",
}  # fmt: skip

# Tickers are one letter (W, S, A) or Chinese (币安人生) too; a bare capital is no ticker.
_TICKER = r"(?:[A-Z0-9]{1,15}|[\u4e00-\u9fff]{1,15})"
_IN_PARENTHESES = re.compile(rf"\(({_TICKER})\)")
_LIST_MARK = re.compile(r"(?:^|\S|[:;,&|\u2013\u2014-] |\b(?:and|or) )\([A-Z]\)")
_PAIR = re.compile(rf"\b({_TICKER})/([A-Z0-9]{{3,5}})\b")
_CAPITALS = re.compile(r"(?<![\w-])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{2,15}(?![\w-])")
# Letters of other scripts may stand right beside a ticker (BTC突破): only Latin ones and digits make it longer.
_LATIN = "A-Za-z0-9_"
_CASHTAG = re.compile(rf"(?<![{_LATIN}$])\$([A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*)(?![{_LATIN}])")
_WORD = re.compile(rf"(?<![{_LATIN}$@/.&=?-])#?([A-Z0-9]{{2,15}})(?![{_LATIN}])")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _any_of(names: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


_NAMES = re.compile(rf"(?<![{_LATIN}])(?:{_any_of(NAMES)})(?![{_LATIN}])|(?:{_any_of(CHINESE_NAMES)})")
_NAMED = NAMES | CHINESE_NAMES


def title_coins(title: str, stop_words: Iterable[str] = ()) -> list[str]:
    """Base assets that a venue's title names, in order.

    A ticker in parentheses is meant, and then nothing else is; else the bases of pairs; else the words in capitals
    that are neither stop words nor quote currencies. One letter in parentheses is a ticker where every such letter of
    the title follows a name: "Wormhole (W)", but not "(A) Fees, (B) Limits" or "Token(S)".

    >>> title_coins("Binance Will List Celestia (TIA) with Seed Tag Applied")
    ['TIA']
    >>> title_coins("Binance Adds ADA/FDUSD & TRB/TRY Trading Pairs")
    ['ADA', 'TRB']
    >>> title_coins("Notice on New Trading Pairs - 2023-10-26")
    []
    """
    title = " ".join(title.split())
    own = set(stop_words)
    least = 2 if _LIST_MARK.search(title) else 1
    ways = (
        (
            [ticker for ticker in _IN_PARENTHESES.findall(title) if len(ticker) >= least],
            QUOTES | PARENTHESISED_WORDS | own,
        ),
        ([base for base, _ in _PAIR.findall(title)], QUOTES | own),
        (_CAPITALS.findall(title), QUOTES | TITLE_WORDS | own),
    )
    for found, stop in ways:
        coins = [coin for coin in dict.fromkeys(found) if coin not in stop and not coin.isdigit()]
        if coins:
            return [_base(coin) for coin in coins]
    return []


def without_pairs(title: str) -> str:
    """The title less the names of pairs.

    >>> without_pairs("Binance Will Remove ADA/BTC & SOL/BNB Trading Pairs")
    'Binance Will Remove  &  Trading Pairs'
    """
    return _PAIR.sub("", title)


def post_coins(text: str, known: Callable[[str], bool], stop_words: Iterable[str] = ()) -> list[str]:
    """Base assets that a post names, in order: cashtags of known coins ($SOLUSDT too), then unambiguous known tickers in capitals
    (#SOL and SOLUSDT too), then names, English and Chinese.

    A text all in capitals names nothing but its cashtags and names: there a capital means nothing. Chinese texts have no capitals to
    shout with.

    >>> post_coins("$pepe to the moon, SOL too, THE end. Bitcoin!", {"PEPE", "SOL", "THE", "BTC"}.__contains__)
    ['PEPE', 'SOL', 'BTC']
    >>> post_coins("BTC突破7万, 以太坊跟涨", {"BTC", "ETH"}.__contains__)
    ['BTC', 'ETH']
    """
    text = unicodedata.normalize("NFKC", text)
    stop = set(stop_words)
    found = [market_coin(tag.upper(), known) for tag in _CASHTAG.findall(text)]
    if not text.isupper() or _CHINESE.search(text):
        for word in _WORD.findall(text):
            coin = market_coin(word, known)
            if coin not in AMBIGUOUS and coin not in TITLE_WORDS:
                found.append(coin)
    found += [_NAMED[name] for name in _NAMES.findall(text.lower())]
    return [coin for coin in dict.fromkeys(found) if coin not in stop and coin not in QUOTES and known(coin)]


def market_coin(word: str, known: Callable[[str], bool]) -> str:
    """The coin that a ticker or symbol means: itself if known, else the base of a symbol.

    >>> market_coin("SOLUSDT", {"SOL"}.__contains__), market_coin("SOL", {"SOL"}.__contains__)
    ('SOL', 'SOL')
    """
    return word if known(word) else _base(word)


def _base(coin: str) -> str:
    """`FOOUSDT` means FOO."""
    for quote in ("USDT", "USDC"):
        if coin.endswith(quote) and len(coin) > len(quote):
            return coin.removesuffix(quote)
    return coin
