"""Facts: what the desk concludes, one JSON object per message, each on the topic that `topics.py` names.

Every fact says what it follows from (`partition`, `offset`), when in event time, and under which settings. `id` is its natural
key: delivery is at-least-once, consumers deduplicate by it. Many symbols travel as columns (lists of equal length), few as
objects. Numbers that became or may become orders are `Decimal`, written as strings.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from contracts.events import UnixNanos
from contracts.reasons import Reason


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all facts share."""

    id: str
    trace_id: str
    market: str
    partition: int
    offset: int
    ts_event: UnixNanos
    settings_hash: str
    model_hash: str = ""


# --- bar.v1 -----------------------------------------------------------------------------------------------------------


class Bars(Fact, frozen=True, kw_only=True, tag="bars"):
    """Bars of one interval that closed at one instant (`closed`), or the forming ones of the symbols in focus, as columns.

    Window [ts_open, ts_open + interval). Prices in quote currency; volume in base, quote_volume in quote currency; trades is a count
    where the feed has trades, else 0. A coin that is quiet in a market that is not repeats its last close, with no volume; where the
    whole feed was silent there is no bar, until the venue's history tells it.
    """

    interval: Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]
    ts_open: UnixNanos
    closed: bool
    symbols: list[str]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    quote_volume: list[float]
    trades: list[int]


class IndicatorValues(Fact, frozen=True, kw_only=True, tag="indicators"):
    """Technical indicators of the coins in focus at the close of one bar, as columns; None while an indicator warms up.

    With `closed` False: of the forming bar of the coins that a person looks at, as if it closed now.
    Prices in quote currency; rsi and adx 0..100; macd, its signal and histogram are differences of prices. ema_fast and ema_slow are
    the two averages of the MACD. supertrend stands below the close while the trend rises.
    """

    interval: Literal["1m", "5m", "15m"]
    ts_open: UnixNanos
    symbols: list[str]
    ema_fast: list[float | None]
    ema_slow: list[float | None]
    bollinger_upper: list[float | None]
    bollinger_lower: list[float | None]
    vwap: list[float | None]
    supertrend: list[float | None]
    rsi: list[float | None]
    macd: list[float | None]
    macd_signal: list[float | None]
    macd_hist: list[float | None]
    atr: list[float | None]
    adx: list[float | None]
    closed: bool = True


INDICATORS: Final = tuple(
    name for name in IndicatorValues.__annotations__ if name not in ("interval", "ts_open", "symbols", "closed")
)
"""Names of the columns of values."""


class IndicatorHistory(Fact, frozen=True, kw_only=True, tag="indicator_history"):
    """Technical indicators over the past of one coin's chart, oldest bar first: told once when a person begins to look at it.

    Columns as in `IndicatorValues`, one entry per closed bar; at most 1000 bars.
    """

    interval: Literal["1m", "5m", "15m"]
    symbol: str
    ts_open: list[UnixNanos]
    ema_fast: list[float | None]
    ema_slow: list[float | None]
    bollinger_upper: list[float | None]
    bollinger_lower: list[float | None]
    vwap: list[float | None]
    supertrend: list[float | None]
    rsi: list[float | None]
    macd: list[float | None]
    macd_signal: list[float | None]
    macd_hist: list[float | None]
    atr: list[float | None]
    adx: list[float | None]


# --- candidate_snapshot.v1 --------------------------------------------------------------------------------------------


