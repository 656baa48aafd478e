from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SettingsError
from contracts.events import Mention, decode_event, encode_event
from contracts.settings.services import FeedFieldSettings, FeedJoinSettings, MentionFeedSettings, MentionSettings
from infra.broker import LocalBroker
from tests.venues.log_reader import of, read_log
from tests.venues.test_ingest_simulated import exchange, made, running, until
from venues.binance.tickers import Dirt
from venues.coin_names import post_coins
from venues.ingest import Ingest
from venues.mentions import Item, LexiconScorer, MentionDoor, Mentions, PollingFeed, load_scorer
from venues.mentions.door import time_ns
from venues.mentions.polling import at_path

NOW = 1_700_000_000_000_000_000
COINS = frozenset({"BTC", "ETH", "SOL", "PEPE", "GAS", "ONE", "THE", "DOGE", "1INCH", "LINK", "DATA", "POWER", "BCH"})


class Heard:
    """Mentions as a desk would hear them."""

    def __init__(self, **settings: Any) -> None:
        self.told: list[Mention] = []
        self.letters: list[Dirt] = []
        self.now_ns = NOW
        self.mentions = Mentions(
            MentionSettings(**settings),
            lambda: self.now_ns,
            COINS.__contains__,
            self.told.append,
            lambda _, dirt: self.letters.append(dirt),
        )

    @property
    def door(self) -> MentionDoor:
        return self.mentions.door


@pytest.mark.parametrize(
    ("text", "coins"),
    [
        ("$pepe and $BTC are flying", ["PEPE", "BTC"]),
        ("SOL looks ready", ["SOL"]),
        ("GAS fees are THE worst, ONE more time", []),  # words first, coins second
        ("$GAS breaks out", ["GAS"]),
        ("I bought Bitcoin and some dogecoin", ["BTC", "DOGE"]),
        ("BUY BTC NOW", []),  # shouting
        ("paid $500 for it, USDT only", []),
        ("https://x.com/BTC?ref=SOL @ETH", []),
        ("#ETH #Bitcoin", ["ETH", "BTC"]),
        ("$SOLUSDT and $btcusdt, $NOPEUSDT and $USDT", ["SOL", "BTC"]),
        ("$SOL, $SOLUSDT", ["SOL"]),
        ("SOLUSDT long, BTC/USDT short, ETH-PERP flat", ["SOL", "BTC", "ETH"]),
        ("JUST IN: BITCOIN HITS A NEW ALL TIME HIGH", ["BTC"]),
        ("Bitcoin Cash is not Bitcoin", ["BCH", "BTC"]),
        ("ether and etherscan, the bitcoiners", ["ETH"]),
        ("LINK in bio, DATA shows POWER", []),
        ("$1inch, $100 and $1,000,000", ["1INCH"]),
        ("$SOL's chart, (BTC), ETH...", ["SOL", "BTC", "ETH"]),
        ("BTC突破7万美元,SOL也在拉升", ["BTC", "SOL"]),
        ("今晚$PEPE要起飞了", ["PEPE"]),
        ("比特币现金和以太坊都在涨,狗狗币没动", ["BCH", "ETH", "DOGE"]),
        ("#SOL#生态爆发, ＢＴＣ新高", ["SOL", "BTC"]),
        ("GAS费太高了, ONE天涨这么多", []),
        ("USDT充值送100U", []),
        ("NOPE is not listed here", []),
        ("", []),
    ],
)
def test_posts_name_coins_by_cashtag_ticker_or_name(text: str, coins: list[str]) -> None:
    assert post_coins(text, COINS.__contains__) == coins


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("very bullish breakout, to the moon", 0.6, 1.0),
        ("not bullish", -0.6, -0.2),
        ("rug pull, total scam", -1.0, -0.4),
        ("good", 0.1, 0.4),
        ("比特币突破新高, 非常看好", 0.6, 1.0),
        ("项目方跑路了, 全面崩盘", -1.0, -0.7),
        ("我不看好这个币", -0.6, -0.1),
        ("特别看好以太坊", 0.3, 0.6),
    ],
)
def test_the_lexicon_hears_the_tone(text: str, low: float, high: float) -> None:
    tone = LexiconScorer().score(text)
    assert tone is not None
    assert low <= tone <= high


