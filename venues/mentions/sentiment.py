"""The tone of a text in -1..1, by a lexicon; any other scorer can take its place."""

from __future__ import annotations

import importlib
import math
import re
from typing import Protocol, runtime_checkable

from contracts.errors import SettingsError
from contracts.settings.services import ClassifierSettings

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

CHINESE = {
    "看涨": 2.5, "看多": 2.0, "利好": 2.0, "暴涨": 2.5, "大涨": 2.2, "上涨": 1.2, "涨停": 1.8, "突破": 1.8, "新高": 2.0, "起飞": 2.0,
    "拉升": 1.6, "拉盘": 1.3, "反弹": 1.2, "牛市": 1.8, "看好": 1.6, "买入": 1.0, "加仓": 1.2, "抄底": 1.0, "做多": 0.8, "上币": 1.2,
    "暴富": 1.5, "百倍": 1.6, "合作": 1.0, "强势": 1.3, "回暖": 1.0, "看跌": -2.5, "看空": -2.0, "利空": -2.0, "暴跌": -2.5,
    "大跌": -2.2, "下跌": -1.2, "跳水": -2.0, "崩盘": -2.8, "归零": -3.0, "砸盘": -2.2, "跑路": -3.2, "骗局": -3.0, "割韭菜": -2.6,
    "传销": -3.0, "被盗": -3.0, "黑客": -2.6, "漏洞": -2.0, "爆仓": -2.2, "熊市": -1.8, "恐慌": -2.0, "卖出": -1.0, "清仓": -1.4,
    "做空": -0.8, "下架": -2.4, "退市": -2.4, "监管": -0.8, "起诉": -2.0, "亏损": -1.6, "套牢": -1.8, "被套": -1.8, "垃圾": -2.0,
}  # fmt: skip
CHINESE_NEGATIONS = ("不", "没", "别")
CHINESE_STRONGER = {"非常": 1.3, "极度": 1.5, "超级": 1.3, "全面": 1.2}

_WORDS = re.compile(r"[a-z]+")
_NO_NEGATION = re.compile("不错|不断|不仅|不止|特别|分别|级别|没想到")
_CHINESE = re.compile("|".join(sorted(CHINESE, key=len, reverse=True)))


@runtime_checkable
class Scorer(Protocol):
    """Judges a text. One with an attribute `slow = True` is called in a thread, so that ingest does not wait for it."""

    def score(self, text: str) -> float | None:
        """The tone in -1..1; None where the text says nothing of it."""
        ...


class LexiconScorer:
    """Sum of word weights s, turned by negations and grown by strengthening words up to three words before, as s /
    sqrt(s^2 + 15).

    The normalisation is VADER's (Hutto & Gilbert 2014); the words are those of this market, English and Chinese (there negations and
    strengthening words up to three characters before).

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
        for match in _CHINESE.finditer(text):
            found = True
            weight = CHINESE[match.group()]
            before = _NO_NEGATION.sub("", text[max(0, match.start() - REACH) : match.start()])
            for strong, factor in CHINESE_STRONGER.items():
                weight *= factor if strong in before else 1.0
            total += weight * (-0.74 if any(no in before for no in CHINESE_NEGATIONS) else 1.0)
        return total / math.sqrt(total * total + ALPHA) if found else None


def bounded(tone: float | None) -> float | None:
    """A tone within -1..1; None for what is no number."""
    return None if tone is None or not math.isfinite(tone) else min(max(float(tone), -1.0), 1.0)


def load_scorer(name: str, classifier: ClassifierSettings | None = None) -> Scorer:
    """The scorer a settings file names: "lexicon", "onnx", or "package.module:factory" whose result is called for every text.

    Raises SettingsError where there is none of that name, or the classifier cannot run.
    """
    if name == "lexicon":
        return LexiconScorer()
    if name == "onnx":
        from venues.mentions.classifier import OnnxScorer

        return OnnxScorer(classifier or ClassifierSettings())
    module, colon, factory = name.partition(":")
    if not colon:
        raise SettingsError(f"mentions.scorer: expected lexicon, onnx or package.module:factory, was {name!r}")
    try:
        made = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, ValueError, TypeError) as e:
        raise SettingsError(f"mentions.scorer: {name} cannot be made: {e}") from e
    if not isinstance(made, Scorer):
        raise SettingsError(f"mentions.scorer: {name} makes a {type(made).__name__}, which has no score(text)")
    return made
