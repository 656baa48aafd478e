"""Settings of discovery: anomalies, candidate pool, heat, groups. Why each value: `docs/discovery.md`."""

from __future__ import annotations

import msgspec


class AnomalySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a measure counts as having left its recent range."""

    threshold: float = 6.0  # robust standard deviations: 1.4826 MAD around the median of the last hour's samples
    least_samples: int = 20  # minutes sampled before a measure speaks
    cooldown_s: int = 300  # between two anomalies of one measure of one coin
    gap_s: int = 300  # a coin silent for longer warms up again instead of exploding
    least_notional: float = 20_000.0  # quote currency traded in a minute before its volume can be one
    least_change_1m: float = 0.005  # fraction; smaller moves are none however calm the coin was
    least_change_5m: float = 0.015

    def __post_init__(self) -> None:
        if self.threshold <= 0:
            raise ValueError(f"threshold: expected above 0, was {self.threshold}")
        if not 2 <= self.least_samples <= 60:
            raise ValueError(f"least_samples: expected 2..60, was {self.least_samples}")
        if self.cooldown_s < 60:
            raise ValueError(f"cooldown_s: expected at least 60, was {self.cooldown_s}")


class RankingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The raw ranking score: ln(speed) + near_weight * near."""

    horizons_min: tuple[int, int, int, int] = (
        5,
        10,
        20,
        30,
    )  # market-relative returns, each over the root of its minutes
    least_speed: float = 1e-5  # floor under the logarithm, log return per root minute
    near_weight: float = 1.0  # per unit of log distance below the 24 h high: speed times close / high
    near_most: float = 0.10  # log distance from which on it costs no more
    market_least: int = 5  # coins needed for a market median; with fewer the market stands still

    def __post_init__(self) -> None:
        if not all(1 <= minutes <= 31 for minutes in self.horizons_min):
            raise ValueError(f"horizons_min: expected 1..31 minutes each, was {self.horizons_min}")


class AlarmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The adaptive level of the ranking score: each alarm raises it, time lowers it, so that the rate stays near its setting."""

    per_day_per_100: float = 10.0  # alarms a day per 100 ranked coins
    cooldown_s: int = 3600  # between two alarms of one coin
    every_s: int = 60  # seconds between looks; 60 looks at closed minutes, so that a wick rings no alarm
    step: float = 0.07  # what one alarm adds to the threshold, in units of the score (natural log)
    hurry: float = 4.0  # for each mean gap without an alarm beyond the first it falls so many times faster
    free: float = 1.5  # times the wanted number that may ring within 24 h before the brake
    brake: float = 4.0  # what the level rises by for each further time the wanted number
    start: float = -2.3  # threshold before a market's own is known
    history_least_min: int = 360  # minutes of history from which on it says where the threshold begins
    calibrate_min: int = 60  # without history: minutes whose hottest scores do
    calibrate_above: float = 0.9  # how far above their median

    def __post_init__(self) -> None:
        if not 1 <= self.every_s <= 60:
            raise ValueError(f"every_s: expected 1..60, was {self.every_s}")
        if not 1 <= self.calibrate_min <= 240:
            raise ValueError(f"calibrate_min: expected 1..240, was {self.calibrate_min}")


class CandidateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pool's life cycle and its filters."""

    size: int = 60  # coins in the pool at most
    admit: int = 20  # a coin among so many of the hottest enters
    keep: int = 40  # and stays while among so many
    new_s: int = 5  # least time in each stage
    watching_s: int = 5
    hot_s: int = 120
    cooling_s: int = 300
    reheat_s: int = 30  # cooling -> hot again not before
    calm_s: int = 60  # out of reach for so long before a stage is left downwards
    hysteresis: float = 0.7  # hot until the score is so far below the threshold (natural log: half of it)
    least_quote_volume_24h: float = 1_000_000.0  # quote currency
    listing_part: float = 0.10  # part of it that a new listing needs
    listing_h: float = 24.0  # how long a listing is new
    settle_s: int = 600  # symbols first seen later than this after the market's first second are listings
    ranking: RankingSettings = RankingSettings()
    alarm: AlarmSettings = AlarmSettings()

    def __post_init__(self) -> None:
        if not 1 <= self.admit <= self.keep <= self.size:
            raise ValueError(f"expected 1 <= admit <= keep <= size, was {self.admit}, {self.keep}, {self.size}")


class HeatWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Share of each score in the total. A dimension without any data (no mention ever seen) takes no part."""

    volume: float = 0.25
    momentum: float = 0.40
    volatility: float = 0.20
    liquidity: float = 0.05
    social: float = 0.05
    novelty: float = 0.05

    def __post_init__(self) -> None:
        parts = (self.volume, self.momentum, self.volatility, self.liquidity, self.social, self.novelty)
        if min(parts) < 0 or sum(parts) <= 0:
            raise ValueError(f"weights: expected none below 0 and a sum above 0, was {parts}")


class HeatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The six scores. A score is 100 * (1 - 2 ** (-x / half)): `half` is what reads 50."""

    top: int = 30  # coins in the ranking
    weights: HeatWeights = HeatWeights()
    volume_half: float = 1.1  # ln of 5-minute volume over the coin's own median, minus the market's: 3 times as much
    momentum_half: float = 0.4  # ranking score over the alarm threshold, as a ratio: 82 at the alarm
    momentum_band: float = 0.7  # natural log: the threshold that momentum is measured by stays within half and twice its start
    volatility_half: float = 1.5  # 24 h range over the market's median range, times nearness to the high
    range_least: float = 0.03  # log range that the market's median is taken for at least
    liquidity_full: float = 2.0  # decades of 24 h quote volume above the filter that read 100
    spread_zero_bps: float = 40.0  # quoted spread at which liquidity reads 0
    age_half_d: float = 30.0  # days after which a coin's novelty has halved
    mention_half: float = 5.0  # weighted voices
    mention_fade_s: float = 900.0  # half-life of a voice
    mention_window_s: int = 3600  # a voice not heard again for so long is forgotten
    famous_followers: int = 10_000  # an author with more counts 1 more per factor of ten
    tone_weight: float = 0.5  # how much the tone, -1..1, moves a voice's weight: from half to half as much again
    announced_h: float = 24.0  # a listing announcement reads 100 and fades over so many hours

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

    threshold: float = 0.8  # correlation of log returns from which on two coins are one group
    least_short: int = 32  # 15-minute returns in common of the last day that a pair needs
    least_long: int = 168  # hourly returns in common of the last 30 days that a pair needs: a week
    most: int = 300  # coins looked at, the most liquid ones first; their sums need 7 MB, growing with the square
    sectors_file: str | None = None  # a .yaml or .csv file, or "default", the one that comes with the program; None: no sectors
    sectors: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold <= 1.0:
            raise ValueError(f"threshold: expected in (0, 1], was {self.threshold}")
        if self.most < 1:
            raise ValueError(f"most: expected at least 1, was {self.most}")
        wrong = next((coin for coin, sector in self.sectors.items() if coin != coin.upper() or not coin or not sector), None)
        if wrong is not None:
            raise ValueError(f"sectors: expected coins in capitals with a sector's name, was {wrong!r}: {self.sectors[wrong]!r}")