def test_a_text_without_tone_has_none() -> None:
    assert LexiconScorer().score("SOL is at 150 today") is None
    assert LexiconScorer().score("今天比特币价格是多少") is None


@given(st.text())
def test_any_text_scores_within_bounds_and_names_only_known_coins(text: str) -> None:
    tone = LexiconScorer().score(text)
    assert tone is None or -1.0 <= tone <= 1.0
    assert set(post_coins(text, COINS.__contains__)) <= COINS


def test_an_item_is_told_once_with_its_weight_and_time() -> None:
    heard = Heard()
    item = Item("square", "7", "$PEPE is very bullish", "anna", 25_000, NOW - 5 * 10**9)
    assert heard.door.take(item)
    assert not heard.door.take(item)
    [mention] = heard.told
    assert (mention.author, mention.followers, mention.symbols) == ("anna", 25_000, ["PEPE"])
    assert (mention.ts_event, mention.ts_recv) == (NOW - 5 * 10**9, NOW)
    assert mention.sentiment is not None
    assert mention.sentiment > 0.3
    assert decode_event(encode_event(mention)) == mention
    assert heard.door.counters == type(heard.door.counters)(taken=2, told=1, repeated=1)


def test_old_nameless_and_crowded_items_are_left_out_and_counted() -> None:
    heard = Heard(max_age_h=1.0)
    assert not heard.door.take(Item("x", "1", "$BTC", time_ns=NOW - 2 * 3600 * 10**9))
    assert not heard.door.take(Item("x", "2", "nothing of note"))
    heard.door._known = str.isalnum
    assert not heard.door.take(Item("x", "3", " ".join(f"$AB{i}" for i in range(11))))
    counters = heard.door.counters
    assert (counters.taken, counters.old, counters.nameless) == (3, 1, 2)


def test_a_large_transfer_goes_through_the_same_door() -> None:
    heard = Heard()
    heard.door.take(Item("whales", "0xabc", "12,000 ETH moved to an exchange", kind="transfer", symbols=("eth",)))
    [mention] = heard.told
    assert (mention.kind, mention.symbols, mention.sentiment) == ("transfer", ["ETH"], None)


def test_a_feed_may_name_coins_by_their_symbols() -> None:
    heard = Heard()
    assert heard.door.take(Item("hook", "1", "look", symbols=("BTCUSDT", "$solusdc", "SOL", "NOPEUSDT")))
    assert heard.told[0].symbols == ["BTC", "SOL"]


@pytest.mark.parametrize(("said", "kept"), [(-5, 0), (7, 7), (10**9, 10**9), (10**30, 10**9)])
def test_no_account_has_more_followers_than_there_are_people(said: int, kept: int) -> None:
    heard = Heard()
    heard.door.take(Item("x", "1", "$BTC", "anna", said))
    [mention] = heard.told
    assert mention.followers == kept
    assert decode_event(encode_event(mention)) == mention


def test_a_time_from_the_future_becomes_the_receive_time() -> None:
    heard = Heard()
    heard.door.take(Item("x", "1", "$BTC", time_ns=NOW + 10**15))
    assert heard.told[0].ts_event == NOW


@pytest.mark.parametrize("value", [1_700_000_000, 1_700_000_000_000, 1_700_000_000 * 10**9, "1700000000", 1.7e9])
def test_times_are_read_in_any_unit(value: Any) -> None:
    assert time_ns(value) == NOW


@pytest.mark.parametrize("value", [None, True, "", "soon", [], float("nan"), 5, 10**30])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert time_ns(value) is None


