"""Settings of deciding: indicators, signals, outlook, guards."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from contracts.settings.ranges import (
    Factor,
    Move,
    PositiveCount,
    PositiveFactor,
    Quote,
    Seconds,
    Share,
    WholeSeconds,
)

Period: TypeAlias = Annotated[int, Meta(ge=1, le=2_000)]
"""In bars; each coin keeps so many, of each timeframe."""
Width: TypeAlias = Annotated[float, Meta(gt=0.0, le=100.0)]
Bars: TypeAlias = Annotated[int, Meta(ge=1, le=10_080)]
"""Of one minute, or minutes: a week at most."""
Scale: TypeAlias = Annotated[float, Meta(ge=1.0, le=1000.0)]
Slack: TypeAlias = Annotated[float, Meta(gt=0.0, lt=1.0)]
HalfLife: TypeAlias = Annotated[float, Meta(gt=0.0, le=10_000.0)]
RiskBps: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e6)]


class IndicatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in bars; multipliers in the unit of the band (standard deviations, average true ranges).

    The defaults are those of the indicators' authors, which is what a trader's chart shows unless told otherwise.
    """

    ema: Period = 20
    rsi: Period = 14
    macd_fast: Period = 12
    macd_slow: Period = 26
    macd_signal: Period = 9
    bollinger: Period = 20
    bollinger_width: Width = 2.0
    atr: Period = 14
    adx: Period = 14
    stochastic: Period = 14
    stochastic_k: Period = 3
    stochastic_d: Period = 3
    donchian: Period = 20
    keltner: Period = 20
    keltner_width: Width = 2.0
    keltner_atr: Period = 10
    supertrend: Period = 10
    supertrend_width: Width = 3.0
    cmf: Period = 20
    mfi: Period = 14
    roc: Period = 14
    vwap_session_s: WholeSeconds = 86_400  # VWAP starts anew at each multiple of this since the epoch; 0: never
    max_missing: Annotated[int, Meta(ge=0, le=10_000)] = 3  # so many absent bars are bridged; after more the symbol starts over

    def __post_init__(self) -> None:
        """Refuse periods that mean nothing. Raises ValueError."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name not in {"vwap_session_s", "max_missing"} and value <= 0:
                raise ValueError(f"`{name}`: expected more than 0, was {value}")
        if self.macd_fast >= self.macd_slow:
            raise ValueError(f"`macd_fast`: expected less than macd_slow ({self.macd_slow}), was {self.macd_fast}")


class SignalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How votes become a consensus, and how often it is told."""

    release: Share = 0.6  # hysteresis: a side taken is kept until the consensus falls below this part of what took it
    keep_side_s: Seconds = 60.0  # ... and while the coin was a candidate within so long
    flow_half_life_bars: HalfLife = 5.0  # order flow of each timeframe forgets by half in so many of its bars
    repeat_s: Seconds = 5.0  # a changed verdict of one coin is written at most this often; at each closed minute anyway


class OutlookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a move over the horizon may bring, read from the coin's own last bars of one minute."""

    window: Bars = 240  # bars looked back on
    horizon: Bars = 15  # bars ahead
    edge_quantile: Share = 0.5  # of the greatest gains within the horizon
    risk_quantile: Share = 0.8  # of the greatest losses within it
    trailing: Bars = 5  # only starts whose last so many bars moved the way they do now ...
    samples: Bars = 30  # ... if there are at least so many; else all starts
    recent: Bars = 15  # bars whose mean absolute return, over that of the window, scales the quantiles ...
    scale_max: Scale = 3.0  # ... by at most this factor, at least by its inverse
    medium_risk_bps: RiskBps = 150.0  # edge risk from here on is a medium risk level
    high_risk_bps: RiskBps = 400.0

    def __post_init__(self) -> None:
        """Refuse a window that does not hold the horizon, the starts asked for or the recent bars. Raises ValueError."""
        if not 0 < self.horizon < self.window:
            raise ValueError(f"`horizon`: expected 1..{self.window - 1} (below `window`), was {self.horizon}")
        most = {"samples": self.window - self.horizon, "trailing": self.window - 1, "recent": self.window - 2}
        for name, bound in most.items():
            if not 1 <= getattr(self, name) <= bound:
                raise ValueError(f"`{name}`: expected 1..{bound} (what `window` leaves), was {getattr(self, name)}")
        if not self.scale_max >= 1.0:
            raise ValueError(f"`scale_max`: expected at least 1, was {self.scale_max}")
        if not self.medium_risk_bps <= self.high_risk_bps:
            raise ValueError(f"`medium_risk_bps`: expected up to high_risk_bps ({self.high_risk_bps}), was {self.medium_risk_bps}")
        for name in ("edge_quantile", "risk_quantile"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"`{name}`: expected 0..1, was {getattr(self, name)}")


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model of expected edge and risk: learned from what came of earlier candidates, withdrawn where it is not fit."""

    name: Literal["online_quantiles", "none"] = "online_quantiles"
    rate: Annotated[float, Meta(gt=0.0, le=10.0)] = 0.03  # step size of AdaGrad, natural log of the quantile
    least_samples: PositiveCount = 3000  # outcomes before it can be in force: 100 minutes of 30 candidates
    health_half_life: Annotated[float, Meta(ge=1.0, le=1e9)] = 9600.0  # outcomes after which an older one counts half: 5 to 8 hours
    coverage_slack: Slack = 0.10  # share; further from the nominal coverage it is unfit, from half of it on it is watched
    loss_ratio_max: PositiveFactor = 1.02  # of the loss without a model; above it is unfit
    recover_min: Bars = 30  # minutes in a row that it must be fit before it is gone by again
    tell_min: Bars = 5  # minutes between two `ModelHealth` facts

    def __post_init__(self) -> None:
        """Refuse values that mean nothing. Raises ValueError."""
        for name in ("rate", "health_half_life", "loss_ratio_max"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"`{name}`: expected more than 0, was {getattr(self, name)}")
        if not 0.0 < self.coverage_slack < 1.0:
            raise ValueError(f"`coverage_slack`: expected in (0, 1), was {self.coverage_slack}")
        for name in ("least_samples", "recover_min", "tell_min"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}`: expected at least 1, was {getattr(self, name)}")


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fail-safe: data, model or market in a state that opens nothing."""

    warm_bars: Annotated[int, Meta(ge=0, le=10_080)] = 30  # bars of one minute before a coin is judged at all
    jump_max: Move = 0.05  # fraction within one second; beyond it the price is doubted ...
    jump_hold_s: Seconds = 10.0  # ... for so long
    gap_hold_s: Seconds = 5.0  # after a gap of the coin's stream
    duplicate_hold_s: Seconds = 5.0  # after a trade came twice or out of order
    misaligned_max: Move = 0.02  # fraction between last price and mid of the book
    touch_min: Quote = 0.0  # quote currency on the thinner side of the touch must exceed this, where there are quotes
    quote_required: bool = False  # whether a coin without quotes is refused, or judged with the assumed spread
    model_required: bool = False  # whether deciding waits while no model is in force, or goes by realised volatility
    impact: Factor = 0.5  # slippage adds this times the mean minute's move times sqrt(notional / a minute's volume)
