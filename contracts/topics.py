"""The one place where a topic's name meets its payload, its key and its bounds."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts import events, facts

MIB = 1024 * 1024


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A Kafka topic. `payload` is the type of its messages, `key` what the message key holds; sizes bound the broker's disk."""

    name: str
    payload: Any
    key: str
    partitions: int = 1
    retention_bytes: int = 256 * MIB
    segment_bytes: int = 64 * MIB
    about: str = ""


EVENTS = Topic(
    name="events.v1",
    payload=events.LogEvent,
    key="market",
    partitions=8,
    retention_bytes=4096 * MIB,
    segment_bytes=256 * MIB,
    about="the sequenced log: everything the desk reacts to",
)
BARS = Topic(
    name="bar.v1",
    payload=facts.Bars | facts.IndicatorValues | facts.IndicatorHistory,
    key="market",
    about="bars: closed ones of all symbols, forming ones and indicators in focus",
)
CANDIDATES = Topic(
    name="candidate_snapshot.v1",
    payload=facts.CandidateSnapshot
    | facts.MarketMap
    | facts.StageChanged
    | facts.Anomaly
    | facts.DiscoveryAlarm
    | facts.ScoreBar,
    key="market",
    about="pool and ranking each second, the whole market twice a minute, changes of stage, anomalies, alarms",
)
WATCHLIST = Topic(name="watchlist.v1", payload=facts.Watchlist, key="market", about="symbols to stream in detail")
SIGNALS = Topic(name="signal_snapshot.v1", payload=facts.Signal, key="symbol", about="every evaluated coin and why (not)")
DECISIONS = Topic(name="decision.v1", payload=facts.DecisionPacket, key="symbol", about="decisions")
ORDER_ATTEMPTS = Topic(name="order_attempt.v1", payload=facts.OrderAttempt, key="symbol", about="intents and verdicts")
ORDER_RESULTS = Topic(name="order_result.v1", payload=facts.OrderResult, key="symbol", about="order state changes")
POSITIONS = Topic(name="position.v1", payload=facts.Position | facts.Account, key="account", about="positions and equity")
ENGINE_STATE = Topic(
    name="engine_state.v1", payload=facts.EngineState | facts.CommandResult, key="market", about="what may be sent, and why"
)
MODEL_HEALTH = Topic(
    name="model_health.v1", payload=facts.ModelHealth, key="market", about="how good the model is, and whether it is gone by"
)
ALERTS = Topic(name="alert.v1", payload=facts.Alert, key="market", about="what a person should know")
DEAD_LETTERS = Topic(name="dead_letter.v1", payload=facts.DeadLetter, key="source", about="what nobody could read")

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        EVENTS,
        BARS,
        CANDIDATES,
        WATCHLIST,
        SIGNALS,
        DECISIONS,
        ORDER_ATTEMPTS,
        ORDER_RESULTS,
        POSITIONS,
        ENGINE_STATE,
        MODEL_HEALTH,
        ALERTS,
        DEAD_LETTERS,
    )
}

TOPIC_OF: dict[type, Topic] = {
    facts.Bars: BARS,
    facts.IndicatorValues: BARS,
    facts.IndicatorHistory: BARS,
    facts.CandidateSnapshot: CANDIDATES,
    facts.MarketMap: CANDIDATES,
    facts.StageChanged: CANDIDATES,
    facts.Anomaly: CANDIDATES,
    facts.DiscoveryAlarm: CANDIDATES,
    facts.ScoreBar: CANDIDATES,
    facts.Watchlist: WATCHLIST,
    facts.Signal: SIGNALS,
    facts.DecisionPacket: DECISIONS,
    facts.OrderAttempt: ORDER_ATTEMPTS,
    facts.OrderResult: ORDER_RESULTS,
    facts.Position: POSITIONS,
    facts.Account: POSITIONS,
    facts.EngineState: ENGINE_STATE,
    facts.CommandResult: ENGINE_STATE,
    facts.ModelHealth: MODEL_HEALTH,
    facts.Alert: ALERTS,
    facts.DeadLetter: DEAD_LETTERS,
}