FEED = MentionFeedSettings(
    name="tweets",
    url="http://nowhere",
    items="data.posts",
    fields=FeedFieldSettings(author="user.name", followers="user.followers", time="created_at", symbols="tags"),
)


def test_any_json_feed_is_read_by_its_paths() -> None:
    heard = Heard()
    post = {
        "id": 5,
        "text": "look at this",
        "user": {"name": "bob", "followers": "12000"},
        "created_at": "2023-11-14T22:13:00+00:00",
        "tags": ["$SOL", "???"],
    }
    feed = PollingFeed(FEED, (), lambda *_: None)
    problem = feed.read(json.dumps({"data": {"posts": [post, {"id": None}, 3]}}).encode(), heard.door.take)
    assert problem == "2 of 3 items without id or text"
    [mention] = heard.told
    assert (mention.source, mention.mention_id, mention.author, mention.followers) == ("tweets", "5", "bob", 12_000)
    assert mention.symbols == ["SOL"]
    assert mention.ts_event == NOW - 20 * 10**9


def test_only_a_plain_number_is_an_index_of_a_list() -> None:
    assert at_path([5, 6, 7], "2") == 7
    assert at_path([5, 6, 7], "²") is None


def test_followers_beyond_all_bounds_are_cut_whatever_their_form() -> None:
    heard = Heard()
    posts = [{"id": n, "text": "$BTC", "user": {"followers": said}} for n, said in enumerate(("1e30", 1e308, 10**25))]
    payload = json.dumps({"data": {"posts": posts}}).encode()
    assert PollingFeed(FEED, (), lambda *_: None).read(payload, heard.door.take) == ""
    assert [mention.followers for mention in heard.told] == [10**9] * 3


def test_authors_that_stand_in_a_list_of_their_own_are_joined() -> None:
    feed = msgspec.convert(
        {
            "name": "x",
            "url": "https://api.x.com/2/tweets/search/recent",
            "items": "data",
            "join": {"items": "includes.users", "by": "author_id"},
            "fields": {
                "author": "joined.username",
                "followers": "joined.public_metrics.followers_count",
                "time": "created_at",
            },
        },
        MentionFeedSettings,
    )
    tweet = {"text": "$SOL", "created_at": "2023-11-14T22:13:00.000Z"}
    answer = {
        "data": [{"id": "1", "author_id": "7", **tweet}, {"id": "2", "author_id": "8", **tweet}, {"id": "3", **tweet}],
        "includes": {"users": [{"id": "7", "username": "anna", "public_metrics": {"followers_count": 20_000}}, 5]},
    }
    heard = Heard()
    assert PollingFeed(feed, (), lambda *_: None).read(json.dumps(answer).encode(), heard.door.take) == ""
    assert [(m.author, m.followers) for m in heard.told] == [("anna", 20_000), ("", 0), ("", 0)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "text", "user", "tags"]), inner),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=4) | JSON)
def test_no_shape_of_a_feed_raises(posts: Any) -> None:
    join = FeedJoinSettings(items="data.posts", by="user", key="tags")
    for settings in (FEED, msgspec.structs.replace(FEED, join=join)):
        PollingFeed(settings, (), lambda *_: None).read(
            msgspec.json.encode({"data": {"posts": posts}}), Heard().door.take
        )


