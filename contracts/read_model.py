"""Tables of the read model: written by the projector, read by the cockpit. Upserts on the primary keys make it idempotent.

Times are Unix nanoseconds, money and prices floats (for showing; the exact decimals are in the facts). `body` columns hold the
fact's JSON as it was on the topic.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

from contracts.facts import INDICATORS

SCHEMA_VERSION = 3  # a read model of another version is not written to; it is made anew from the topics

metadata = MetaData()

bars = Table(
    "bars",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("symbol", String(40), primary_key=True),
    Column("interval", String(4), primary_key=True),
    Column("ts_open", BigInteger, primary_key=True),
    Column("closed", Boolean, nullable=False),
    Column("open", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("close", Float, nullable=False),
    Column("volume", Float, nullable=False),
    Column("quote_volume", Float, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False, index=True),  # grows with every write: readers ask for what is new
)

indicators = Table(  # of the coins in focus, at the close of their bars; of those looked at also over the past and of the forming bar
    "indicators",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("symbol", String(40), primary_key=True),
    Column("interval", String(4), primary_key=True),
    Column("ts_open", BigInteger, primary_key=True),
    Column("closed", Boolean, nullable=False),
    *(Column(name, Float, nullable=True) for name in INDICATORS),
)

candidates = Table(  # the newest snapshot, a row per coin
    "candidates",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("symbol", String(40), primary_key=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("heat", Float, nullable=False),
    Column("volume_score", Float, nullable=False),
    Column("momentum_score", Float, nullable=False),
    Column("volatility_score", Float, nullable=False),
    Column("liquidity_score", Float, nullable=False),
    Column("social_score", Float, nullable=False),
    Column("novelty_score", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("stage", String(12), nullable=False),
    Column("stage_since", BigInteger, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("failed", String(40), nullable=False),
    Column("price", Float, nullable=False),
    Column("change_1m", Float, nullable=True),
    Column("change_5m", Float, nullable=True),
    Column("change_24h", Float, nullable=True),
    Column("quote_volume_24h", Float, nullable=False),
    Column("spread_bps", Float, nullable=True),
    Column("age_ms", BigInteger, nullable=False),
    Column("group", String(40), nullable=False),
    Column("sector", String(40), nullable=False),
    Column("held_back", String(80), nullable=False),  # "high_corr_group=X" where a hotter coin of its group is kept
    Column("mentions", Integer, nullable=False),  # of the social window
    Column("voices", Integer, nullable=False),  # different authors of them
    Column("tone", Float, nullable=True),
    # what each score adds to the heat: weight times score, in points
    Column("volume_points", Float, nullable=False),
    Column("momentum_points", Float, nullable=False),
    Column("volatility_points", Float, nullable=False),
    Column("liquidity_points", Float, nullable=False),
    Column("social_points", Float, nullable=False),
    Column("novelty_points", Float, nullable=False),
)

market_map = Table(  # the newest map of the whole market, a row per coin
    "market_map",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("symbol", String(40), primary_key=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("price", Float, nullable=False),
    Column("heat", Float, nullable=False),
    Column("change_5m", Float, nullable=True),
    Column("change_24h", Float, nullable=True),
    Column("quote_volume_24h", Float, nullable=False),
    Column("stage", String(12), nullable=False),
    Column("group", String(40), nullable=False),
)

snapshots = Table(  # one row per market: when the newest snapshot was made, weights, size of the universe
    "snapshots",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("universe", Integer, nullable=False),
    Column("weights", Text, nullable=False),
)

heat_history = Table(  # thinned: one point per coin in the pool and 15 s
    "heat_history",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("symbol", String(40), primary_key=True),
    Column("ts_event", BigInteger, primary_key=True),
    Column("heat", Float, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("price", Float, nullable=False),
)

happenings = Table(  # anomalies, alarms, changes of stage: newest first
    "happenings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False, index=True),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

announcements = Table(  # what venues announced, from the log; `body` is the event's JSON
    "announcements",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("ts_recv", BigInteger, nullable=False),
    Column("source", String(80), nullable=False),
    Column("category", String(12), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

mentions = Table(  # who spoke of which coins, from the log; bounded in number as well as in age
    "mentions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("ts_recv", BigInteger, nullable=False),
    Column("source", String(80), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

signals = Table(  # the newest evaluation per coin and strategy
    "signals",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("symbol", String(40), primary_key=True),
    Column("strategy", String(40), primary_key=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("action", String(8), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

signal_history = Table(  # evaluations of the newest hours: for asking why
    "signal_history",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False),
    Column("strategy", String(40), nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("action", String(8), nullable=False),
    Column("decision_id", String(64), nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False, index=True),
    Column("strategy", String(40), nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("action", String(8), nullable=False),
    Column("heat", Float, nullable=False),
    Column("entry", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

orders = Table(  # the newest state of every order; a denied attempt is an order that stays "denied"
    "orders",
    metadata,
    Column("client_order_id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False, index=True),
    Column("decision_id", String(64), nullable=False),
    Column("position_id", String(64), nullable=False),
    Column("ts_created", BigInteger, nullable=False, index=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("side", String(4), nullable=False),
    Column("order_type", String(8), nullable=False),
    Column("purpose", String(24), nullable=False),
    Column("status", String(12), nullable=False),
    Column("quantity", Float, nullable=False),
    Column("price", Float, nullable=True),
    Column("filled_quantity", Float, nullable=False),
    Column("average_price", Float, nullable=True),
    Column("fee", Float, nullable=False),
    Column("reason", String(80), nullable=False),
)

order_events = Table(  # the life cycle of every order: the attempt and each result
    "order_events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("client_order_id", String(64), nullable=False, index=True),
    Column("symbol", String(40), nullable=False),
    Column("ts_event", BigInteger, nullable=False),
    Column("status", String(12), nullable=False),
    Column("sequence", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

fills = Table(  # what the K-line marks
    "fills",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False, index=True),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("client_order_id", String(64), nullable=False, index=True),
    Column("side", String(4), nullable=False),
    Column("purpose", String(24), nullable=False),
    Column("price", Float, nullable=False),
    Column("quantity", Float, nullable=False),
    Column("fee", Float, nullable=False),
    Column("sequence", BigInteger, nullable=False, index=True),
)

positions = Table(
    "positions",
    metadata,
    Column("position_id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False, index=True),
    Column("status", String(8), nullable=False, index=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("signed_quantity", Float, nullable=False),
    Column("average_entry", Float, nullable=False),
    Column("mark", Float, nullable=False),
    Column("realised_pnl", Float, nullable=False),
    Column("unrealised_pnl", Float, nullable=False),
    Column("fees", Float, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=True),
    Column("exit_reason", String(24), nullable=False),
    Column("stop_loss", Float, nullable=True),
    Column("body", LargeBinary, nullable=False),
)

equity = Table(  # the PnL curve
    "equity",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("ts_event", BigInteger, primary_key=True),
    Column("equity", Float, nullable=False),
    Column("cash", Float, nullable=False),
    Column("exposure", Float, nullable=False),
    Column("realised_pnl", Float, nullable=False),
    Column("unrealised_pnl", Float, nullable=False),
    Column("drawdown", Float, nullable=False),
    Column("day_pnl", Float, nullable=False),
    Column("open_positions", Integer, nullable=False),
    Column("account", String(40), nullable=False, server_default="paper"),
)

engine = Table(  # the newest state per market
    "engine",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("ts_recv", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

model_health = Table(  # the newest word on the model, per market
    "model_health",
    metadata,
    Column("market", String(40), primary_key=True),
    Column("ts_event", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("symbol", String(40), nullable=False),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("severity", String(8), nullable=False),
    Column("code", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

commands = Table(  # what became of each command
    "commands",
    metadata,
    Column("command_id", String(64), primary_key=True),
    Column("market", String(40), nullable=False),
    Column("ts_event", BigInteger, nullable=False, index=True),
    Column("command", String(24), nullable=False),
    Column("author", String(80), nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

dead_letters = Table(  # counted by source and reason; the bytes stay on the topic
    "dead_letters",
    metadata,
    Column("source", String(80), primary_key=True),
    Column("reason", String(200), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("ts_recv", BigInteger, nullable=False),
    Column("last_offset", BigInteger, nullable=True),  # of the log: what lies at or before it is counted already
)

offsets = Table(  # how far the projector is, per topic and partition: written with the rows, in one transaction
    "offsets",
    metadata,
    Column("topic", String(80), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("ts_written", BigInteger, nullable=False),
)

meta = Table(  # schema_version, and log_id: which broker's log the offsets belong to
    "meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)

Index("fills_by_symbol", fills.c.symbol, fills.c.sequence)
Index("signal_history_by_symbol", signal_history.c.symbol, signal_history.c.ts_event)
Index("indicators_by_time", indicators.c.market, indicators.c.ts_open)
Index("bars_by_time", bars.c.market, bars.c.ts_open)
Index("heat_history_by_time", heat_history.c.market, heat_history.c.ts_event)
Index("order_events_by_time", order_events.c.ts_event)
