"""The coins that trade: names, tick and lot sizes, liquidity, and how they move together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SECTORS = ("layer1", "defi", "meme", "ai", "gaming", "layer2", "payments", "infra")

# base asset, a plausible price in USDT, sector
KNOWN: tuple[tuple[str, float, str], ...] = (
    ("BTC", 61_800.0, "layer1"), ("ETH", 2_680.0, "layer1"), ("SOL", 148.0, "layer1"), ("XRP", 0.58, "payments"),
    ("BNB", 545.0, "layer1"), ("DOGE", 0.102, "meme"), ("ADA", 0.36, "layer1"), ("TRX", 0.128, "payments"),
    ("AVAX", 22.4, "layer1"), ("LINK", 10.6, "infra"), ("SHIB", 0.0000137, "meme"), ("DOT", 4.6, "layer1"),
    ("SUI", 0.92, "layer1"), ("PEPE", 0.0000078, "meme"), ("LTC", 61.5, "payments"), ("NEAR", 4.1, "ai"),
    ("UNI", 6.1, "defi"), ("APT", 6.0, "layer1"), ("ICP", 7.6, "infra"), ("FET", 0.87, "ai"),
    ("ARB", 0.56, "layer2"), ("OP", 1.45, "layer2"), ("INJ", 18.7, "defi"), ("FIL", 3.7, "infra"),
    ("ATOM", 4.8, "layer1"), ("WIF", 1.72, "meme"), ("BONK", 0.0000193, "meme"), ("FLOKI", 0.000128, "meme"),
    ("AAVE", 104.0, "defi"), ("TIA", 5.4, "infra"), ("SEI", 0.29, "layer1"), ("RNDR", 5.2, "ai"),
    ("IMX", 1.21, "gaming"), ("GALA", 0.0183, "gaming"), ("SAND", 0.26, "gaming"), ("AXS", 4.7, "gaming"),
    ("CRV", 0.29, "defi"), ("LDO", 1.05, "defi"), ("MKR", 1_960.0, "defi"), ("STX", 1.48, "layer2"),
    ("ALGO", 0.124, "layer1"), ("XLM", 0.098, "payments"), ("HBAR", 0.052, "infra"), ("VET", 0.0221, "infra"),
    ("GRT", 0.152, "ai"), ("ENS", 17.1, "infra"), ("CHZ", 0.054, "gaming"), ("DYDX", 1.05, "defi"),
    ("JUP", 0.86, "defi"), ("PENDLE", 3.1, "defi"), ("WLD", 1.63, "ai"), ("STRK", 0.42, "layer2"),
    ("ZK", 0.121, "layer2"), ("MANTA", 0.79, "layer2"), ("ORDI", 30.5, "meme"), ("RUNE", 3.9, "defi"),
    ("KAVA", 0.32, "defi"), ("ROSE", 0.064, "ai"), ("MINA", 0.44, "layer1"), ("CELO", 0.46, "payments"),
)  # fmt: skip

_HEADS = ("ASTR", "BEL", "CIR", "DRA", "EMB", "FAR", "GLO", "HEL", "IRI", "JAD", "KOR", "LUM", "MOR", "NEX", "ORB",
          "PIX", "QUA", "RIV", "SOL", "TAR", "ULT", "VEX", "WAV", "XEN", "YIE", "ZEN")  # fmt: skip
_TAILS = ("A", "EX", "IA", "ON", "US", "IX", "OR", "AL", "YN", "EO", "UM", "ET", "IS", "AR")


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """Static facts of every symbol; arrays have one row per symbol, most liquid first.

    price_decimals, lot_decimals: digits after the point of a tick and a lot. start_price in USDT. beta: against the
    BTC factor. sector: row in SECTORS. sigma: standard deviation of the log return of one second. trade_rate: trades a
    second on average. trade_notional: median USDT of a trade. half_spread: relative to mid. born_s: first second of
    trading (Unix); rows from `listed` on are coins that are listed while the exchange runs.
    """

    names: tuple[str, ...]
    bases: tuple[str, ...]
    row: dict[str, int]
    listed: int
    price_decimals: Ints
    lot_decimals: Ints
    start_price: Floats
    beta: Floats
    sector: Ints
    sigma: Floats
    trade_rate: Floats
    trade_notional: Floats
    half_spread: Floats
    born_s: Ints

    @property
    def size(self) -> int:
        """Number of symbols, those not yet listed included."""
        return len(self.names)


def invented_bases(count: int) -> list[str]:
    """Return `count` made-up base assets, always the same ones, none of them in KNOWN."""
    taken = {base for base, _, _ in KNOWN}
    names = [head + tail for tail in _TAILS for head in _HEADS if head + tail not in taken]
    while len(names) < count:
        names += [f"{name}{len(names) // 364}" for name in names[:364]]
    return names[:count]


def build_universe(symbols: int, listings: int, seed: int, start_s: int) -> Universe:
    """Draw a universe of `symbols` coins that trade at `start_s` and `listings` that come later."""
    rng = np.random.default_rng([seed, 1])
    total = symbols + listings
    known = KNOWN[:symbols]
    invented = total - len(known)
    bases = [base for base, _, _ in known] + invented_bases(invented)
    price = np.concatenate([np.array([p for _, p, _ in known]), np.exp(rng.normal(-1.2, 1.8, invented))])
    sector = np.concatenate(
        [np.array([SECTORS.index(s) for _, _, s in known]), rng.integers(0, len(SECTORS), invented)]
    ).astype(np.int64)
    # Volume falls with rank as rank^-1.2 and the size of a trade as rank^-0.35, which is what the tails of large
    # spot exchanges look like: two billion USDT a day at the top, two million at rank 300.
    rank = np.arange(1, total + 1, dtype=np.float64)
    rank[symbols:] = rng.uniform(40, max(41, symbols), listings)
    daily = 2e9 * rank**-1.2 * np.exp(rng.normal(0, 0.35, total))
    notional = 900.0 * rank**-0.35
    price_decimals = np.clip(np.ceil(3.3 - np.log10(price)), 2, 8).astype(np.int64)
    price_decimals[price < 100] = np.clip(np.ceil(3.3 - np.log10(price[price < 100])), 1, 8)
    price = np.maximum(price, 10.0 ** -(price_decimals - 2.0))
    daily_sigma = np.clip(0.028 + 0.011 * np.log(rank) * np.exp(rng.normal(0, 0.2, total)), 0.02, 0.14)
    born = np.zeros(total, dtype=np.int64)
    young = rng.random(total) < 0.08
    young[: min(60, symbols)] = False
    born[young] = start_s - rng.integers(1, 20, int(young.sum())) * 86_400
    born[symbols:] = np.iinfo(np.int64).max
    beta = np.clip(0.9 + 0.08 * np.log(rank) + rng.normal(0, 0.2, total), 0.4, 2.0)
    beta[0] = 1.0
    names = tuple(base + "USDT" for base in bases)
    return Universe(
        names=names,
        bases=tuple(bases),
        row={name: i for i, name in enumerate(names)},
        listed=symbols,
        price_decimals=price_decimals,
        lot_decimals=np.clip(np.ceil(np.log10(price)), 0, 5).astype(np.int64),
        start_price=price,
        beta=beta,
        sector=sector,
        sigma=daily_sigma / np.sqrt(86_400.0),
        trade_rate=daily / 86_400.0 / (notional * np.exp(0.5)),  # a log-normal's mean over its median at sigma 1
        trade_notional=notional,
        half_spread=np.clip(0.05e-4 * rank**0.75, 0.02e-4, 8e-4),
        born_s=born,
    )
