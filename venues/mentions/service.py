"""All connectors of a settings file, run together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

import structlog

from contracts.events import Mention
from contracts.settings.services import MentionSettings
from venues.binance.tickers import Dirt
from venues.mentions.door import Item, MentionDoor
from venues.mentions.polling import PollingFeed
from venues.mentions.sentiment import load_scorer
from venues.mentions.webhook import Webhook

log = structlog.get_logger()


class Connector(Protocol):
    """Brings items until it is cancelled."""

    async def run(self, take: Callable[[Item], bool]) -> None:
        """Hand each item to `take`, which says whether it was new and named a coin."""
        ...


class Mentions:
    """The door and its connectors. Raises SettingsError for a scorer that does not exist."""

    def __init__(
        self,
        settings: MentionSettings,
        now: Callable[[], int],
        known: Callable[[str], bool],
        append: Callable[[Mention], None],
        letter: Callable[[str, Dirt], None],
    ) -> None:
        self.door = MentionDoor(settings, load_scorer(settings.scorer), now, known, append)
        self.connectors: list[Connector] = [PollingFeed(feed, settings.backoff_s, letter) for feed in settings.feeds]
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
        await asyncio.gather(*(connector.run(self.door.take) for connector in self.connectors))
