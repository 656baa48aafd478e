"""The desk's counters as words: `rows.trade`, `recent.orders`, `denied.COOLDOWN`, `denied_symbol.BTCUSDT`."""

from __future__ import annotations

from typing import Final

from cockpit.reading import code_text, spelled
from cockpit.strings import WORDS, word
from contracts.texts import TEXTS

WHOLE: Final = {"denied": "counted_denied_for", "denied_symbol": "counted_denied_for", "recent": "counted_recent"}
"""What a group of counters is said to be of."""


def counter_name(name: str) -> str:
    """A counter in the reader's language.

    >>> counter_name("rows.trade"), counter_name("recent.orders"), counter_name("denied_symbol.BTCUSDT")
    ('Trades read', 'Orders, last 5 min', 'Denied: BTCUSDT')
    """
    group, _, rest = name.partition(".")
    if group in WHOLE and rest:
        what = code_text(rest) if rest in TEXTS else _one(rest)
        return word(WHOLE[group], what=what)
    return _one(name)


def _one(name: str) -> str:
    key = f"counted_{name.replace('.', '_')}"
    return word(key) if key in WORDS else spelled(name.replace(".", " "))
