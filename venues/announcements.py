"""The venue's announcements: pages polled politely, titles read for coins, each article told once.

The pages are those of Binance's content system (`.../cms/article/list/query?catalogId=48`), which nobody documents, so
whatever is not as expected is put on record and polling goes on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import aiohttp
import msgspec
import structlog

from contracts.errors import VenueError
from contracts.events import Announcement
from contracts.settings.services import AnnouncementSettings
from venues.binance.tickers import MAX_DIRT, Dirt
from venues.binance.times import Stamp, nanos
from venues.coin_names import title_coins, without_pairs
from venues.retry_after import told_wait_s
from venues.seen import SeenIds

TIMEOUT_S = 15.0
HOUR_S = 3600.0
LONGEST_TITLE = 400
PATH = "/bapi/composite/v1/public/cms/article/list/query?type=1&catalogId={catalog}&pageNo=1&pageSize=20"
LISTINGS, DELISTINGS = 48, 161
THROTTLED = frozenset({429, 418})
AGENT = {"User-Agent": "Mozilla/5.0 (compatible; Emberline)"}

Category: TypeAlias = Literal["listing", "delisting", "other"]


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_WILL_LIST = _words("will list")
_LISTED = _words("will list|introducing|will add|will open trading|lists")
_DELISTED = _words("delist(?:s|ed|ing|ings)?|cease trading")
_REMOVED = _words("will remove|removal of")
_PART = _words("pairs?|tags?")
_PRODUCT = _words("futures|margin|perpetuals?|options")
_OF_PRODUCT = re.compile(r"^\s*Binance (?:Futures|Margin|Options)\b|\b(?:USDⓈ|USD|COIN)-M(?:argined)?\b", re.IGNORECASE)
_COIN_NAME = re.compile(r"(?:\b[A-Z0-9][^\s(),;:]* +)+\(")

log = structlog.get_logger()


class Article(msgspec.Struct, frozen=True):
    """One announcement as the page has it."""

    id: int
    title: str
    releaseDate: Stamp  # noqa: N815


class _Catalog(msgspec.Struct):
    catalogId: int  # noqa: N815
    articles: list[msgspec.Raw] = []


class _Data(msgspec.Struct):
    catalogs: list[_Catalog]


class _Page(msgspec.Struct):
    data: _Data


_page = msgspec.json.Decoder(_Page).decode
_article = msgspec.json.Decoder(Article, strict=False).decode


def default_urls(venue_url: str) -> tuple[str, ...]:
    """The pages of new listings and of delistings under a base URL."""
    return tuple(venue_url + PATH.format(catalog=catalog) for catalog in (LISTINGS, DELISTINGS))


def read_page(payload: bytes) -> tuple[list[tuple[int, Article]], list[Dirt]]:
    """(catalogue, article) in the page's order, and the articles nobody could read.

    Raises VenueError where the page as a whole has another shape.
    """
    try:
        catalogs = _page(payload).data.catalogs
    except (ValueError, RecursionError) as e:
        raise VenueError(f"announcements: expected a page of catalogues: {str(e)[:160]}") from e
    articles: list[tuple[int, Article]] = []
    dirt: list[Dirt] = []
    for catalog in catalogs:
        for raw in catalog.articles:
            try:
                articles.append((catalog.catalogId, _article(raw)))
            except (ValueError, RecursionError) as e:
                dirt.append(Dirt(f"article: {str(e)[:160]}", bytes(raw)[:MAX_DIRT]))
    return articles, dirt


def category(title: str, catalog: int = LISTINGS) -> Category:
    """What an article is about. A listing is a coin new to the spot market; futures, margin and new pairs of old
    coins are not. A delisting is of a coin: pairs or tags that go are none.

    >>> category("Binance Will List Celestia (TIA)"), category("Binance Adds NTRN on Margin")
    ('listing', 'other')
    >>> category("Binance Will Delist ANT"), category("Binance Will Remove ADA/BTC Spot Trading Pairs")
    ('delisting', 'other')
    """
    # A product's name may be a coin's: "Perpetual Protocol (PERP)".
    product = bool(_OF_PRODUCT.search(title) or _PRODUCT.search(_COIN_NAME.sub(" ", title)))
    if _WILL_LIST.search(title) and not product:
        return "listing"
    if catalog == DELISTINGS or _DELISTED.search(title) or _REMOVED.search(title):
        return "other" if _of_a_part(title) else "delisting"
    return "listing" if _LISTED.search(title) and not product else "other"


def _of_a_part(title: str) -> bool:
    """Whether what goes are pairs or tags: the coins stay."""
    bare = without_pairs(title)
    part = bare != title or _PART.search(title) is not None
    return part and not (_DELISTED.search(title) and title_coins(bare))


class Ladder:
    """Waits that grow one step at each refusal and begin anew after a success."""

    def __init__(self, steps: tuple[float, ...]) -> None:
        self._steps = steps
        self._step = 0

    def refused(self, told_s: float = 0.0) -> float:
        """The next wait, at least what the venue told."""
        wait = self._steps[min(self._step, len(self._steps) - 1)] if self._steps else 60.0
        self._step += 1
        return max(wait, told_s)

    def reset(self) -> None:
        """A success: the next refusal is a first one."""
        self._step = 0


class AnnouncementMonitor:
    """Poll the pages and append an `Announcement` for each new article that is not older than `max_age_h`.

    now() is the receive clock (ns); append and letter take events and dirt. Ids are the venue's: a repetition after
    a restart has the same `announcement_id`.
    """

    def __init__(
        self,
        settings: AnnouncementSettings,
        venue_url: str,
        now: Callable[[], int],
        append: Callable[[Announcement], None],
        letter: Callable[[str, Dirt], None],
        *,
        on_loopback: bool = False,
    ) -> None:
        self._settings = settings
        self._urls = settings.urls or default_urls(venue_url)
        self._now = now
        self._append = append
        self._letter = letter
        self._trust_env = not on_loopback
        self._seen = SeenIds(2 * settings.max_age_h * HOUR_S, settings.remember)
        self.polls = 0
        self.refusals = 0
        self.announced = 0

    async def run(self) -> None:
        """Poll until cancelled; pages wait for each other's refusals not at all."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=self._trust_env, headers=AGENT) as session:
            await asyncio.gather(*(self._follow(session, url) for url in self._urls))

    def take(self, payload: bytes) -> None:
        """Read one page and append what is new on it, oldest first. Raises VenueError on a page of another shape."""
        articles, dirt = read_page(payload)
        for item in dirt:
            self._letter("announcements", item)
        for catalog, article in sorted(articles, key=lambda found: found[1].releaseDate):
            now = self._now()
            released = nanos(article.releaseDate)
            if now - released > self._settings.max_age_h * HOUR_S * 1e9 or not self._seen.add(str(article.id), now):
                continue
            self.announced += 1
            title = article.title[:LONGEST_TITLE]
            self._append(
                Announcement(
                    ts_recv=now,
                    source="binance.cms",
                    announcement_id=str(article.id),
                    title=title,
                    category=category(title, catalog),
                    symbols=title_coins(title, self._settings.stop_words),
                    ts_event=released,
                )
            )

    async def _follow(self, session: aiohttp.ClientSession, url: str) -> None:
        ladder = Ladder(self._settings.backoff_s)
        strange = False
        while True:
            wait = self._settings.interval_s
            payload = b""
            try:
                async with session.get(url) as answer:
                    payload = await answer.read()
                self.polls += 1
                if answer.status in THROTTLED:
                    self.refusals += 1
                    wait = ladder.refused(told_wait_s(answer.headers))
                    log.warning("announcements_throttled", url=url, status=answer.status, wait_s=wait)
                elif answer.status == 200:
                    ladder.reset()
                    self.take(payload)
                    strange = False
                else:
                    log.warning("announcements_failed", url=url, status=answer.status)
            except VenueError as e:
                if not strange:  # once, not at every poll
                    self._letter("announcements", Dirt(str(e), payload[:MAX_DIRT]))
                    log.warning("announcements_strange", url=url, error=str(e))
                strange = True
            except (aiohttp.ClientError, TimeoutError, OSError) as e:
                log.warning("announcements_failed", url=url, error=f"{type(e).__name__}: {e}"[:160])
            await asyncio.sleep(wait)