class CandidateSnapshot(Fact, frozen=True, kw_only=True, tag="candidates"):
    """Pool and ranking of one second, hottest first, as columns.

    Scores and heat are 0..100. `stage` is new, watching, hot, cooling or out. `passed` says whether the filters let it through;
    `failed` names the filter that did not ("" if none). `change_*` are fractions (0.01 is 1 %), None while unknown. `score` is the raw
    ranking score.
    `held_back` is "high_corr_group=X" where a hotter coin that is kept shares the correlation group or sector X. `mentions`, `voices`
    (different authors) and `tone` (-1..1) count the social window; these are empty before the first mention was seen.
    """

    symbols: list[str]
    rank: list[int]
    heat: list[float]
    volume_score: list[float]
    momentum_score: list[float]
    volatility_score: list[float]
    liquidity_score: list[float]
    social_score: list[float]
    novelty_score: list[float]
    score: list[float]
    stage: list[str]
    passed: list[bool]
    failed: list[str]
    price: list[float]
    change_1m: list[float | None]
    change_5m: list[float | None]
    change_24h: list[float | None]
    quote_volume_24h: list[float]
    spread_bps: list[float | None]
    age_ms: list[int]
    stage_since: list[UnixNanos]
    group: list[str]
    universe: int
    weights: dict[str, float]
    sector: list[str] = []
    held_back: list[str] = []
    mentions: list[int] = []
    voices: list[int] = []
    tone: list[float | None] = []


class MarketMap(Fact, frozen=True, kw_only=True, tag="market_map"):
    """Every coin that is looked at, twice a minute, as columns in no order: what a map of the whole market shows.

    heat is 0..100; `change_*` are fractions, None while unknown; quote_volume_24h in quote currency, 0 while unknown; `group` names the
    correlation group, "" if none.
    """

    symbols: list[str]
    price: list[float]
    heat: list[float]
    change_5m: list[float | None]
    change_24h: list[float | None]
    quote_volume_24h: list[float]
    stage: list[str]
    group: list[str]


class StageChanged(Fact, frozen=True, kw_only=True, tag="stage_changed"):
    """A coin moved through the pool's life cycle."""

    symbol: str
    stage: str
    previous: str
    reason: Reason
    heat: float


class Anomaly(Fact, frozen=True, kw_only=True, tag="anomaly"):
    """One measure of one symbol left its recent range. `value` is the measure, `score` its distance (robust deviations)."""

    symbol: str
    measure: str
    value: float
    score: float
    threshold: float
    since: UnixNanos
    price: float


class DiscoveryAlarm(Fact, frozen=True, kw_only=True, tag="alarm"):
    """The ranking score of a coin crossed the adaptive threshold: it is heating up now."""

    symbol: str
    score: float
    threshold: float
    rank: int
    price: float


class ScoreBar(Fact, frozen=True, kw_only=True, tag="score_bar"):
    """The raw ranking score of every symbol at the close of a minute (no threshold, no cooldown), as columns."""

    ts_open: UnixNanos
    symbols: list[str]
    score: list[float]
    close: list[float]


# --- watchlist.v1 -----------------------------------------------------------------------------------------------------


class Watchlist(Fact, frozen=True, kw_only=True, tag="watchlist"):
    """Symbols whose trades and quotes the desk wants streamed, held ones first, then those a person looks at; ingest follows it.

    Written when it changes.
    """

    symbols: list[str]


# --- signal_snapshot.v1, decision.v1 ----------------------------------------------------------------------------------


class Signal(Fact, frozen=True, kw_only=True, tag="signal"):
    """One evaluated coin: what was seen, how the signals voted, and why it did or did not become a decision.

    consensus is -1..1 (short..long). `votes` maps family/timeframe to a vote in -1..1. `gates` maps each gate to passed or not.
    """

    symbol: str
    strategy: str
    shadow: bool
    action: Literal["long", "short", "wait"]
    heat: float
    consensus: float
    confidence: float
    votes: dict[str, float]
    features: dict[str, float]
    gates: dict[str, bool]
    reasons: list[Reason]
    decision_id: str = ""


class CostAssumption(msgspec.Struct, frozen=True, kw_only=True):
    """What a round trip is assumed to cost, in basis points of notional. spread is half the touch twice, i.e. the whole."""

    maker_fee_bps: float
    taker_fee_bps: float
    spread_bps: float
    slippage_bps: float
    round_trip_bps: float