async def test_polling_climbs_the_ladder_and_puts_strange_answers_on_record() -> None:
    answers = [
        web.Response(status=429, headers={"Retry-After": "²"}),
        web.Response(text="<html>"),
        web.json_response({"data": {"posts": [{"id": "1", "text": "$BTC"}]}}),
    ]

    async def answer(_: web.Request) -> web.Response:
        return answers.pop(0) if len(answers) > 1 else web.Response(body=answers[0].body)

    app = web.Application()
    app.router.add_get("/feed", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/feed"
    heard = Heard(
        feeds=(MentionFeedSettings(name="f", url=url, items="data.posts", interval_s=0.01),), backoff_s=(0.01,)
    )
    task = asyncio.create_task(heard.mentions.run())
    try:
        await until(lambda: heard.told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()
    assert [dirt.reason.split(":")[0] for dirt in heard.letters] == ["no JSON"]


async def test_posts_and_large_transfers_of_the_simulated_exchange_reach_the_log(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with exchange(symbols=10) as venue:
        assert venue.market is not None
        assert venue.chatter is not None
        chatter = venue.chatter
        venue.market.pump(venue.market.universe.row["ADAUSDT"], -10.0, 0.02)
        await until(lambda: chatter.transfers()["transfers"])
        async with running(made(venue, embedded_broker, var)) as ingest:
            await until(lambda: {"posts", "transfers"} <= sources(ingest))
        assert ingest.mentions.door.counters.told == ingest.account.events["mention"]
    told = of(Mention, read_log(embedded_broker.address))
    [transfer] = [m for m in told if m.kind == "transfer"]
    assert (transfer.source, transfer.symbols, transfer.author, transfer.sentiment) == ("transfers", ["ADA"], "", None)
    posts = [m for m in told if m.kind == "post"]
    assert all(m.source == "posts" and m.author and m.followers > 0 and m.symbols for m in posts)
    assert all(m.ts_event <= m.ts_recv for m in told)
    assert any(m.sentiment is not None for m in posts)


def sources(ingest: Ingest) -> set[str]:
    """Feeds that have told something."""
    return {key.partition(":")[0] for key in ingest.mentions.door._seen._seen}


async def test_the_webhook_takes_pushes_that_know_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBERLINE_MENTIONS_TOKEN", "secret")
    heard = Heard(webhook_port=0)
    webhook = heard.mentions.webhook
    assert webhook is not None
    task = asyncio.create_task(heard.mentions.run())
    await until(lambda: webhook.port)
    url = f"http://127.0.0.1:{webhook.port}/mentions"
    push = [
        {"id": "1", "text": "$PEPE", "followers": 7},
        {"id": "2", "text": "transfer", "kind": "transfer", "symbols": ["ETHUSDT"]},
    ]
    try:
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json=push) as refused:
                assert refused.status == 401
            headers = {"Authorization": "Bearer secret"}
            async with session.post(url, json=push, headers=headers) as taken:
                assert await taken.json() == {"items": 2, "told": 2}
            async with session.post(url, json={"id": ""}, headers=headers) as bad:
                assert bad.status == 400
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(m.source, m.kind, m.symbols) for m in heard.told] == [
        ("webhook", "post", ["PEPE"]),
        ("webhook", "transfer", ["ETH"]),
    ]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"max_age_h": 0}, "max_age_h"),
        ({"webhook_port": 70_000}, "webhook_port"),
        ({"backoff_s": []}, "backoff_s"),
        ({"feeds": [{"name": "x", "url": "ftp://x"}]}, "an http:// or https:// url"),
        ({"feeds": [{"name": "x", "url": "http://x", "interval_s": 0}]}, "interval_s"),
        ({"feeds": [{"name": "x", "url": "http://x"}] * 2}, "feeds: expected a name of its own"),
    ],
)
def test_settings_of_mentions_out_of_range_are_refused(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(wrong, MentionSettings)


def test_without_a_token_the_webhook_stays_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBERLINE_MENTIONS_TOKEN", raising=False)
    assert Heard(webhook_port=0).mentions.webhook is None


class Constant:
    """A scorer from elsewhere."""

    def score(self, text: str) -> float | None:
        return 0.25


def test_another_scorer_is_plugged_in_by_name() -> None:
    scorer = load_scorer("tests.venues.test_mentions:Constant")
    assert scorer.score("anything") == 0.25
    for wrong in ("nothing", "tests.venues.test_mentions:NoSuch", "no.such.module:X", "builtins:dict"):
        with pytest.raises(SettingsError, match=r"mentions\.scorer"):
            load_scorer(wrong)
