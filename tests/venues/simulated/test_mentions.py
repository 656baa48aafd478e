"""The feeds beside the simulated market: they go with its pumps, name coins, and are the same whenever the market is."""

from __future__ import annotations

from contracts.settings.simulator import GeneratedMarketSettings
from venues.coin_names import post_coins
from venues.mentions import LexiconScorer
from venues.simulated.market import GeneratedMarket
from venues.simulated.mentions import SHOWN, Chatter

START_S = 1_786_000_020
CALM = GeneratedMarketSettings(
    history_minutes=60, history_days=0, listings=0, pump_every_s=0, slow_pump_every_s=0, dump_every_s=0, crash_every_s=0
)


def at(seconds: int, percent: float | None = None) -> tuple[GeneratedMarket, Chatter]:
    """A market of 40 coins so many seconds on, whose AAVE was pumped at once by this much over two minutes."""
    market = GeneratedMarket(CALM, 40, 7, START_S)
    chatter = Chatter(market, 7)
    if percent is not None:
        market.pump(market.universe.row["AAVEUSDT"], percent, 2.0)
        chatter.posts()
    for _ in range(10 * seconds):
        market.close_step()
        market.advance()
        market.trades()
    return market, chatter


def test_a_pump_is_talked_of_while_it_rises_and_complained_of_when_it_fades() -> None:
    market, chatter = at(60, 15.0)
    posts = [post for post in chatter.posts()["data"]["posts"] if "AAVE" in post["text"]]
    assert len(posts) >= 4
    assert all(post["created_at"] <= market.now_ms for post in posts)
    assert len({post["user"]["name"] for post in posts}) >= 4
    rising = [LexiconScorer().score(post["text"]) or 0.0 for post in posts]
    assert sum(rising) > 0
    for _ in range(10 * 200):
        market.close_step()
        market.advance()
        market.trades()
    later = [post for post in chatter.posts()["data"]["posts"] if "AAVE" in post["text"]]
    assert len(later) > len(posts)
    assert min(LexiconScorer().score(post["text"]) or 0.0 for post in later) < 0
    times = [post["created_at"] for post in chatter.posts()["data"]["posts"]]
    assert times == sorted(times, reverse=True)
    assert len(times) <= SHOWN


def test_a_calm_market_is_talked_of_a_little_and_moves_nothing() -> None:
    market, chatter = at(2)
    posts = chatter.posts()["data"]["posts"]
    assert 15 <= len(posts) <= 80  # half an hour of small talk
    bases = set(market.universe.bases)
    named = [post_coins(post["text"], bases.__contains__) for post in posts]
    assert sum(bool(coins) for coins in named) > 0.6 * len(posts)  # tickers that are words are named by cashtags alone
    assert chatter.transfers() == {"transfers": []}


def test_a_dump_is_preceded_by_a_large_transfer_and_the_same_market_says_the_same() -> None:
    (_, one), (_, other) = at(40, -10.0), at(40, -10.0)
    [transfer] = one.transfers()["transfers"]
    assert transfer["coin"] == "AAVE"
    assert "moved to an exchange" in transfer["text"]
    assert one.transfers() == other.transfers()
    assert one.posts() == other.posts()
