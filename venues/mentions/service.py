"""All connectors of a settings file, run together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from contracts.events import Mention
from contracts.settings.services import FeedFieldSettings, MentionFeedSettings, MentionSettings
from venues.binance.tickers import Dirt
from venues.mentions.door import Item, MentionDoor
from venues.mentions.polling import PollingFeed
from venues.mentions.sentiment import load_scorer
from venues.mentions.webhook import Webhook

log = structlog.get_logger()


def simulated_feeds(rest_url: str) -> tuple[MentionFeedSettings, ...]:
    """What the simulated exchange serves beside its market: posts, and large transfers."""
    return (
        MentionFeedSettings(
            name="posts",
            url=f"{rest_url}/sim/mentions",
            items="data.posts",
            fields=FeedFieldSettings(author="user.name", followers="user.followers", time="created_at"),
            interval_s=4.0,
        ),
        MentionFeedSettings(
            name="transfers",
            url=f"{rest_url}/sim/transfers",
            kind="transfer",
            items="transfers",
            fields=FeedFieldSettings(id="hash", author="", followers="", symbols="coin"),
            interval_s=7.0,
        ),
    )


class Connector(Protocol):
    """Brings items until it is cancelled."""

    async def run(self, take: Callable[[Item], bool]) -> None:
        """Hand each item to `take`, which says whether it was new and named a coin."""
        ...


class Mentions:
    """The door and its connectors. Raises SettingsError for a scorer that does not exist or cannot run."""

    def __init__(
        self,
        settings: MentionSettings,
        now: Callable[[], int],
        known: Callable[[str], bool],
        append: Callable[[Mention], None],
        letter: Callable[[str, Dirt], None],
        venue_feeds: Sequence[MentionFeedSettings] = (),
    ) -> None:
        feeds = [*settings.feeds, *(venue_feeds if settings.venue_feeds else ())]
        scorer = load_scorer(settings.scorer, settings.classifier)
        self.door = MentionDoor(settings, scorer, now, known, append)
        self.connectors: list[Connector] = [PollingFeed(feed, settings.backoff_s, letter) for feed in feeds]
        self.webhook: Webhook | None = None
        if settings.webhook_port is not None:
            token = os.environ.get(settings.webhook_token_env, "")
            if token:
                self.webhook = Webhook(settings.webhook_port, token)
                self.connectors.append(self.webhook)
            else:
                log.warning("webhook_shut", missing=settings.webhook_token_env)

    async def run(self) -> None:
        """Run all connectors until cancelled; with none there is nothing to do but wait."""
        if not self.connectors:
            await asyncio.Event().wait()
        scoring = [self.door.queue.run()] if self.door.queue is not None else []
        await asyncio.gather(*(connector.run(self.door.take) for connector in self.connectors), *scoring)
