"""Settings of everything around the desk: broker, ingest, storage, pages."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from contracts.settings.ranges import (
    BackoffSteps,
    Days,
    Hours,
    Port,
    PositiveCount,
    PositiveSeconds,
    Share,
    check_time_zone,
)

Rate: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e12)]


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the log lives. `kind` "external" uses `address`; the other two are started by us on loopback."""

    kind: Literal["embedded", "kafka", "external"] = "embedded"
    address: Annotated[str, Meta(pattern=r"^\S+:\d{1,5}$")] = "127.0.0.1:19092"
    delivery_timeout_ms: Annotated[int, Meta(ge=1, le=2_147_483_647)] = 300_000
    linger_ms: Annotated[float, Meta(ge=0.0, le=900_000.0)] = 2.0

    def __post_init__(self) -> None:
        """Refuse a port that does not exist. Raises ValueError."""
        port = self.address.rpartition(":")[2]
        if port.isdigit() and not 1 <= int(port) <= 65_535:
            raise ValueError(f"`address`: expected HOST:PORT with a port in 1..65535, was {self.address!r}")


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How exchange streams become the log."""

    venue: Literal["simulated", "binance"] = "simulated"
    stream_url: str = ""  # empty: the venue's own; the simulator's for "simulated"
    rest_url: str = ""
    quote_asset: str = "USDT"
    heartbeat_ms: Annotated[int, Meta(ge=1, le=60_000)] = 250
    backoff_first_s: PositiveSeconds = 0.5
    backoff_max_s: PositiveSeconds = 30.0
    backoff_jitter: Share = 0.3  # part of the wait drawn at random, so that many clients do not come back at once
    rollover_s: PositiveSeconds = 23.5 * 3600  # a venue ends a connection after 24 h; we move over before it does
    silence_s: PositiveSeconds = 30.0  # a socket that says nothing this long is opened anew
    max_detail_symbols: Annotated[int, Meta(ge=0, le=10_000)] = 60  # trades and quotes are streamed for so many symbols at most
    always_detail: list[str] = []
    detail_streams: tuple[str, ...] = ("trade", "bookTicker")  # also aggTrade, depth@100ms, depth20, kline_1m
    history_bars: Annotated[int, Meta(ge=0, le=100_000)] = 1440  # 1 m bars fetched per symbol at start, so that the desk is warm
    history_hours: Annotated[int, Meta(ge=0, le=1000)] = 720  # 1 h bars, so that correlation groups are; 0 for none
    history_weight_per_minute: PositiveCount = 3000  # request weight spent on history, of the venue's 6000
    history_symbols: Annotated[int, Meta(ge=0, le=10_000)] = 400  # the most liquid ones first
    history_bytes_per_second: Rate = 4e6  # as JSON; a broker in memory holds some 5 MB, and the desk must not be left behind
    instruments_refresh_s: PositiveSeconds = 300.0
    status_refresh_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = (
        15.0  # of watched coins, so that a halt is known soon; request weight 20 each; 0: the whole table alone
    )

    def __post_init__(self) -> None:
        if 0.0 < self.status_refresh_s < 1.0:
            raise ValueError(f"status_refresh_s: expected seconds in 1..3600, or 0 for never, was {self.status_refresh_s}")


class AnnouncementSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pages that announce listings before they trade, polled."""

    enabled: bool = True
    urls: tuple[str, ...] = ()  # empty: the venue's pages of new listings and of delistings
    interval_s: PositiveSeconds = 20.0
    backoff_s: BackoffSteps = (60.0, 120.0, 240.0, 480.0)  # one step further at each 429 or 418; the last one stays
    max_age_h: Hours = 48.0  # older articles are history, not news
    remember: PositiveCount = 5000  # articles at most
    stop_words: tuple[str, ...] = ()  # beside those built in: words that are no coin


class FeedFieldSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an item of a JSON feed holds what: dotted paths ("user.followers_count"); an empty one means that it has none."""

    id: str = "id"
    text: str = "text"
    author: str = "author"
    followers: str = "followers"
    time: str = "time"  # Unix s, ms, us or ns, or ISO 8601
    symbols: str = ""  # coins the feed names itself: a list, or one text
    sentiment: str = ""  # -1..1


class FeedJoinSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second list of the same answer, such as its authors: each item gets the entry it refers to under the name `joined`."""

    items: str  # dotted path of the second list
    by: str  # path in an item of what it refers to
    key: str = "id"  # path in an entry of what it is referred to by


class MentionFeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One JSON feed, polled."""

    name: str
    url: str
    kind: Literal["post", "transfer"] = "post"
    items: str = ""  # dotted path of the list of items; empty: the answer is the list
    fields: FeedFieldSettings = FeedFieldSettings()
    join: FeedJoinSettings | None = None
    interval_s: PositiveSeconds = 15.0
    token_env: str = ""  # environment variable whose value is sent as bearer token

    def __post_init__(self) -> None:
        if not self.name or not self.url.startswith(("http://", "https://")):
            raise ValueError(f"expected a feed with a name and an http:// or https:// url, was {self.name!r}, {self.url!r}")
        if self.interval_s <= 0:
            raise ValueError(f"interval_s: expected above 0, was {self.interval_s}")


class ClassifierSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text classifier of scorer "onnx"; what it must look like: `venues/mentions/classifier.py`."""

    file: str = ""  # path of the .onnx file
    tones: tuple[Annotated[float, Meta(ge=-1.0, le=1.0)], ...] = (-1.0, 0.0, 1.0)  # of each class, in the order of the output
    output: str = ""  # name of the output with a share per class; empty: the last one
    logits: bool = False  # the output becomes shares by softmax
    threads: Annotated[int, Meta(ge=1, le=64)] = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.tones) <= 100 or not all(-1.0 <= tone <= 1.0 for tone in self.tones):
            raise ValueError(f"tones: expected 1 to 100 numbers in -1..1, was {self.tones}")
        if not 1 <= self.threads <= 64:
            raise ValueError(f"threads: expected 1..64, was {self.threads}")


class MentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who speaks of coins: feeds that are polled, and a webhook on loopback that takes pushes.

    `scorer` is "lexicon", "onnx" (see `classifier`) or "package.module:factory", whose result has `score(text) -> float | None` in -1..1.
    """

    feeds: tuple[MentionFeedSettings, ...] = ()
    venue_feeds: bool = True  # the venue's own as well: posts and transfers of the simulated exchange; Binance has none
    backoff_s: BackoffSteps = (60.0, 120.0, 240.0, 480.0)
    webhook_port: Port | None = None  # 0 takes any free one; None: no webhook
    webhook_token_env: str = "EMBERLINE_MENTIONS_TOKEN"  # noqa: S105 - a name; without it the webhook stays shut
    max_age_h: Hours = 24.0
    remember: PositiveCount = 50_000
    stop_words: tuple[str, ...] = ()
    scorer: str = "lexicon"
    classifier: ClassifierSettings = ClassifierSettings()

    def __post_init__(self) -> None:
        if not 0 < self.max_age_h <= 24 * 30:
            raise ValueError(f"max_age_h: expected above 0, up to 720, was {self.max_age_h}")
        if self.remember < 1:
            raise ValueError(f"remember: expected at least 1, was {self.remember}")
        if not self.backoff_s or min(self.backoff_s) <= 0:
            raise ValueError(f"backoff_s: expected seconds above 0, was {self.backoff_s}")
        if self.webhook_port is not None and not 0 <= self.webhook_port <= 65_535:
            raise ValueError(f"webhook_port: expected 0..65535, was {self.webhook_port}")
        names = [feed.name for feed in self.feeds]
        if len(set(names)) != len(names):
            raise ValueError(f"feeds: expected a name of its own for each, was {', '.join(names)}")


class ReadModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the cockpit reads. Any SQLAlchemy URL; SQLite is opened in WAL mode."""

    url: str = "sqlite:///var/read_model.db"
    keep_days: Days = 7.0
    batch_ms: Annotated[int, Meta(ge=1, le=60_000)] = 200


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Parquet archive of the log: by market and day, bounded by age and size."""

    folder: str = "var/archive"
    rows_per_file: PositiveCount = 2_000_000
    seconds_per_file: PositiveSeconds = 300.0
    keep_days: Days = 30.0
    max_bytes: Annotated[int, Meta(ge=1, le=2**60)] = 20 * 1024**3


class CockpitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page. The password comes from the environment variable named here; without it controls stay locked."""

    port: Annotated[int, Meta(ge=1, le=65_535)] = 8501
    refresh_s: PositiveSeconds = 1.0
    password_env: str = "EMBERLINE_COCKPIT_PASSWORD"  # noqa: S105 - a name, no password
    unlock_minutes: Annotated[float, Meta(gt=0.0, le=1e6)] = 15.0
    time_zone: str = "Asia/Shanghai"
    stale_after_s: PositiveSeconds = 10.0  # a read model not written for so long means: the desk is not running

    def __post_init__(self) -> None:
        """Refuse a time zone that does not exist. Raises ValueError."""
        check_time_zone("time_zone", self.time_zone)


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where processes keep what they must remember, and how often they write it down."""

    folder: str = "var"
    # A snapshot of all state per epoch: 29 MB and some 40 ms for 500 coins, half of it the bars that charts tell of. After a crash the
    # desk repeats at most this much.
    epoch_s: PositiveSeconds = 10.0
    poll_ms: Annotated[int, Meta(ge=0, le=60_000)] = 5
    poll_messages: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000