class DecisionPacket(Fact, frozen=True, kw_only=True, tag="decision"):
    """The only thing execution, backtest, review and page consume. After `valid_until` (event time) it opens nothing."""

    symbol: str
    strategy: Annotated[str, Meta(description="name of the strategy that decided")]
    shadow: Annotated[bool, Meta(description="decided beside the acting strategy: nothing is sent")]
    timeframe: Annotated[str, Meta(description="bar the strategy looks at first: 1m, 5m, 15m")]
    horizon_s: Annotated[int, Meta(ge=0, description="seconds that edge, risk and probabilities look ahead")]
    action: Literal["long", "short", "wait"]
    strength: Annotated[float, Meta(ge=0.0, le=1.0, description="how strongly the strategy speaks for it")]
    confidence: Annotated[float, Meta(ge=0.0, le=1.0, description="share of the signals' weight that spoke, by its confidence")]
    risk_level: Annotated[Literal["low", "medium", "high"], Meta(description="edge_risk_bps against the settings' bounds")]
    heat: Annotated[float, Meta(ge=0.0, le=100.0, description="total heat")]
    entry: Annotated[float, Meta(gt=0.0, description="quote currency; the far side of the touch, else the last price")]
    stop_loss: Annotated[float | None, Meta(description="quote currency")]
    take_profit_1: Annotated[float | None, Meta(description="quote currency; first tier of the ladder")]
    take_profit_2: Annotated[float | None, Meta(description="quote currency; second tier")]
    reward_risk: Annotated[float | None, Meta(description="gain of the whole ladder over the loss at the stop")]
    expected_edge_bps: Annotated[
        float, Meta(description="basis points of notional, before cost: quantile of the greatest gain within the horizon")
    ]
    edge_risk_bps: Annotated[
        float, Meta(description="basis points of notional: quantile of the greatest loss within the horizon")
    ]
    edge_source: Annotated[str, Meta(description="version of the model, or realised_volatility where there is none")]
    start_probabilities: Annotated[
        dict[str, float], Meta(description="0..1 by event: first_target, stop reached within the horizon, each on its own")
    ]
    cost: CostAssumption
    consensus: Annotated[float, Meta(ge=-1.0, le=1.0, description="of the signals, short..long")]
    valid_until: Annotated[UnixNanos, Meta(description="event time, Unix ns")]
    generated_at: Annotated[UnixNanos, Meta(description="event time, Unix ns")]
    generated_at_utc: Annotated[str, Meta(description="ISO 8601")]
    generated_at_local: Annotated[str, Meta(description="ISO 8601 in the time zone of the settings")]
    reasons: Annotated[list[Reason], Meta(description="what speaks for it; words in contracts/texts.py")]
    model_version: Annotated[str, Meta(description="empty: none in force")]
    data_version: Annotated[str, Meta(description="topic of the log decided from")]
    git_version: Annotated[str, Meta(description="commit of the code")]


# --- order_attempt.v1, order_result.v1 --------------------------------------------------------------------------------


class OrderAttempt(Fact, frozen=True, kw_only=True, tag="order_attempt"):
    """An intent with its pre-check verdict. `purpose` is "entry" or an exit reason."""

    client_order_id: str
    decision_id: str
    position_id: str
    symbol: str
    side: Literal["buy", "sell"]
    order_type: Literal["market", "limit"]
    quantity: Decimal
    price: Decimal | None
    notional: Decimal
    purpose: str
    verdict: Literal["accepted", "denied"]
    deny_reason: str
    context: dict[str, str]


class OrderResult(Fact, frozen=True, kw_only=True, tag="order_result"):
    """A change of an order's state with the venue's evidence.

    status walks created -> open -> partial -> closed, or canceled, or failed. `fill_*` describe this change's fill, zero if none.
    `evidence` names what proves it: for the paper venue the log position of the tick that filled.
    """

    client_order_id: str
    venue_order_id: str
    decision_id: str
    position_id: str
    symbol: str
    side: Literal["buy", "sell"]
    purpose: str
    status: Literal["created", "open", "partial", "closed", "canceled", "failed"]
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    fill_price: Decimal | None
    fill_quantity: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Literal["maker", "taker", ""]
    slippage_bps: float | None
    reason: str
    evidence: str


# --- position.v1 ------------------------------------------------------------------------------------------------------


