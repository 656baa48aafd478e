"""Settings of discovery: anomalies, candidate pool, heat, groups. Why each value: `docs/discovery.md`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from contracts.settings.ranges import (
    TEN_YEARS_S,
    Coins,
    Days,
    Factor,
    Hours,
    PositiveCount,
    PositiveFactor,
    PositiveQuote,
    PositiveSeconds,
    PositiveShare,
    PositiveWholeSeconds,
    Quote,
    Share,
    WholeSeconds,
)

LogScore: TypeAlias = Annotated[float, Meta(ge=-100.0, le=100.0)]
Minutes: TypeAlias = Annotated[int, Meta(ge=1, le=31)]


class AnomalySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a measure counts as having left its recent range."""

    threshold: PositiveFactor = 6.0  # robust standard deviations: 1.4826 MAD around the median of the last hour's samples
    least_samples: Annotated[int, Meta(ge=2, le=60)] = 20  # minutes sampled before a measure speaks
    cooldown_s: Annotated[int, Meta(ge=60, le=TEN_YEARS_S)] = 300  # between two anomalies of one measure of one coin
    gap_s: PositiveWholeSeconds = 300  # a coin silent for longer warms up again instead of exploding
    least_notional: Quote = 20_000.0  # quote currency traded in a minute before its volume can be one
    least_change_1m: Factor = 0.005  # fraction; smaller moves are none however calm the coin was
    least_change_5m: Factor = 0.015

    def __post_init__(self) -> None:
        if self.threshold <= 0:
            raise ValueError(f"threshold: expected above 0, was {self.threshold}")
        if not 2 <= self.least_samples <= 60:
            raise ValueError(f"least_samples: expected 2..60, was {self.least_samples}")
        if self.cooldown_s < 60:
            raise ValueError(f"cooldown_s: expected at least 60, was {self.cooldown_s}")


class RankingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The raw ranking score: ln(speed) + near_weight * near."""

    horizons_min: tuple[Minutes, Minutes, Minutes, Minutes] = (
        5,
        10,
        20,
        30,
    )  # market-relative returns, each over the root of its minutes
    least_speed: PositiveShare = 1e-5  # floor under the logarithm, log return per root minute
    near_weight: Factor = 1.0  # per unit of log distance below the 24 h high: speed times close / high
    near_most: PositiveFactor = 0.10  # log distance from which on it costs no more
    market_least: Coins = 5  # coins needed for a market median; with fewer the market stands still

    def __post_init__(self) -> None:
        if not all(1 <= minutes <= 31 for minutes in self.horizons_min):
            raise ValueError(f"horizons_min: expected 1..31 minutes each, was {self.horizons_min}")


class AlarmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The adaptive level of the ranking score: each alarm raises it, time lowers it, so that the rate stays near its setting."""

    per_day_per_100: Annotated[float, Meta(gt=0.0, le=1e6)] = 10.0  # alarms a day per 100 ranked coins
    cooldown_s: PositiveWholeSeconds = 3600  # between two alarms of one coin
    every_s: Annotated[int, Meta(ge=1, le=60)] = 60  # seconds between looks; 60 looks at closed minutes, so that a wick rings no alarm
    step: Factor = 0.05  # what one alarm adds to the threshold, in units of the score (natural log)
    hurry: Factor = 4.0  # for each mean gap without an alarm beyond the first it falls so many times faster
    brake: Factor = 1.2  # what the level would rise by if a day's wanted alarms came at once
    brake_h: Annotated[float, Meta(gt=0.0, le=1e4)] = 6.0  # hours after which e times less of that is left
    market_part: Share = 0.9  # part of the coins that are no hotter than the market's own level, which the threshold follows
    market_min: Annotated[int, Meta(ge=1, le=10_080)] = 60  # minutes that level is smoothed over: more than a pump, less than wild hours
    start: LogScore = -2.3  # threshold before a market's own is known
    history_least_min: Annotated[int, Meta(ge=1, le=10_080)] = 360  # minutes of history from which on it says where the threshold begins
    calibrate_min: Annotated[int, Meta(ge=1, le=240)] = 60  # without history: minutes whose hottest scores do
    calibrate_above: LogScore = 0.9  # how far above their median

    def __post_init__(self) -> None:
        if not 1 <= self.every_s <= 60:
            raise ValueError(f"every_s: expected 1..60, was {self.every_s}")
        if not 1 <= self.calibrate_min <= 240:
            raise ValueError(f"calibrate_min: expected 1..240, was {self.calibrate_min}")


class CandidateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pool's life cycle and its filters."""

    size: Coins = 60  # coins in the pool at most
    admit: Coins = 20  # a coin among so many of the hottest enters
    keep: Coins = 40  # and stays while among so many
    new_s: WholeSeconds = 5  # least time in each stage
    watching_s: WholeSeconds = 5
    hot_s: WholeSeconds = 120
    cooling_s: WholeSeconds = 300
    reheat_s: WholeSeconds = 30  # cooling -> hot again not before
    calm_s: WholeSeconds = 60  # out of reach for so long before a stage is left downwards
    hysteresis: Factor = 0.7  # hot until the score is so far below the threshold (natural log: half of it)
    least_quote_volume_24h: PositiveQuote = 1_000_000.0  # quote currency
    listing_part: Share = 0.10  # part of it that a new listing needs
    listing_h: Annotated[float, Meta(ge=0.0, le=87_600.0)] = 24.0  # how long a listing is new
    settle_s: WholeSeconds = 600  # symbols first seen later than this after the market's first second are listings
    ranking: RankingSettings = RankingSettings()
    alarm: AlarmSettings = AlarmSettings()

    def __post_init__(self) -> None:
        if not 1 <= self.admit <= self.keep <= self.size:
            raise ValueError(f"expected 1 <= admit <= keep <= size, was {self.admit}, {self.keep}, {self.size}")


class HeatWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Share of each score in the total. A dimension without any data (no mention ever seen) takes no part."""

    volume: Factor = 0.25
    momentum: Factor = 0.40
    volatility: Factor = 0.20
    liquidity: Factor = 0.05
    social: Factor = 0.05
    novelty: Factor = 0.05

    def __post_init__(self) -> None:
        parts = (self.volume, self.momentum, self.volatility, self.liquidity, self.social, self.novelty)
        if min(parts) < 0 or sum(parts) <= 0:
            raise ValueError(f"weights: expected none below 0 and a sum above 0, was {parts}")


class HeatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The six scores. A score is 100 * (1 - 2 ** (-x / half)): `half` is what reads 50."""

    top: Annotated[int, Meta(ge=1, le=200)] = 30  # coins in the ranking
    weights: HeatWeights = HeatWeights()
    volume_half: PositiveFactor = 1.1  # ln of 5-minute volume over the coin's own median, minus the market's: 3 times as much
    momentum_half: PositiveFactor = 0.4  # ranking score over the alarm threshold, as a ratio: 82 at the alarm
    momentum_band: Factor = 0.7  # natural log: the threshold that momentum is measured by stays within half and twice its start
    volatility_half: PositiveFactor = 1.5  # 24 h range over the market's median range, times nearness to the high
    range_least: PositiveFactor = 0.03  # log range that the market's median is taken for at least
    liquidity_full: PositiveFactor = 2.0  # decades of 24 h quote volume above the filter that read 100
    spread_zero_bps: Annotated[float, Meta(gt=0.0, le=10_000.0)] = 40.0  # quoted spread at which liquidity reads 0
    age_half_d: Days = 30.0  # days after which a coin's novelty has halved
    mention_half: PositiveFactor = 5.0  # weighted voices
    mention_fade_s: PositiveSeconds = 900.0  # half-life of a voice
    mention_window_s: Annotated[int, Meta(ge=60, le=86_400)] = 3600  # a voice not heard again for so long is forgotten
    famous_followers: PositiveCount = 10_000  # an author with more counts 1 more per factor of ten
    tone_weight: Share = 0.5  # how much the tone, -1..1, moves a voice's weight: from half to half as much again
    announced_h: Hours = 24.0  # a listing announcement reads 100 and fades over so many hours

    def __post_init__(self) -> None:
        if not 1 <= self.top <= 200:
            raise ValueError(f"top: expected 1..200, was {self.top}")
        for name in (
            "volume_half", "momentum_half", "volatility_half", "range_least", "liquidity_full", "spread_zero_bps", "age_half_d",
            "mention_half", "mention_fade_s", "announced_h",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected above 0, was {getattr(self, name)}")
        if not 60 <= self.mention_window_s <= 86_400:
            raise ValueError(f"mention_window_s: expected 60..86400, was {self.mention_window_s}")
        if self.famous_followers < 1:
            raise ValueError(f"famous_followers: expected at least 1, was {self.famous_followers}")
        if not 0 <= self.tone_weight <= 1:
            raise ValueError(f"tone_weight: expected 0..1, was {self.tone_weight}")


class GroupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups: coins that move together, or belong to one sector, are one bet.

    `sectors_file` is read once, when the settings are loaded, and what it says becomes `sectors`: base asset or symbol -> sector.
    """

    threshold: PositiveShare = 0.8  # correlation of log returns from which on two coins are one group
    least_short: Annotated[int, Meta(ge=2, le=10_000)] = 32  # 15-minute returns in common of the last day that a pair needs
    least_long: Annotated[int, Meta(ge=2, le=10_000)] = 168  # hourly returns in common of the last 30 days that a pair needs: a week
    most: Annotated[int, Meta(ge=1, le=2000)] = 300  # most liquid coins looked at; their sums take 7 MB, with the square
    sectors_file: str | None = None  # a .yaml or .csv file, or "default", the one that comes with the program; None: no sectors
    sectors: dict[str, str] = {}

    def __post_init__(self) -> None:
        wrong = next((coin for coin, sector in self.sectors.items() if coin != coin.upper() or not coin or not sector), None)
        if wrong is not None:
            raise ValueError(f"sectors: expected coins in capitals with a sector's name, was {wrong!r}: {self.sectors[wrong]!r}")
