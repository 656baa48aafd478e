from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from contracts.errors import VenueError
from contracts.events import Announcement
from contracts.settings.services import AnnouncementSettings
from contracts.settings.simulator import GeneratedMarketSettings
from infra.broker import LocalBroker
from tests.recorded import recorded
from tests.venues.log_reader import of, read_log
from tests.venues.test_ingest_simulated import exchange, made, running, until
from venues.announcements import AnnouncementMonitor, Ladder, category, default_urls, read_page
from venues.binance.tickers import Dirt
from venues.coin_names import title_coins
from venues.seen import SeenIds

HOUR_NS = 3600 * 10**9
# Read by a person, in the order of the recording.
NAMED: list[list[str]] = [
    ["SLP"], ["TIA"], ["ACA", "GHST", "VIDT"], ["MEME"], ["POWR"], [], ["POLYX", "GAS"], ["RIF"], ["BSV"], ["ARK", "OMG"],
    [], ["STPT", "WAXP"], ["ORBS"], ["BOND"], ["NTRN"], ["BIGTIME"], ["LOOM"],
    ["ADA", "FIL", "FRONT", "LEVER", "LTC", "RUNE", "TRB"], ["SEI", "WBETH"], ["STRAX"],
]  # fmt: skip


def recorded_articles() -> list[dict[str, Any]]:
    articles: list[dict[str, Any]] = json.loads(
        recorded("announcements/binance_cms_articles_20231031.json").read_bytes()
    )
    return articles


def page(articles: list[Any], catalog: int = 48) -> bytes:
    return json.dumps({"code": "000000", "data": {"catalogs": [{"catalogId": catalog, "articles": articles}]}}).encode()


class Desk:
    """Takes what a monitor tells, under a clock that the test sets."""

    def __init__(self, now_ns: int, **settings: Any) -> None:
        self.now_ns = now_ns
        self.told: list[Announcement] = []
        self.letters: list[Dirt] = []
        self.monitor = AnnouncementMonitor(
            AnnouncementSettings(**settings),
            "http://nowhere",
            lambda: self.now_ns,
            self.told.append,
            lambda _, dirt: self.letters.append(dirt),
            on_loopback=True,
        )


def test_recorded_titles_name_the_coins_a_person_reads_in_them() -> None:
    assert [title_coins(article["title"]) for article in recorded_articles()] == NAMED


def test_only_coins_new_to_the_spot_market_are_listings() -> None:
    listings = [a["title"] for a in recorded_articles() if category(a["title"]) == "listing"]
    assert [title_coins(title) for title in listings] == [["TIA"], ["MEME"]]
    assert category("Binance Will Delist ANT, MULTI on 2024-02-20") == "delisting"
    assert category("Anything", catalog=161) == "delisting"


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("Binance Will List Perpetual Protocol (PERP) with Seed Tag Applied", "listing"),
        ("Binance Will List Marginfi (MRGN)", "listing"),
        ("Binance Will List MARGINX (MGX)", "listing"),
        ("Binance Will List Optionsroom (ROOM)", "listing"),
        ("Binance Will List Sonic (S) & Delist FTM", "listing"),
        ("Binance Will List Delistify (DLF)", "listing"),
        ("Binance Will List Wormhole (W) and Open Trading Pairs", "listing"),
        ("Introducing Perpetual Protocol (PERP) on Binance Launchpad", "listing"),
        ("Binance Lists Foo (FOO)", "listing"),
        ("Binance Futures Will List FOOUSDT Perpetual Contract", "other"),
        ("Binance Margin Will List Foo (FOO)", "other"),
        ("Binance Options Will List Foo (FOO)", "other"),
        ("Binance Will List USDⓈ-Margined Foo (FOO) Contracts", "other"),
        ("Binance Will List Foo (FOO) on Isolated Margin", "other"),
        ("Binance Will List BTC Options", "other"),
        ("Binance Will Add Initia (INIT) on Earn, Buy Crypto, Convert, Margin & Futures", "other"),
        ("Introducing Margin Trading for Foo (FOO)", "other"),
        ("Binance Enlists Partners", "other"),
        ("Binance Will Remove ADA/BTC, SOL/BNB Spot Trading Pairs", "other"),
        ("Binance Will Delist ADA/BTC and SOL/BNB", "other"),
        ("Binance Will Delist Certain BUSD Trading Pairs", "other"),
        ("Notice of Removal of Spot Trading Pairs - 2024-05-10", "other"),
        ("Binance Will Remove the Seed Tag for JUP", "other"),
        ("Binance Will Remove FTM", "delisting"),
        ("Binance Will Remove FOO and/or BAR", "delisting"),
        ("Binance Will Delist FTM and Cease Trading of All FTM Pairs", "delisting"),
        ("Binance Will Cease Trading FTM", "delisting"),
    ],
)
def test_a_category_is_read_from_whole_words_outside_of_coin_names(title: str, what: str) -> None:
    assert category(title) == what


