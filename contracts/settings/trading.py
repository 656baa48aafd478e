"""Settings of deciding and executing: strategy, entry, exits, orders, risk, engine state, paper venue.

`EntrySettings`, `ExitSettings` and `SizeSettings` can be overridden per symbol.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from contracts.reasons import EngineReason
from contracts.settings.ranges import (
    TEN_YEARS_S,
    AnyMove,
    Bps,
    Coins,
    Factor,
    Move,
    PositiveCount,
    PositiveQuote,
    PositiveSeconds,
    PositiveShare,
    Score,
    Seconds,
    WholeSeconds,
    check_time_zone,
)

Part: TypeAlias = Annotated[float, Meta(gt=0.0, lt=1.0)]
Opposite: TypeAlias = Annotated[float, Meta(ge=-1.0, lt=0.0)]
Cycles: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]

FAULTS: Final = (
    EngineReason.WARMING_UP,
    EngineReason.FEED_STALE,
    EngineReason.FEED_LOST,
    EngineReason.ORDER_ERRORS,
    EngineReason.RISK_HALT,
    EngineReason.LOG_GAP,
)
"""What takes the engine down, and has a recovery of its own; the other reasons follow from these, or are a person's."""


class EntrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a coin needs before it is bought."""

    enabled: bool = True
    hot_only: bool = False  # whether the coin must be in the hot stage (its alarm rang), or its heat alone decides
    heat_min: Score = 60.0  # total heat, 0..100
    consensus_min: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.25  # -1..1
    spread_max_bps: Annotated[float, Meta(gt=0.0, le=10_000.0)] = 40.0
    edge_over_cost: Factor = 1.2  # expected move must exceed the round trip's cost by this factor
    max_change_5m: Move = 0.08  # fraction; a coin that already jumped further is not chased (below the black-swan exit)
    valid_s: PositiveSeconds = 3.0  # a decision older than this opens nothing
    rearm_s: Seconds = 300.0  # a coin decided on waits so long for the next decision, with `hot_only` at most until it left the hot stage
    group_hold_s: Seconds = 900.0  # nor is another coin of its correlation group
    cooldown_after_loss_s: Seconds = 1800.0
    cooldown_after_exit_s: Seconds = 300.0


class ExitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a position is reduced or closed. Fractions of the entry price unless named otherwise."""

    take_profit: tuple[tuple[Move, PositiveShare], ...] = ((0.02, 0.4), (0.04, 0.3), (0.08, 0.3))  # (gain, part of the first quantity)
    stop_loss: Part = 0.02
    break_even_after: AnyMove | None = 0.015  # once the gain was this high, the stop moves to the entry plus costs
    trailing_after: AnyMove | None = 0.025
    trailing_distance: Part = 0.012
    max_holding_s: PositiveSeconds = 4 * 3600.0
    heat_faded_below: Score | None = 20.0
    heat_faded_s: Seconds = 600.0  # for so long before it closes
    black_swan_5m: Move | None = 0.10  # a 5-minute change of this size, either way, closes
    opposite_consensus: Opposite | None = -0.4  # for a long; a short is closed at the same size of the other sign
    feed_lost_s: PositiveSeconds | None = 300.0  # a held coin without any price this long is closed at the first price that comes

    def __post_init__(self) -> None:
        gains = [gain for gain, _ in self.take_profit]
        parts = [part for _, part in self.take_profit]
        if not all(gain > 0 for gain in gains) or not all(a < b for a, b in pairwise(gains)):
            raise ValueError(f"take_profit: expected gains above 0 and rising, was {gains}")
        if not all(part > 0 for part in parts) or not sum(parts) <= 1.0 + 1e-9:
            raise ValueError(f"take_profit: expected parts above 0 that sum to at most 1, was {parts}")
        if not 0 < self.stop_loss < 1:
            raise ValueError(f"stop_loss: expected a fraction in (0, 1), was {self.stop_loss}")


class SizeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is bought."""

    notional: PositiveQuote = 500.0  # quote currency
    max_of_minute_volume: Annotated[float, Meta(gt=0.0, le=1e9)] = 0.05  # part of the last minute's quote volume


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The paper venue: fills at the touch or through it, never better."""

    cash: PositiveQuote = 10_000.0  # quote currency at start
    maker_fee_bps: Annotated[float, Meta(ge=-100.0, le=1000.0)] = 10.0
    taker_fee_bps: Bps = 10.0
    slippage_bps: Bps = 2.0  # beyond the touch, for takers
    assumed_spread_bps: Bps = 6.0  # where no quotes are streamed
    volume_share: PositiveShare = 0.25  # part of traded volume that a resting or oversized order may take
    latency_ms: Annotated[int, Meta(ge=0, le=60_000)] = 50  # an order meets the first tick this much later


class OrderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How intents become orders."""

    entry_type: Literal["market", "limit"] = "market"  # a limit rests at the decision's entry price
    entry_ttl_s: PositiveSeconds = 30.0  # what of an entry is not filled by then is cancelled; exits never expire
    retry_s: Annotated[float, Meta(ge=0.1, le=TEN_YEARS_S)] = 10.0  # a close that was refused is tried again after this
    ticker_mute_s: Seconds = 5.0  # a ticker repeats, a second late, what trades told: it moves nothing this long after one


class RiskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds over all positions."""

    max_positions: Coins = 8
    max_exposure: PositiveQuote = 5_000.0  # quote currency
    daily_loss_max: PositiveShare = 0.03  # fraction of equity at UTC midnight; then nothing opens until the next day
    allow_short: bool = False  # a spot market has nothing to sell short
    losses_alert: PositiveCount = 3  # so many losing trades in a row are told to a person


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the engine is tradeable, degraded or blocked."""

    cycle_s: Annotated[int, Meta(ge=1, le=3600)] = 5  # health is judged once per cycle
    recover_degraded_cycles: Cycles = 3
    recover_blocked_cycles: Cycles = 6
    order_errors_window_s: PositiveSeconds = 300.0
    order_errors_degraded: PositiveCount = 3
    order_errors_blocked: PositiveCount = 10
    warm_up_s: WholeSeconds = 0
    socket_down_s: PositiveSeconds = 120.0  # a stream of the market disconnected for longer degrades
    recovery: dict[str, tuple[Cycles, Cycles]] = {}  # cycles from degraded and from blocked, for one kind of fault

    def __post_init__(self) -> None:
        """Refuse faults that do not exist. Raises ValueError."""
        unknown = next((name for name in self.recovery if name not in set(FAULTS)), None)
        if unknown is not None:
            raise ValueError(f"`recovery`: expected faults ({', '.join(FAULTS)}), was {unknown!r}")


class StrategySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which strategy decides; `shadow` names strategies that decide beside it without sending orders."""

    name: str = "hot_momentum"
    shadow: list[str] = []
    options: dict[str, dict[str, float]] = {}  # by strategy; each documents its own, and refuses what it does not know
    local_timezone: str = "Asia/Shanghai"  # of the times a person reads on a decision

    def __post_init__(self) -> None:
        """Refuse a time zone that does not exist. Raises ValueError."""
        check_time_zone("local_timezone", self.local_timezone)


class SymbolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of the settings that a symbol may override."""

    entry: EntrySettings = EntrySettings()
    exits: ExitSettings = ExitSettings()
    size: SizeSettings = SizeSettings()
