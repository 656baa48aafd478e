"""Facts as rows of the read model: gathered by batch, so that of many facts about one thing the newest is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from contracts import facts
from contracts.events import Announcement, Klines, Mention
from contracts.facts import AnyFact

Row: TypeAlias = dict[str, Any]

HEAT_POINT = 15_000_000_000  # ns between two points of a coin's heat history
HISTORY_SHOWN = 8 * 3600 * 1_000_000_000  # ns of the venue's own one-minute bars that are kept to be shown
LONGER_HISTORY_SHOWN = 48 * 3600 * 1_000_000_000  # and of its longer ones
HEAT_RANKS = 100  # coins ranked behind are not kept in the history
SCORES = ("volume", "momentum", "volatility", "liquidity", "social", "novelty")
RANK_OF_STATUS = {"created": 0, "open": 1, "partial": 2, "closed": 3, "canceled": 3, "failed": 3, "denied": 3}


class Gathered:
    """The rows that one batch of facts comes to. Each attribute maps a natural key to its row.

    `take` is called in the order of the topics. What two topics tell of one order is merged by `merge_order`, in any
    order.
    """

    def __init__(self) -> None:
        self.bars: dict[tuple[str, str, str, int], Row] = {}
        self.indicators: dict[tuple[str, str, str, int], Row] = {}
        self.past_indicators: dict[tuple[str, str, str, int], Row] = {}
        self.snapshots: dict[str, facts.CandidateSnapshot] = {}
        self.heat: dict[tuple[str, str, int], Row] = {}
        self.maps: dict[str, facts.MarketMap] = {}
        self.announcements: dict[str, Row] = {}
        self.mentions: dict[str, Row] = {}
        self.happenings: dict[str, Row] = {}
        self.signals: dict[tuple[str, str, str], Row] = {}
        self.signal_history: dict[str, Row] = {}
        self.decisions: dict[str, Row] = {}
        self.orders: dict[str, Row] = {}
        self.order_events: dict[str, Row] = {}
        self.fills: dict[str, Row] = {}
        self.positions: dict[str, Row] = {}
        self.equity: dict[tuple[str, int], Row] = {}
        self.engine: dict[str, Row] = {}
        self.model_health: dict[str, Row] = {}
        self.alerts: dict[str, Row] = {}
        self.commands: dict[str, Row] = {}
        self.letters: list[facts.DeadLetter] = []
        self.taken: Counter[str] = Counter()

    def take(self, fact: AnyFact, body: bytes) -> None:
        """Add one fact; `body` is its JSON. Facts that no page shows are only counted."""
        self.taken[type(fact).__name__] += 1
        take = _TAKERS.get(type(fact))
        if take is not None:
            take(self, fact, body)

    def _bars(self, fact: facts.Bars, _: bytes) -> None:
        closed, kept = fact.closed, self.bars
        market, interval, ts_open = fact.market, fact.interval, fact.ts_open
        columns = (
            fact.symbols,
            fact.open,
            fact.high,
            fact.low,
            fact.close,
            fact.volume,
            fact.quote_volume,
            fact.trades,
        )
        for symbol, o, h, low, c, volume, quote_volume, trades in zip(*columns, strict=True):
            key = (market, symbol, interval, ts_open)
            if not closed and key in kept and kept[key]["closed"]:
                continue
            kept[key] = {
                "market": market, "symbol": symbol, "interval": interval, "ts_open": ts_open, "closed": closed,
                "open": o, "high": h,
                "low": low, "close": c, "volume": volume, "quote_volume": quote_volume, "trades": trades,
            }  # fmt: skip

    def _indicators(self, fact: facts.IndicatorValues, _: bytes) -> None:
        columns = [getattr(fact, name) for name in facts.INDICATORS]
        for symbol, *values in zip(fact.symbols, *columns, strict=True):
            key = (fact.market, symbol, fact.interval, fact.ts_open)
            if fact.closed or key not in self.indicators or not self.indicators[key]["closed"]:
                self.indicators[key] = _indicator_row(key, fact.closed, values)

    def _indicator_history(self, fact: facts.IndicatorHistory, _: bytes) -> None:
        columns = [getattr(fact, name) for name in facts.INDICATORS]
        for ts_open, *values in zip(fact.ts_open, *columns, strict=True):
            key = (fact.market, fact.symbol, fact.interval, ts_open)
            self.past_indicators[key] = _indicator_row(key, True, values)

    def take_history(self, market: str, event: Klines) -> None:
        """Add the newer part of a venue's history of one coin as closed bars."""
        since = event.ts_recv - (HISTORY_SHOWN if event.interval == "1m" else LONGER_HISTORY_SHOWN)
        for ts_open, o, h, low, c, volume, quote_volume, trades, _ in event.rows:
            if ts_open >= since:
                self.bars[market, event.symbol, event.interval, ts_open] = {
                    "market": market, "symbol": event.symbol, "interval": event.interval, "ts_open": ts_open, "closed": True,
                    "open": o, "high": h, "low": low, "close": c, "volume": volume, "quote_volume": quote_volume, "trades": trades,
                }  # fmt: skip

    def take_announcement(self, market: str, event: Announcement, body: bytes) -> None:
        """Add what a venue announced; told twice it stays one row."""
        key = key64(f"{event.source}:{event.announcement_id}")
        self.announcements.setdefault(key, _told(key, market, event, body) | {"category": event.category})

    def take_mention(self, market: str, event: Mention, body: bytes) -> None:
        """Add that somebody spoke of coins; told twice it stays one row."""
        key = key64(f"{event.source}:{event.mention_id}")
        self.mentions.setdefault(key, _told(key, market, event, body) | {"kind": event.kind})

    def _map(self, fact: facts.MarketMap, _: bytes) -> None:
        newest = self.maps.get(fact.market)
        if newest is None or fact.ts_event >= newest.ts_event:
            self.maps[fact.market] = fact

    def _snapshot(self, fact: facts.CandidateSnapshot, _: bytes) -> None:
        newest = self.snapshots.get(fact.market)
        if newest is None or fact.ts_event >= newest.ts_event:
            self.snapshots[fact.market] = fact
        ts = fact.ts_event // HEAT_POINT * HEAT_POINT
        market = fact.market
        for symbol, rank, heat, price, stage in zip(
            fact.symbols, fact.rank, fact.heat, fact.price, fact.stage, strict=True
        ):
            if stage != "out" and rank <= HEAT_RANKS and (market, symbol, ts) not in self.heat:
                self.heat[market, symbol, ts] = {
                    "market": market, "symbol": symbol, "ts_event": ts, "heat": heat, "rank": rank, "price": price
                }  # fmt: skip

    def _happening(self, fact: facts.StageChanged | facts.Anomaly | facts.DiscoveryAlarm, body: bytes) -> None:
        kind = {facts.StageChanged: "stage", facts.Anomaly: "anomaly", facts.DiscoveryAlarm: "alarm"}[type(fact)]
        self.happenings.setdefault(
            fact.id,
            {
                "id": key64(fact.id), "market": fact.market, "symbol": fact.symbol, "ts_event": fact.ts_event,
                "kind": kind,
                "body": body,
            },
        )  # fmt: skip

    def _signal(self, fact: facts.Signal, body: bytes) -> None:
        _newest(
            self.signals,
            (fact.market, fact.symbol, fact.strategy),
            {
                "market": fact.market, "symbol": fact.symbol, "strategy": clip(fact.strategy, 40),
                "ts_event": fact.ts_event,
                "action": fact.action, "body": body,
            },
        )  # fmt: skip

        self.signal_history.setdefault(
            fact.id,
            {
                "id": key64(fact.id), "market": fact.market, "symbol": fact.symbol, "strategy": clip(fact.strategy, 40),
                "shadow": fact.shadow, "ts_event": fact.ts_event, "action": fact.action,
                "decision_id": key64(fact.decision_id), "body": body,
            },
        )  # fmt: skip

    def _decision(self, fact: facts.DecisionPacket, body: bytes) -> None:
        self.decisions.setdefault(
            fact.id,
            {
                "id": key64(fact.id), "market": fact.market, "symbol": fact.symbol, "strategy": clip(fact.strategy, 40),
                "shadow": fact.shadow, "ts_event": fact.ts_event, "action": fact.action, "heat": fact.heat,
                "entry": fact.entry,
                "body": body,
            },
        )  # fmt: skip

    def _attempt(self, fact: facts.OrderAttempt, body: bytes) -> None:
        denied = fact.verdict == "denied"
        row = _order(fact, "denied" if denied else "created", fact.deny_reason if denied else "")
        row |= {"order_type": fact.order_type, "price": None if fact.price is None else float(fact.price)}
        self._order_event(fact, row, body)

    def _result(self, fact: facts.OrderResult, body: bytes) -> None:
        row = _order(fact, fact.status, fact.reason)
        row["filled_quantity"] = float(fact.filled_quantity)
        row["average_price"] = None if fact.average_price is None else float(fact.average_price)
        self._order_event(fact, row, body)
        if fact.fill_quantity > 0 and fact.fill_price is not None:
            self.fills.setdefault(
                fact.id,
                {
                    "id": key64(fact.id), "market": fact.market, "symbol": fact.symbol, "ts_event": fact.ts_event,
                    "client_order_id": fact.client_order_id, "side": fact.side, "purpose": clip(fact.purpose, 24),
                    "price": float(fact.fill_price), "quantity": float(fact.fill_quantity), "fee": float(fact.fee),
                },
            )  # fmt: skip

    def _order_event(self, fact: facts.OrderAttempt | facts.OrderResult, row: Row, body: bytes) -> None:
        key = fact.client_order_id
        self.orders[key] = merge_order(self.orders.get(key), row)
        self.order_events.setdefault(
            fact.id,
            {
                "id": key64(fact.id), "client_order_id": key, "symbol": fact.symbol, "ts_event": fact.ts_event,
                "status": row["status"], "body": body,
            },
        )  # fmt: skip

    def _position(self, fact: facts.Position, body: bytes) -> None:
        row = {
            "position_id": key64(fact.position_id), "market": fact.market, "symbol": fact.symbol, "status": fact.status,
            "ts_event": fact.ts_event, "signed_quantity": float(fact.signed_quantity),
            "average_entry": float(fact.average_entry),
            "mark": fact.mark, "realised_pnl": float(fact.realised_pnl), "unrealised_pnl": fact.unrealised_pnl,
            "fees": float(fact.fees), "opened_at": fact.opened_at, "closed_at": fact.closed_at,
            "exit_reason": clip(fact.exit_reason, 24), "stop_loss": fact.stop_loss, "body": body,
        }  # fmt: skip
        known = self.positions.get(fact.position_id)
        if (
            known is None
            or fact.status == "closed"
            or (known["status"] == "open" and row["ts_event"] >= known["ts_event"])
        ):
            self.positions[fact.position_id] = row

    def _account(self, fact: facts.Account, _: bytes) -> None:
        self.equity[fact.market, fact.ts_event] = {
            "market": fact.market, "ts_event": fact.ts_event, "equity": fact.equity, "cash": fact.cash,
            "exposure": fact.exposure,
            "realised_pnl": fact.realised_pnl, "unrealised_pnl": fact.unrealised_pnl, "drawdown": fact.drawdown,
            "day_pnl": fact.day_pnl, "open_positions": fact.open_positions, "account": fact.account,
        }  # fmt: skip

    def _engine(self, fact: facts.EngineState, body: bytes) -> None:
        _newest(
            self.engine,
            fact.market,
            {
                "market": fact.market, "ts_event": fact.ts_event, "ts_recv": fact.ts_recv, "state": fact.state,
                "paused": fact.paused, "since": fact.since, "body": body,
            },
        )  # fmt: skip

    def _model_health(self, fact: facts.ModelHealth, body: bytes) -> None:
        row = {"market": fact.market, "ts_event": fact.ts_event, "state": fact.state, "body": body}
        _newest(self.model_health, fact.market, row)

    def _alert(self, fact: facts.Alert, body: bytes) -> None:
        self.alerts.setdefault(
            fact.id,
            {
                "id": key64(fact.id), "market": fact.market, "symbol": fact.symbol, "ts_event": fact.ts_event,
                "severity": fact.severity, "code": clip(fact.code, 40), "body": body,
            },
        )  # fmt: skip

    def _command(self, fact: facts.CommandResult, body: bytes) -> None:
        self.commands[fact.command_id] = {
            "command_id": key64(fact.command_id), "market": fact.market, "ts_event": fact.ts_event,
            "command": clip(fact.command, 24),
            "author": clip(fact.author, 80), "ok": fact.ok, "reason": clip(fact.reason, 200), "body": body,
        }  # fmt: skip

    def _letter(self, fact: facts.DeadLetter, _: bytes) -> None:
        self.letters.append(fact)

    def take_unreadable(self, topic: str, offset: int, ts_ns: int, reason: str, raw: bytes) -> None:
        """Count a message of a facts topic that is no fact, as a dead letter of the projector."""
        self.taken["unreadable"] += 1
        self.letters.append(
            facts.DeadLetter(
                id=f"{topic}-{offset}",
                source=f"projector:{topic}",
                reason=reason,
                ts_recv=ts_ns,
                offset=offset,
                raw=raw,
            )
        )


