"""Who speaks of a coin: different authors within a window, each counted once, weighed by followers and tone."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from contracts.events import Mention
from contracts.settings.discovery import HeatSettings
from operators.slices import SECOND

MINUTE_S: Final = 60
MOST_VOICES: Final = 256
"""Authors kept per coin; the one silent for longest leaves first."""
MOST_COINS: Final = 10_000

Voice = tuple[int, float, float | None]
"""Second of an author's newest mention, weight by followers, tone in -1..1."""
Talk = tuple[dict[str, Voice], dict[int, int]]
"""Of one coin: author -> voice, minute -> mentions in it."""


class Figures(NamedTuple):
    """What is said of one coin now. level: weighted voices faded to `second`; tone: their weighted mean, None if none has one."""

    level: float = 0.0
    second: int = 0
    mentions: int = 0
    voices: int = 0
    tone: float | None = None


SILENCE: Final = Figures()


class Social:
    """Count the voices of each coin.

    An author counts once per coin, with the newest mention: w * (1 + `tone_weight` * tone) * 2 ** (-age / `mention_fade_s`), where w is 1
    up to `famous_followers` and 1 + log10(followers / `famous_followers`) above, and a mention without tone has tone 0. A post without
    author speaks for its source, a transfer for itself. A voice not heard again within `mention_window_s` is forgotten at the next full
    minute. talk: base -> voices and mentions; its owner keeps it between calls.
    """

    def __init__(self, settings: HeatSettings) -> None:
        self._own = settings

    def hear(self, talk: dict[str, Talk], event: Mention) -> list[str]:
        """Take in one mention; one that was older than the window when it came is left out. Returns the bases that changed."""
        received = event.ts_recv // SECOND
        second = min(event.ts_event // SECOND, received)
        if second <= received - self._own.mention_window_s:
            return []
        changed = list(event.symbols)
        weight = 1.0
        if event.followers > self._own.famous_followers:
            weight += math.log10(event.followers / self._own.famous_followers)
        who = _speaker(event)
        for base in event.symbols:
            talk[base] = voices, minutes = talk.pop(base, ({}, {}))
            if len(talk) > MOST_COINS:
                changed.append(next(iter(talk)))
                del talk[changed[-1]]
            minute = second // MINUTE_S
            minutes[minute] = minutes.get(minute, 0) + 1
            known = voices.get(who)
            if known is not None and known[0] > second:
                continue
            voices[who] = (second, weight, event.sentiment)
            if len(voices) > MOST_VOICES:
                del voices[min(voices, key=lambda author: voices[author][0])]
        return changed

    def forget(self, talk: dict[str, Talk], now: int) -> list[str]:
        """Drop what is older than the window at second `now`, a full minute; returns the bases that changed."""
        last = now - self._own.mention_window_s
        changed = []
        for base, (voices, minutes) in list(talk.items()):
            gone = [who for who, (second, _, _) in voices.items() if second <= last]
            past = [minute for minute in minutes if (minute + 1) * MINUTE_S <= last]
            for who in gone:
                del voices[who]
            for minute in past:
                del minutes[minute]
            if gone or past:
                changed.append(base)
            if not voices and not minutes:
                del talk[base]
        return changed

    def figures(self, talk: dict[str, Talk], base: str) -> Figures:
        """What is said of a coin."""
        voices, minutes = talk.get(base, ({}, {}))
        if not voices:
            return SILENCE
        newest = max(second for second, _, _ in voices.values())
        level = toned = heard = 0.0
        for second, weight, tone in voices.values():
            part = weight * 2.0 ** ((second - newest) / self._own.mention_fade_s)
            level += part * (1.0 + self._own.tone_weight * (tone or 0.0))
            if tone is not None:
                toned += weight * tone
                heard += weight
        mean = round(toned / heard, 3) if heard > 0.0 else None
        return Figures(level, newest, sum(minutes.values()), len(voices), mean)


def _speaker(event: Mention) -> str:
    """Whose voice it is."""
    if event.author:
        return f"{event.source}/{event.author}"
    return f"{event.source}#{event.mention_id}" if event.kind == "transfer" else event.source
