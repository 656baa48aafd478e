"""Settings of the simulated exchange: where it listens, which market it makes, what goes wrong."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from contracts.settings.ranges import (
    TEN_YEARS_S,
    Count,
    Milliseconds,
    Port,
    PositiveCount,
    PositiveSeconds,
    Share,
    WholeSeconds,
)

_BALANCE = re.compile(r"\d{1,15}(\.\d{1,18})?")

Minutes: TypeAlias = Annotated[float, Meta(gt=0.0, le=10_080.0)]
Skew: TypeAlias = Annotated[int, Meta(ge=-1000 * TEN_YEARS_S, le=1000 * TEN_YEARS_S)]
Percent: TypeAlias = Annotated[float, Meta(gt=0.0, le=10_000.0)]


class GeneratedMarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape of the generated market. Times are seconds of exchange time, counted from the start.

    Zero in an `..._every_s` field switches that kind of episode off.
    """

    history_minutes: Annotated[int, Meta(ge=60, le=10_080)] = 1440  # 1m bars behind the start
    history_days: Annotated[int, Meta(ge=0, le=400)] = 30  # 1h bars behind the 1m bars
    first_pump_after_s: WholeSeconds = 20
    pump_every_s: WholeSeconds = 150
    pump_minutes_min: Minutes = 2.0
    pump_minutes_max: Minutes = 6.0
    pump_percent_min: Percent = 6.0
    pump_percent_max: Percent = 16.0
    slow_pump_every_s: WholeSeconds = 1800  # 10 to 40 minutes long
    dump_every_s: WholeSeconds = 900
    crash_every_s: WholeSeconds = 7200
    listing_every_s: WholeSeconds = 600
    first_listing_after_s: WholeSeconds = 240
    announce_before_s: WholeSeconds = 120  # listings are announced this long before they trade
    listings: Annotated[int, Meta(ge=0, le=200)] = 24

    def __post_init__(self) -> None:
        """Refuse bounds in the wrong order. Raises ValueError."""
        for name in ("pump_minutes", "pump_percent"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if not low <= high:
                raise ValueError(f"`{name}_min`: expected up to {name}_max ({high}), was {low}")


class FaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults present from the start; the same can be switched on later by `POST /sim/faults`."""

    slow_answer_ms: Milliseconds = 0
    clock_skew_ms: Skew = 0  # the exchange's clock is this far ahead of true time
    drop_sockets_every_s: WholeSeconds = 0
    dirty_frame_share: Share = 0.0  # of the frames sent
    lost_ack_share: Share = 0.0  # of the orders accepted
    duplicate_report_share: Share = 0.0  # of the user events sent
    reordered_report_share: Share = 0.0


class SimulatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `ember simulate` starts.

    With `recording` the frames of a file are sent as they were; otherwise a market is generated from `seed`.
    Keys are read from the environment variables named here; while they are unset, signed calls are refused.
    """

    host: str = "127.0.0.1"
    port: Port = 9700  # 0 takes any free port
    seed: Annotated[int, Meta(ge=0, le=2**62)] = 7
    start_ms: Annotated[int, Meta(ge=0, le=4_102_444_800_000)] | None = None  # exchange time at the start; None is now
    symbols: Annotated[int, Meta(ge=2, le=2000)] = 300
    speed: Annotated[float, Meta(gt=0.0, le=100_000.0)] = 1.0  # seconds of exchange time per second
    recording: str | None = None  # path of a .wsraw.gz or cryptofeed .jsonl.gz file
    recording_waits: bool = True  # the recording starts with the first subscriber
    recording_wait_ms: Milliseconds = 300  # and this long after the last change of subscriptions
    api_key_env: str = "EMBER_SIMULATOR_API_KEY"
    api_secret_env: str = "EMBER_SIMULATOR_API_SECRET"  # noqa: S105 - a variable's name
    ed25519_public_key_env: str = "EMBER_SIMULATOR_ED25519_PUBLIC_KEY"  # PEM, for session.logon
    balances: dict[str, str] = msgspec.field(default_factory=lambda: {"USDT": "100000", "BTC": "1", "BNB": "20"})
    maker_fee: Share = 0.001
    taker_fee: Share = 0.001
    weight_per_minute: Count = 6000
    orders_per_10s: Count = 100
    orders_per_day: Count = 200_000
    requests_over_limit_to_ban: Count = 20  # answers of 429 within a minute before the 418
    ban_s: WholeSeconds = 120
    ping_every_s: PositiveSeconds = 20.0
    pong_timeout_s: PositiveSeconds = 60.0
    inbound_per_second: PositiveCount = 5
    streams_per_connection: PositiveCount = 1024
    connection_lifetime_s: PositiveSeconds = 86_400.0
    connections_per_5_minutes: PositiveCount = 300
    max_open_orders_per_symbol: PositiveCount = 200
    market: GeneratedMarketSettings = GeneratedMarketSettings()
    faults: FaultSettings = FaultSettings()

    def __post_init__(self) -> None:
        """Refuse balances that are no numbers. Raises ValueError."""
        wrong = next((asset for asset, text in self.balances.items() if not _BALANCE.fullmatch(text)), None)
        if wrong is not None:
            raise ValueError(f"`balances.{wrong}`: expected a number such as '1000.5', was {self.balances[wrong]!r}")