def test_removed_pairs_on_the_page_of_delistings_delist_no_coin() -> None:
    assert category("Notice of Removal of Spot Trading Pairs - 2024-05-10", catalog=161) == "other"
    assert category("Binance Will Remove ADA/BTC, SOL/BNB Spot Trading Pairs", catalog=161) == "other"


def test_recorded_titles_have_the_categories_a_person_reads_in_them() -> None:
    told = [category(article["title"]) for article in recorded_articles()]
    assert told == ["other", "listing", "other", "listing", *["other"] * 16]


@pytest.mark.parametrize(
    ("title", "coins"),
    [
        ("Introducing SPACE ID (ID) on Binance Launchpad", ["ID"]),
        ("Binance Will List 1000SATS (1000SATS) at 08:00 (UTC)", ["1000SATS"]),
        ("Binance Will Delist BOND, DOCK, MDX and POLS on 2024-12-10", ["BOND", "DOCK", "MDX", "POLS"]),
        ("Binance Futures Will Launch USDⓈ-Margined FOOUSDT Perpetual Contract", ["FOO"]),
        ("Updates on Tick Size for Spot Trading Pairs (2024-05-01)", []),
        ("Binance Will List Wormhole (W) with Seed Tag Applied", ["W"]),
        ("Binance Will List Sonic (S) & Delist FTM", ["S"]),
        ("Binance Will Support the Threshold (T) Token Swap (ERC20)", ["T"]),
        ("Binance Will List Vaulta  (A) and U\u00a0(U) at 2025-05-14 08:00 (UTC)", ["A", "U"]),
        ("Binance Will List Sonic (prev. FTM) (S)", ["S"]),
        ("Binance Will List 币安人生 (币安人生) with Seed Tag Applied", ["币安人生"]),
        ("Binance Adds A/USDT, W/USDC & SOL/TRY Trading Pairs", ["A", "W", "SOL"]),
        ("Binance Adds 币安人生/USDC, BNB/U & 币安人生/TRY Trading Pairs", ["币安人生"]),
        ("Binance Futures Will Launch USDⓈ-Margined WUSDT and 1000XUSDT Perpetual Contracts", ["W", "1000X"]),
        ("Binance Will Support The Graph (GRT) (ERC20)", ["GRT"]),
        ("Binance Completes the Integration of ENJ (BEP20) and TRC20", ["ENJ"]),
        ("Binance Opens Deposits on the BEP2 and ERC20 Networks (BEP2) (TRC20)", []),
    ],
)
def test_titles_of_other_kinds(title: str, coins: list[str]) -> None:
    assert title_coins(title) == coins


@pytest.mark.parametrize(
    "title",
    [
        "Binance Will Update Its Rules (1)",
        "Binance Will Update (A) Fees, (B) Limits",
        "Binance Will Update Fees (A) and (B)",
        "(A) Fees (B) Limits",
        "Notice: (A) Fees (B) Limits",
        "Changes to Fees - (A) Spot (B) Options",
        "Notice on the Network Upgrade of Your Wallet(S)",
        "Binance Research: The Year in Review, Part (I) to Part (IV)",
        "System Maintenance at 08:00 (UTC), 16:00 (GMT) or 4 (PM)",
        "Proof of Reserves (2024) (Q1) (H2) (01/2024)",
        "Support Is Open 24/7, N/A in Your Region, I/O and A/B Tests",
        "A New Way to Earn: Plan B",
    ],
)
def test_short_words_that_are_no_coin(title: str) -> None:
    assert title_coins(title) == []


def test_each_article_is_told_once_oldest_first_with_its_own_time() -> None:
    articles = recorded_articles()
    newest = max(a["releaseDate"] for a in articles)
    desk = Desk(newest * 10**6 + HOUR_NS, max_age_h=24 * 365)
    desk.monitor.take(page(articles))
    desk.monitor.take(page(articles))
    assert [a.announcement_id for a in desk.told] == [str(a["id"]) for a in reversed(articles)]
    assert {a.source for a in desk.told} == {"binance.cms"}
    [celestia] = [a for a in desk.told if a.symbols == ["TIA"]]
    assert (celestia.category, celestia.ts_event) == ("listing", 1698671932206 * 10**6)


