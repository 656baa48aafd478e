"""A JSON feed that is polled: items found by dotted paths, so that a new feed is settings and no code."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import structlog

from contracts.settings.services import MentionFeedSettings
from venues.announcements import THROTTLED, TIMEOUT_S, Ladder
from venues.binance.endpoints import is_loopback
from venues.binance.tickers import MAX_DIRT, Dirt, number
from venues.mentions.door import Item, names_of, time_ns
from venues.retry_after import told_wait_s

log = structlog.get_logger()


def at_path(value: Any, path: str) -> Any:
    """The value at a dotted path; list indices are numbers. None where there is nothing.

    >>> at_path({"user": [{"name": "x"}]}, "user.0.name"), at_path({}, "a.b")
    ('x', None)
    """
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


class PollingFeed:
    """Poll one feed and hand its items on. 429 and 418 climb the back-off ladder; any other fault waits one interval."""

    def __init__(
        self,
        settings: MentionFeedSettings,
        backoff_s: tuple[float, ...],
        letter: Callable[[str, Dirt], None],
    ) -> None:
        self._settings = settings
        self._backoff_s = backoff_s
        self._letter = letter
        self.polls = 0
        self.refusals = 0

    async def run(self, take: Callable[[Item], bool]) -> None:
        """Poll until cancelled."""
        ladder = Ladder(self._backoff_s)
        strange = False
        token = os.environ.get(self._settings.token_env, "") if self._settings.token_env else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        trust = not is_loopback(self._settings.url)  # no proxy of the environment stands before this machine
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=trust, headers=headers) as session:
            while True:
                wait = self._settings.interval_s
                try:
                    async with session.get(self._settings.url) as answer:
                        payload = await answer.read()
                    self.polls += 1
                    if answer.status in THROTTLED:
                        self.refusals += 1
                        wait = ladder.refused(told_wait_s(answer.headers))
                        log.warning("mentions_throttled", feed=self._settings.name, wait_s=wait)
                    elif answer.status == 200:
                        ladder.reset()
                        problem = self.read(payload, take)
                        if problem and not strange:  # once, not at every poll
                            self._letter(f"mentions.{self._settings.name}", Dirt(problem, payload[:MAX_DIRT]))
                        strange = bool(problem)
                    else:
                        log.warning("mentions_failed", feed=self._settings.name, status=answer.status)
                except (aiohttp.ClientError, TimeoutError, OSError) as e:
                    log.warning("mentions_failed", feed=self._settings.name, error=f"{type(e).__name__}: {e}"[:160])
                await asyncio.sleep(wait)

    def read(self, payload: bytes, take: Callable[[Item], bool]) -> str:
        """Hand on the items of one answer; says what was unreadable, or nothing."""
        try:
            whole = msgspec.json.decode(payload)
            items = at_path(whole, self._settings.items)
        except (ValueError, RecursionError) as e:
            return f"no JSON: {str(e)[:160]}"
        if not isinstance(items, list):
            return f"expected a list of items at `{self._settings.items}`"
        bad = 0
        referred = self._referred(whole)
        for raw in items:
            item = self._item(self._joined(raw, referred))
            if item is None:
                bad += 1
            else:
                take(item)
        return f"{bad} of {len(items)} items without id or text" if bad else ""

    def _referred(self, whole: Any) -> dict[Any, Any]:
        """Entries of the second list by what they are referred to by."""
        join = self._settings.join
        entries = at_path(whole, join.items) if join is not None else None
        if join is None or not isinstance(entries, list):
            return {}
        keys = [at_path(entry, join.key) for entry in entries]
        return {key: entry for key, entry in zip(keys, entries, strict=True) if isinstance(key, str | int)}

    def _joined(self, raw: Any, referred: dict[Any, Any]) -> Any:
        join = self._settings.join
        if join is None or not isinstance(raw, dict):
            return raw
        key = at_path(raw, join.by)
        return {**raw, "joined": referred.get(key) if isinstance(key, str | int) else None}

    def _item(self, raw: Any) -> Item | None:
        fields = self._settings.fields
        identity, text = at_path(raw, fields.id), at_path(raw, fields.text)
        if isinstance(identity, bool) or not isinstance(identity, str | int) or not isinstance(text, str):
            return None
        author = at_path(raw, fields.author) if fields.author else None
        followers = number(at_path(raw, fields.followers)) if fields.followers else None
        return Item(
            source=self._settings.name,
            identity=str(identity)[:200],
            text=text,
            author=str(author)[:100] if isinstance(author, str | int) else "",
            followers=int(followers or 0),
            time_ns=(time_ns(at_path(raw, fields.time)) or 0) if fields.time else 0,
            kind=self._settings.kind,
            symbols=names_of(at_path(raw, fields.symbols)) if fields.symbols else (),
            sentiment=number(at_path(raw, fields.sentiment)) if fields.sentiment else None,
        )
