"""Mentions whose text is scored by a slow scorer: in a thread, in order, while ingest goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from contracts.events import Mention
from venues.mentions.sentiment import Scorer, bounded

MOST_WAITING = 1000


class ScoringQueue:
    """Hold mentions until their text is scored. Beyond `MOST_WAITING` they are told at once, without tone, and counted."""

    def __init__(self, scorer: Scorer, now: Callable[[], int], append: Callable[[Mention], None]) -> None:
        self._scorer = scorer
        self._now = now
        self._append = append
        self._waiting: asyncio.Queue[tuple[Mention, str]] = asyncio.Queue(MOST_WAITING)
        self.unscored = 0

    def put(self, mention: Mention, text: str) -> None:
        """Score it as soon as those before are."""
        try:
            self._waiting.put_nowait((mention, text))
        except asyncio.QueueFull:
            self.unscored += 1
            self._append(mention)

    async def run(self) -> None:
        """Score until cancelled; what then still waits is told without tone."""
        try:
            while True:
                mention, text = await self._waiting.get()
                try:
                    tone = bounded(await asyncio.to_thread(self._scorer.score, text))
                except asyncio.CancelledError:
                    self._tell(mention, None)
                    raise
                self._tell(mention, tone)
        finally:
            while not self._waiting.empty():
                self.unscored += 1
                self._tell(self._waiting.get_nowait()[0], None)

    def _tell(self, mention: Mention, tone: float | None) -> None:
        # The log's receive times do not go back: it is received when it can be told.
        self._append(msgspec.structs.replace(mention, ts_recv=self._now(), sentiment=tone))