def test_old_articles_are_no_news_and_ids_are_forgotten() -> None:
    articles = recorded_articles()
    newest = max(a["releaseDate"] for a in articles)
    desk = Desk(newest * 10**6, max_age_h=24)
    desk.monitor.take(page(articles))
    recent = [a for a in articles if newest - a["releaseDate"] <= 24 * 3_600_000]
    assert len(desk.told) == len(recent) < len(articles)
    desk.now_ns += 100 * HOUR_NS
    desk.monitor.take(page(articles))
    assert len(desk.told) == len(recent)


def test_what_was_seen_is_bounded_by_age_and_number() -> None:
    seen = SeenIds(keep_s=10.0, most=3)
    assert [seen.add(name, 0) for name in "abab"] == [True, True, False, False]
    assert seen.add("a", 11 * 10**9)
    for number in range(100):
        seen.add(str(number), 12 * 10**9)
    assert len(seen) <= 4


def test_the_ladder_climbs_and_begins_anew() -> None:
    ladder = Ladder((60.0, 120.0, 240.0, 480.0))
    assert [ladder.refused() for _ in range(6)] == [60.0, 120.0, 240.0, 480.0, 480.0, 480.0]
    ladder.reset()
    assert [ladder.refused(), ladder.refused(900.0)] == [60.0, 900.0]


def test_a_bad_article_costs_its_neighbours_nothing() -> None:
    good = {"id": 1, "title": "Binance Will List X (XX)", "releaseDate": 1_700_000_000_000}
    articles, dirt = read_page(page([good, {"id": "?"}, 5]))
    assert len(articles) == 1
    assert len(dirt) == 2
    for strange in (b"", b"[]", b'{"data":null}', b"<html>", b"[" * 10_000):
        with pytest.raises(VenueError, match="expected a page"):
            read_page(strange)


async def test_polling_climbs_the_ladder_on_429_and_goes_on() -> None:
    answers = [
        web.Response(status=429),
        web.Response(status=418, headers={"Retry-After": "0"}),
        web.Response(status=429, headers={"Retry-After": "²"}),
        web.Response(status=500),
        web.Response(text="<html>"),
        web.Response(body=page([{"id": 1, "title": "Binance Will List X (XX)", "releaseDate": 1_700_000_000_000}])),
    ]

    async def answer(_: web.Request) -> web.Response:
        return answers.pop(0) if len(answers) > 1 else web.Response(body=answers[0].body)

    app = web.Application()
    app.router.add_get("/page", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/page"
    desk = Desk(1_700_000_000_000 * 10**6, urls=(url,), interval_s=0.01, backoff_s=(0.01, 0.02))
    task = asyncio.create_task(desk.monitor.run())
    try:
        await until(lambda: desk.told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()
    assert desk.monitor.refusals == 3
    assert [a.symbols for a in desk.told] == [["XX"]]
    assert len(desk.letters) == 1


async def test_the_simulated_exchange_announces_its_listings_before_they_trade(
    embedded_broker: LocalBroker, var: Path
) -> None:
    market = GeneratedMarketSettings(first_listing_after_s=8, announce_before_s=5, listings=2)
    async with exchange(symbols=5, market=market) as venue:
        settings = made(venue, embedded_broker, var, instruments_refresh_s=0.5)
        settings = replace(settings, announcements=AnnouncementSettings(interval_s=0.3, max_age_h=1.0))
        async with running(settings) as ingest:
            await until(lambda: ingest.announcements.announced >= 1)
            await until(lambda: len(ingest.universe.rows) > 5)
    told = of(Announcement, read_log(embedded_broker.address))
    page_news = [a for a in told if a.source == "binance.cms" and a.category == "listing"]
    seen = [a for a in told if a.source == "exchangeInfo"]
    assert page_news[0].symbols == seen[0].symbols
    assert page_news[0].ts_recv < seen[0].ts_recv


def test_the_pages_of_listings_and_delistings_are_polled_by_default() -> None:
    listings, delistings = default_urls("https://www.binance.com")
    assert listings.startswith("https://www.binance.com/bapi/composite/v1/public/cms/article/list/query")
    assert "catalogId=48" in listings
    assert "catalogId=161" in delistings