class Position(Fact, frozen=True, kw_only=True, tag="position"):
    """A position after a change, or re-marked. signed_quantity is in base, + long; PnL in quote currency, fees included in realised."""

    position_id: str
    decision_id: str
    symbol: str
    status: Literal["open", "closed"]
    signed_quantity: Decimal
    average_entry: Decimal
    mark: float
    realised_pnl: Decimal
    unrealised_pnl: float
    fees: Decimal
    opened_at: UnixNanos
    closed_at: UnixNanos | None
    exit_reason: str
    stop_loss: float | None
    take_profit: list[float]
    trailing_stop: float | None
    highest: float
    lowest: float


class Account(Fact, frozen=True, kw_only=True, tag="account"):
    """Equity of the account at one instant, in quote currency. drawdown is a fraction below the peak, >= 0."""

    account: str
    equity: float
    cash: float
    exposure: float
    realised_pnl: float
    unrealised_pnl: float
    fees: float
    peak_equity: float
    drawdown: float
    day_pnl: float
    open_positions: int


# --- engine_state.v1, model_health.v1, alert.v1 -----------------------------------------------------------------------


class EngineState(Fact, frozen=True, kw_only=True, tag="engine_state"):
    """What may be sent, and why. Written on every change and every few seconds with the counters of the log."""

    state: Literal["tradeable", "degraded", "blocked"]
    previous: Literal["tradeable", "degraded", "blocked"]
    changed: bool
    since: UnixNanos
    paused: bool
    reasons: list[Reason]
    clean_cycles: int
    needed_cycles: int
    ticker_age_ms: int
    feed_lag_ms: float
    clock_skew_ms: float
    ts_recv: UnixNanos
    counters: dict[str, int]


class ModelHealth(Fact, frozen=True, kw_only=True, tag="model_health"):
    """How good the model of expected edge and risk is, and whether it is gone by. Written on each change and every few minutes.

    By side, `edge` and `risk`: `coverage` is the share of outcomes at or below the predicted quantile, which should be `nominal`;
    `coverage_without` that of the outlook without the model; `loss_ratio` the model's pinball loss over the outlook's, below 1 is
    better. All of predictions made before their outcome, the older ones faded; empty before the first. `samples` counts outcomes
    learned from, `waiting` candidates without one yet, `dropped` those whose coin had a gap. `weights` are in natural log of the
    quantile per unit of feature.
    """

    version: str
    state: Literal["off", "learning", "in_force", "unhealthy"]
    previous: Literal["off", "learning", "in_force", "unhealthy"]
    changed: bool
    since: UnixNanos
    grade: Literal["unknown", "good", "watch", "bad"]
    reasons: list[Reason]
    samples: int
    needed: int
    waiting: int
    dropped: int
    nominal: dict[str, float]
    coverage: dict[str, float]
    coverage_without: dict[str, float]
    loss_ratio: dict[str, float]
    weights: dict[str, dict[str, float]]


class Alert(Fact, frozen=True, kw_only=True, tag="alert"):
    """Something a person should know."""

    severity: Literal["info", "warning", "critical"]
    code: str
    symbol: str
    args: dict[str, float | str]


class CommandResult(Fact, frozen=True, kw_only=True, tag="command_result"):
    """What became of a command. `ok` False says why in `reason`."""

    command_id: str
    command: str
    author: str
    ok: bool
    reason: str
    detail: dict[str, str]


# --- dead_letter.v1 ---------------------------------------------------------------------------------------------------


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="dead_letter"):
    """Bytes nobody could read: where they came from, why, and the bytes themselves (base64)."""

    id: str
    source: str
    reason: str
    ts_recv: UnixNanos
    partition: int | None = None
    offset: int | None = None
    raw: bytes


AnyFact: TypeAlias = (
    Bars
    | IndicatorValues
    | IndicatorHistory
    | CandidateSnapshot
    | MarketMap
    | StageChanged
    | Anomaly
    | DiscoveryAlarm
    | ScoreBar
    | Watchlist
    | Signal
    | DecisionPacket
    | OrderAttempt
    | OrderResult
    | Position
    | Account
    | EngineState
    | ModelHealth
    | Alert
    | CommandResult
    | DeadLetter
)

encode_fact = msgspec.json.Encoder().encode
decode_fact = msgspec.json.Decoder(AnyFact).decode
