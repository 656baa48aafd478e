"""Announcement pages in the shape of the exchange's own list, so that listings are read about before they trade."""

from __future__ import annotations

import hashlib
from typing import Any

from venues.simulated.market import GeneratedMarket

CATALOGS = {48: "New Cryptocurrency Listing", 49: "Latest Binance News", 161: "Delisting", 128: "Crypto Airdrop"}
_FIRST_ID = 281_000
_OLD_TITLES = (
    "Binance Futures Will Launch USDⓈ-M {coin} Perpetual Contract With Up to 50x Leverage",
    "Notice on New Trading Pairs & Trading Bots Services on Binance Spot",
    "Binance Adds {coin}, {other} & More Pairs on Cross Margin & Isolated Margin",
    "Binance Will List {coin} ({coin}) with Seed Tag Applied",
)


def article_list(market: GeneratedMarket, catalog: int, page: int, size: int) -> dict[str, Any]:
    """Return one page of a catalogue, newest first; catalogue 48 announces the coins to come."""
    now_s = market.now_ms // 1000
    articles: list[dict[str, Any]] = []
    if catalog == 48:
        bases = market.universe.bases
        start_s = market.listings[0].announced_s if market.listings else now_s
        for i in range(12):
            title = _OLD_TITLES[i % len(_OLD_TITLES)].format(
                coin=bases[(20 + 3 * i) % market.universe.listed], other=bases[(21 + 3 * i) % market.universe.listed]
            )
            articles.append(_article(_FIRST_ID + i, title, 1000 * (start_s - 86_400 * (13 - i))))
        for i, listing in enumerate(market.listings):
            if listing.announced_s <= now_s:
                base = bases[listing.row]
                title = f"Binance Will List {base.capitalize()} ({base}) with Seed Tag Applied"
                articles.append(_article(_FIRST_ID + 100 + i, title, 1000 * listing.announced_s))
    articles.reverse()
    part = articles[(page - 1) * size : page * size]
    entry = {
        "catalogId": catalog,
        "parentCatalogId": None,
        "icon": None,
        "catalogName": CATALOGS.get(catalog, ""),
        "description": None,
        "catalogType": 1,
        "total": len(articles),
        "articles": part,
        "catalogs": [],
    }
    return {"code": "000000", "message": None, "messageDetail": None, "data": {"catalogs": [entry]}, "success": True}


def _article(number: int, title: str, released_ms: int) -> dict[str, Any]:
    code = hashlib.blake2b(f"{number}".encode(), digest_size=16).hexdigest()
    return {"id": number, "code": code, "title": title, "type": 1, "releaseDate": released_ms}
