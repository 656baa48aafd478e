"""The tone of a text in -1..1, by a lexicon; any other scorer can take its place."""

from __future__ import annotations

import importlib
import math
import re
from typing import Protocol, runtime_checkable

from contracts.errors import SettingsError

POSITIVE = {
    "bullish": 2.5, "moon": 2.0, "mooning": 2.5, "pump": 1.2, "pumping": 1.5, "breakout": 1.8, "rally": 1.8, "surge":
    1.8, "soar": 2.0, "soaring": 2.0, "gain": 1.3, "gains": 1.5, "profit": 1.4, "buy": 1.0, "buying": 1.0, "long":
    0.8, "up": 0.6, "ath": 2.0, "adoption": 1.2, "partnership": 1.3, "listing": 1.2, "listed": 1.2, "upgrade": 1.0,
    "strong": 1.2, "great": 1.5, "good": 1.0, "love": 1.8, "win": 1.3, "gem": 1.5, "undervalued": 1.6, "accumulate":
    1.0, "launch": 0.8, "rocket": 1.8, "explode": 1.5, "exploding": 1.6, "green": 0.8, "hodl": 0.8, "recover": 1.0,
    "recovery": 1.0,
}  # fmt: skip
NEGATIVE = {
    "bearish": 2.5, "dump": 2.0, "dumping": 2.2, "crash": 2.5, "crashing": 2.5, "scam": 3.0, "rug": 3.0, "rugpull": 3.2,
    "hack": 2.8, "hacked": 3.0, "exploit": 2.6, "exploited": 2.8, "drain": 2.0, "drained": 2.6, "sell": 1.0,
    "selling": 1.0, "short": 0.8, "down": 0.6, "loss": 1.5, "losses": 1.6, "fear": 1.4, "panic": 2.0, "liquidated":
    2.0, "liquidation": 1.6, "delist": 2.4, "delisting": 2.4, "lawsuit": 2.0, "fraud": 3.0, "ponzi": 3.0, "dead":
    2.0, "weak": 1.2, "bad": 1.2, "worst": 2.2, "hate": 2.0, "overvalued": 1.6, "bubble": 1.4, "ban": 1.8, "banned":
    2.0, "halt": 1.5, "halted": 1.6, "collapse": 2.6, "plunge": 2.2, "plunging": 2.2, "red": 0.8, "rekt": 2.2,
    "stolen": 2.6, "insolvent": 3.0,
}  # fmt: skip
NEGATIONS = frozenset(
    ["not", "no", "never", "isnt", "dont", "doesnt", "didnt", "wont", "cant", "aint", "without", "hardly"]
)
STRONGER = {"very": 1.3, "extremely": 1.5, "super": 1.3, "so": 1.15, "huge": 1.3, "massive": 1.4, "totally": 1.3}
REACH = 3  # words before it that a negation or a strengthening word works on
ALPHA = 15.0

_WORDS = re.compile(r"[a-z]+")


@runtime_checkable
class Scorer(Protocol):
    """Judges a text."""

    def score(self, text: str) -> float | None:
        """The tone in -1..1; None where the text says nothing of it."""
        ...


class LexiconScorer:
    """Sum of word weights s, turned by negations and grown by strengthening words up to three words before, as s /
    sqrt(s^2 + 15).

    The normalisation is VADER's (Hutto & Gilbert 2014); the words are those of this market.

    >>> LexiconScorer().score("SOL breakout, very bullish") > 0.5 > 0 > LexiconScorer().score("not bullish at all")
    True
    """

    def score(self, text: str) -> float | None:
        """The tone in -1..1; None where no word of the lexicon occurs."""
        words = _WORDS.findall(text.lower().replace("'", "").replace("’", ""))
        total, found = 0.0, False
        for at, word in enumerate(words):
            weight = POSITIVE.get(word, 0.0) - NEGATIVE.get(word, 0.0)
            if weight == 0.0:
                continue
            found = True
            for before in words[max(0, at - REACH) : at]:
                weight *= STRONGER.get(before, 1.0)
                if before in NEGATIONS:
                    weight *= -0.74
            total += weight
        return total / math.sqrt(total * total + ALPHA) if found else None


def load_scorer(name: str) -> Scorer:
    """The scorer a settings file names: "lexicon", or "package.module:factory" whose result is called for every text.

    Raises SettingsError where there is none of that name.
    """
    if name == "lexicon":
        return LexiconScorer()
    module, colon, factory = name.partition(":")
    if not colon:
        raise SettingsError(f"mentions.scorer: expected lexicon or package.module:factory, was {name!r}")
    try:
        made = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, ValueError, TypeError) as e:
        raise SettingsError(f"mentions.scorer: {name} cannot be made: {e}") from e
    if not isinstance(made, Scorer):
        raise SettingsError(f"mentions.scorer: {name} makes a {type(made).__name__}, which has no score(text)")
    return made
