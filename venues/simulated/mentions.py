"""What people post and chains move while coins are pumped and dumped: two JSON feeds beside the market, from the seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from venues.simulated.episodes import MARKET, Episode, Kind
from venues.simulated.market import GeneratedMarket

KEPT_S: Final = 3600
SHOWN: Final = 100
AUTHORS: Final = 240
TALK_PER_MINUTE: Final = 1.5  # posts that nothing is behind

RISING: Final = (
    "${coin} breakout, looks very bullish", "${coin} up {percent}% and still strong", "{coin}USDT volume is exploding",
    "Bought more ${coin}, this is going to the moon", "#{coin} massive surge, do not miss it", "{coin}突破, 量能暴涨",
    "${coin}起飞了, 看涨", "今天{coin}大涨, 还会新高吗", "anyone else watching ${coin}?", "{coin} longs are winning today",
)  # fmt: skip
FALLING: Final = (
    "${coin} is dumping, be careful", "Took profit on {coin}, looks weak now", "${coin} down hard, longs liquidated",
    "{coin}跳水了, 小心被套", "#{coin} crash again, total scam", "${coin}砸盘, 快跑", "sold all my {coin}, bad entry",
)  # fmt: skip
CRASHING: Final = (
    "BTC is crashing, panic everywhere", "$BTC plunge, market looks weak", "比特币暴跌, 全网爆仓", "sell everything? #BTC",
)  # fmt: skip
TALK: Final = (
    "What do you think of ${coin} at this level?", "{coin} chart update", "{coin}今天怎么看", "Reading about {coin} tokenomics",
    "Swapped some USDT for ${coin}", "{coin} sideways again", "GAS fees are low today, ${coin} holders", "gm, holding {coin}",
)  # fmt: skip
HEADS: Final = ("crypto", "chart", "alpha", "degen", "block", "moon", "币圈", "链上", "diamond", "market", "satoshi", "defi")
TAILS: Final = ("hamster", "wizard", "daily", "老王", "hunter", "signals", "大师", "trader", "watch", "fox")


class Chatter:
    """Posts and transfers of the market so far.

    A pump is talked of as it builds up and complained of as it fades; the larger it is, the more. Most authors have few followers, about
    one in fifteen has more than 10,000. Large transfers go to an exchange before a dump and as a pump fades. The same market, asked at
    the same time, gives the same answer.
    """

    def __init__(self, market: GeneratedMarket, seed: int) -> None:
        self._market = market
        self._seed = seed
        self._start_s = market.now_ms // 1000
        self._known: dict[Episode, list[dict[str, Any]]] = {}
        self._moved: dict[Episode, list[dict[str, Any]]] = {}
        self._talk: dict[int, list[dict[str, Any]]] = {}
        rng = np.random.default_rng([seed, 6])
        followers = np.exp(rng.normal(6.5, 1.8, AUTHORS)).astype(np.int64)
        self._authors = [
            {"name": f"{HEADS[n % len(HEADS)]}{TAILS[n // len(HEADS) % len(TAILS)]}{n // 120 or ''}", "followers": int(followers[n])}
            for n in range(AUTHORS)
        ]

    def posts(self) -> dict[str, Any]:
        """`{"data": {"posts": [...]}}`, the newest first."""
        self._look()
        now_ms = self._market.now_ms
        minute = now_ms // 60_000
        first = max(self._start_s // 60 - 30, minute - KEPT_S // 60)
        for m in range(first, minute + 1):
            if m not in self._talk:
                self._talk[m] = self._small_talk(m)
        for m in [m for m in self._talk if m < first]:
            del self._talk[m]
        return {"data": {"posts": _newest([*self._known.values(), *self._talk.values()], "created_at", now_ms)}}

    def transfers(self) -> dict[str, Any]:
        """`{"transfers": [...]}`, the newest first."""
        self._look()
        return {"transfers": _newest(list(self._moved.values()), "time", self._market.now_ms)}

    def _look(self) -> None:
        """Take in the episodes of now, drop those long over."""
        second = self._market.second
        for episode in self._market.generator.episodes:
            if episode not in self._known:
                rng = np.random.default_rng([self._seed, 7, episode.row + 1, int(episode.start_s)])
                self._known[episode] = self._talk_of(episode, rng)
                self._moved[episode] = self._moves_of(episode, rng)
        for gone in [episode for episode in self._known if episode.end_s + KEPT_S < second]:
            del self._known[gone], self._moved[gone]

    def _talk_of(self, episode: Episode, rng: np.random.Generator) -> list[dict[str, Any]]:
        base = self._market.universe.bases[episode.row] if episode.row != MARKET else "BTC"
        peak = episode.start_s + episode.build_s + episode.hold_s
        percent = round(100.0 * float(np.expm1(abs(episode.move))))
        rises = episode.kind in (Kind.PUMP, Kind.LISTING)
        count = 6 + min(int(rng.poisson(1.2 * percent)), 40)
        posts = []
        for n in range(count):
            if rng.random() < 0.7:
                at = episode.start_s + (peak - episode.start_s) * float(rng.random()) ** 0.8
            else:
                at = peak + episode.fade_s * float(rng.random()) ** 2
            if episode.row == MARKET:
                texts: Sequence[str] = CRASHING
            else:
                texts = RISING if rises and (at < peak or rng.random() < 0.3) else FALLING
            text = texts[int(rng.integers(len(texts)))].format(coin=base, percent=percent)
            posts.append(self._post(f"{base}-{int(episode.start_s)}-{n}", at, text, rng))
        return posts

    def _moves_of(self, episode: Episode, rng: np.random.Generator) -> list[dict[str, Any]]:
        if episode.row == MARKET or (episode.kind is Kind.PUMP and rng.random() < 0.5):
            return []
        universe, row = self._market.universe, episode.row
        falls = episode.kind is Kind.DUMP
        at = episode.start_s + (0.2 if falls else 1.0) * episode.build_s
        worth = float(universe.trade_notional[row]) * float(np.exp(rng.normal(7.5, 0.6)))
        coins = worth / float(universe.start_price[row])
        whither = "to an exchange" if falls or rng.random() < 0.7 else "from an exchange to an unknown wallet"
        base = universe.bases[row]
        text = f"{coins:,.0f} {base} ({worth:,.0f} USDT) moved {whither}"
        return [{"hash": _code(f"{base}{at}"), "text": text, "coin": base, "usd": round(worth), "time": int(1000 * at)}]

    def _small_talk(self, minute: int) -> list[dict[str, Any]]:
        rng = np.random.default_rng([self._seed, 8, minute])
        bases = self._market.universe.bases[: self._market.universe.listed]
        weight = np.arange(1, len(bases) + 1, dtype=np.float64) ** -0.8
        posts = []
        for n in range(int(rng.poisson(TALK_PER_MINUTE))):
            base = bases[int(rng.choice(len(bases), p=weight / weight.sum()))]
            text = TALK[int(rng.integers(len(TALK)))].format(coin=base)
            posts.append(self._post(f"{base}-{minute}-{n}", 60.0 * (minute + float(rng.random())), text, rng))
        return posts

    def _post(self, identity: str, at: float, text: str, rng: np.random.Generator) -> dict[str, Any]:
        author = self._authors[int(rng.integers(AUTHORS))]
        return {"id": _code(identity), "text": text, "user": author, "created_at": int(1000 * at)}


def _newest(lists: list[list[dict[str, Any]]], time_key: str, now_ms: int) -> list[dict[str, Any]]:
    told = [item for items in lists for item in items if item[time_key] <= now_ms]
    return sorted(told, key=lambda item: -item[time_key])[:SHOWN]


def _code(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