_TAKERS: dict[type, Callable[[Gathered, Any, bytes], None]] = {
    facts.Bars: Gathered._bars,
    facts.IndicatorValues: Gathered._indicators,
    facts.IndicatorHistory: Gathered._indicator_history,
    facts.CandidateSnapshot: Gathered._snapshot,
    facts.MarketMap: Gathered._map,
    facts.StageChanged: Gathered._happening,
    facts.Anomaly: Gathered._happening,
    facts.DiscoveryAlarm: Gathered._happening,
    facts.Signal: Gathered._signal,
    facts.DecisionPacket: Gathered._decision,
    facts.OrderAttempt: Gathered._attempt,
    facts.OrderResult: Gathered._result,
    facts.Position: Gathered._position,
    facts.Account: Gathered._account,
    facts.EngineState: Gathered._engine,
    facts.ModelHealth: Gathered._model_health,
    facts.Alert: Gathered._alert,
    facts.CommandResult: Gathered._command,
    facts.DeadLetter: Gathered._letter,
}


def _indicator_row(key: tuple[str, str, str, int], closed: bool, values: list[float | None]) -> Row:
    names = ("market", "symbol", "interval", "ts_open", "closed", *facts.INDICATORS)
    return dict(zip(names, (*key, closed, *values), strict=True))


