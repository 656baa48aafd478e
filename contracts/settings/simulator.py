"""Settings of the simulated exchange: where it listens, which market it makes, what goes wrong."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Count = Annotated[int, Meta(ge=0)]


class GeneratedMarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape of the generated market. Times are seconds of exchange time, counted from the start.

    Zero in an `..._every_s` field switches that kind of episode off.
    """

    history_minutes: Annotated[int, Meta(ge=60, le=10_080)] = 1440  # 1m bars behind the start
    history_days: Annotated[int, Meta(ge=0, le=400)] = 30  # 1h bars behind the 1m bars
    first_pump_after_s: Count = 20
    pump_every_s: Count = 150
    pump_minutes_min: Positive = 2.0
    pump_minutes_max: Positive = 6.0
    pump_percent_min: Positive = 6.0
    pump_percent_max: Positive = 16.0
    slow_pump_every_s: Count = 1800  # 10 to 40 minutes long
    dump_every_s: Count = 900
    crash_every_s: Count = 7200
    listing_every_s: Count = 600
    first_listing_after_s: Count = 240
    announce_before_s: Count = 120  # listings are announced this long before they trade
    listings: Annotated[int, Meta(ge=0, le=200)] = 24


class FaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults present from the start; the same can be switched on later by `POST /sim/faults`."""

    slow_answer_ms: Count = 0
    clock_skew_ms: int = 0  # the exchange's clock is this far ahead of true time
    drop_sockets_every_s: Count = 0
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
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9700  # 0 takes any free port
    seed: Annotated[int, Meta(ge=0)] = 7
    start_ms: int | None = None  # exchange time at the start; None is now
    symbols: Annotated[int, Meta(ge=2, le=2000)] = 300
    speed: Positive = 1.0  # seconds of exchange time per second
    recording: str | None = None  # path of a .wsraw.gz or cryptofeed .jsonl.gz file
    recording_waits: bool = True  # the recording starts with the first subscriber
    recording_wait_ms: Count = 300  # and this long after the last change of subscriptions
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
    ban_s: Count = 120
    ping_every_s: Positive = 20.0
    pong_timeout_s: Positive = 60.0
    inbound_per_second: Annotated[int, Meta(ge=1)] = 5
    streams_per_connection: Annotated[int, Meta(ge=1)] = 1024
    connection_lifetime_s: Positive = 86_400.0
    connections_per_5_minutes: Annotated[int, Meta(ge=1)] = 300
    max_open_orders_per_symbol: Annotated[int, Meta(ge=1)] = 200
    market: GeneratedMarketSettings = GeneratedMarketSettings()
    faults: FaultSettings = FaultSettings()
