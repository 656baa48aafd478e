"""The one door of mentions: whatever a connector brings becomes a `Mention`, once, or is left out and counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from contracts.events import Mention
from contracts.settings.services import MentionSettings
from venues.binance.times import EARLIEST_MS, LATEST_MS
from venues.coin_names import market_coin, post_coins
from venues.mentions.scoring import ScoringQueue
from venues.mentions.sentiment import Scorer, bounded
from venues.seen import SeenIds

LONGEST_TEXT = 2000
MOST_SYMBOLS = 10  # a text that names more coins speaks of none
MOST_FOLLOWERS = 10**9  # no account has more, and each factor of ten counts as a voice
HOUR_S = 3600.0


class Item(NamedTuple):
    """What a connector knows of a post or a transfer. time_ns 0: not told; symbols: those the source named itself."""

    source: str
    identity: str
    text: str
    author: str = ""
    followers: int = 0
    time_ns: int = 0
    kind: Literal["post", "transfer"] = "post"
    symbols: tuple[str, ...] = ()
    sentiment: float | None = None


class DoorCounters(msgspec.Struct, kw_only=True):
    """Items by what became of them: taken = told + repeated + old + nameless."""

    taken: int = 0
    told: int = 0
    repeated: int = 0
    old: int = 0
    nameless: int = 0


class MentionDoor:
    """Name the coins, score the tone, tell each item once.

    now() is the receive clock (ns); known(base) says whether the market has a coin of that name.
    """

    def __init__(
        self,
        settings: MentionSettings,
        scorer: Scorer,
        now: Callable[[], int],
        known: Callable[[str], bool],
        append: Callable[[Mention], None],
    ) -> None:
        self.queue = ScoringQueue(scorer, now, append) if getattr(scorer, "slow", False) else None
        self._stop_words = settings.stop_words
        self._max_age_ns = int(settings.max_age_h * HOUR_S * 1e9)
        self._scorer = scorer
        self._now = now
        self._known = known
        self._append = append
        self._seen = SeenIds(2 * settings.max_age_h * HOUR_S, settings.remember)
        self.counters = DoorCounters()

    def take(self, item: Item) -> bool:
        """Tell an item; False where it is a repetition, too old, or names no coin of the market."""
        now = self._now()
        self.counters.taken += 1
        ts_event = min(item.time_ns, now) or now
        if now - ts_event > self._max_age_ns:
            self.counters.old += 1
            return False
        if not self._seen.add(f"{item.source}:{item.identity}", now):
            self.counters.repeated += 1
            return False
        symbols = self._coins(item)
        if not symbols or len(symbols) > MOST_SYMBOLS:
            self.counters.nameless += 1
            return False
        self.counters.told += 1
        text = item.text[:LONGEST_TEXT]
        unscored = item.sentiment is None and item.kind == "post"
        queue = self.queue if unscored else None
        mention = Mention(
            ts_recv=now,
            source=item.source,
            mention_id=item.identity,
            author=item.author,
            followers=min(max(item.followers, 0), MOST_FOLLOWERS),
            text=text,
            symbols=symbols,
            sentiment=bounded(self._scorer.score(text) if unscored and queue is None else item.sentiment),
            kind=item.kind,
            ts_event=ts_event,
        )
        if queue is None:
            self._append(mention)
        else:
            queue.put(mention, text)
        return True

    def _coins(self, item: Item) -> list[str]:
        named = [market_coin(coin.strip().lstrip("$").upper(), self._known) for coin in item.symbols]
        named = [coin for coin in dict.fromkeys(named) if self._known(coin)]
        return named or post_coins(item.text, self._known, self._stop_words)


def time_ns(value: Any) -> int | None:
    """Unix nanoseconds of a number in s, ms, us or ns, or of an ISO 8601 text (UTC unless it says otherwise); None
    for others.

    >>> time_ns(1_700_000_000), time_ns("2023-11-14T22:13:20Z"), time_ns("soon")
    (1700000000000000000, 1700000000000000000, None)
    """
    if isinstance(value, str):
        try:
            if value.replace(".", "", 1).isdigit():
                value = float(value) if "." in value else int(value)
            else:
                told = datetime.fromisoformat(value.strip())
                value = (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    for per_ms in (0.001, 1, 1000, 1_000_000):
        if EARLIEST_MS * per_ms <= value <= LATEST_MS * per_ms:
            return int(value * (1_000_000 / per_ms)) if isinstance(value, float) else value * round(1_000_000 / per_ms)
    return None


def names_of(value: Any) -> tuple[str, ...]:
    """Coins from a list of texts, a list of objects with `symbol`, or one text with commas or spaces."""
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    if not isinstance(value, Iterable) or isinstance(value, dict):
        return ()
    texts = [item.get("symbol", "") if isinstance(item, dict) else item for item in value]
    return tuple(text for text in texts if isinstance(text, str) and text)