def candidate_rows(fact: facts.CandidateSnapshot) -> list[Row]:
    """A row per coin of a snapshot, with what each score adds to its heat."""
    names = (
        "symbol", "rank", "heat", *(f"{name}_score" for name in SCORES), "score", "stage", "stage_since", "passed",
        "failed", "price",
        "change_1m", "change_5m", "change_24h", "quote_volume_24h", "spread_bps", "age_ms", "group",
    )  # fmt: skip
    columns = [getattr(fact, "symbols" if name == "symbol" else name) for name in names]
    shared = {"market": fact.market, "ts_event": fact.ts_event}
    rows: list[Row] = [shared | dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    # Empty before the first mention, and in facts of older versions.
    later: dict[str, Any] = {"sector": "", "held_back": "", "mentions": 0, "voices": 0, "tone": None}
    for n, row in enumerate(rows):
        row.update({name: getattr(fact, name)[n] if getattr(fact, name) else none for name, none in later.items()})
        row["failed"], row["group"] = clip(row["failed"], 40), clip(row["group"], 40)
        row["sector"], row["held_back"] = clip(row["sector"], 40), clip(row["held_back"], 80)
        for name in SCORES:
            row[f"{name}_points"] = fact.weights.get(name, 0.0) * row[f"{name}_score"]
    return rows


def map_rows(fact: facts.MarketMap) -> list[Row]:
    """A row per coin of a map of the market."""
    names = ("price", "heat", "change_5m", "change_24h", "quote_volume_24h", "stage")
    shared = {"market": fact.market, "ts_event": fact.ts_event}
    columns = [getattr(fact, name) for name in names]
    return [
        shared | {"symbol": symbol, "group": clip(group, 40)} | dict(zip(names, values, strict=True))
        for symbol, group, *values in zip(fact.symbols, fact.group, *columns, strict=True)
    ]


def snapshot_row(fact: facts.CandidateSnapshot) -> Row:
    """What holds for a whole snapshot."""
    weights = msgspec.json.encode(fact.weights).decode()
    return {"market": fact.market, "ts_event": fact.ts_event, "universe": fact.universe, "weights": weights}


def merge_order(known: Row | None, new: Row) -> Row:
    """Put together what is known of an order and what a fact says, in whatever order facts come.

    State, filled quantity, average price and reason come from the furthest state (by rank, then time, then filled
    quantity), type and limit price from the attempt, the time of creation is the earliest seen. Merging a fact twice
    changes nothing.
    """
    if known is None:
        return new
    older, newer = sorted((known, new), key=_progress)
    merged = newer | {"ts_created": min(known["ts_created"], new["ts_created"])}
    if not newer["order_type"]:
        merged |= {"order_type": older["order_type"], "price": older["price"]}
    return merged


def _progress(row: Row) -> tuple[int, int, float, str, float]:
    rank = RANK_OF_STATUS[row["status"]]
    return rank, row["ts_event"], row["filled_quantity"], row["reason"], row["average_price"] or 0.0


def _order(fact: facts.OrderAttempt | facts.OrderResult, status: str, reason: str) -> Row:
    return {
        "client_order_id": fact.client_order_id, "market": fact.market, "symbol": fact.symbol,
        "decision_id": key64(fact.decision_id),
        "position_id": key64(fact.position_id), "ts_created": fact.ts_event, "ts_event": fact.ts_event,
        "side": fact.side,
        "order_type": "", "purpose": clip(fact.purpose, 24), "status": status, "quantity": float(fact.quantity),
        "price": None,
        "filled_quantity": 0.0, "average_price": None, "reason": clip(reason, 80),
    }  # fmt: skip


def _told(key: str, market: str, event: Announcement | Mention, body: bytes) -> Row:
    return {
        "id": key, "market": market, "ts_event": event.ts_event, "ts_recv": event.ts_recv,
        "source": clip(event.source, 80), "body": body,
    }  # fmt: skip


def _newest(rows: dict[Any, Row], key: Any, row: Row) -> None:
    known = rows.get(key)
    if known is None or row["ts_event"] >= known["ts_event"]:
        rows[key] = row


def clip(text: str, size: int) -> str:
    """Free text as a column takes it: PostgreSQL refuses longer values and NUL characters."""
    return text[:size].replace("\x00", "")


def key64(text: str) -> str:
    """A key of at most 64 characters: long ones end in a hash of the whole."""
    if len(text) <= 64:
        return text
    return text[:40] + "-" + blake2b(text.encode(), digest_size=11).hexdigest()
