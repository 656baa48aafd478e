"""The questions the pages ask of the read model. Nothing is written, no transaction is held, answers are shared between tabs.

Every answer is a list of plain dictionaries, one per row, named as the columns of `contracts/read_model.py`; a `body` column
arrives decoded, as the fact's own dictionary. Ages are measured here against this machine's clock, because a desk that has
stopped cannot say so itself.

Raises ReadModelMissing where there is no read model yet: the desk was never started, or is about to create it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
import streamlit as st
from sqlalchemy import CompoundSelect, Engine, Select, create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from contracts import read_model as model
from contracts.errors import EmberlineError
from contracts.topics import EVENTS

Row: TypeAlias = dict[str, Any]

NANOS = 1_000_000_000
LIVE_S = 0.9  # a second's polling finds a fresh answer, several tabs share one
CALM_S = 5.0


class ReadModelMissing(EmberlineError):
    """There is no read model to ask yet. Start the desk."""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """One market at a glance. `age_s` is how long ago the read model was last written; `running` whether that is recent."""

    market: str
    running: bool
    age_s: float | None
    ts_written: int | None
    engine: Row | None
    account: Row | None


@st.cache_resource(show_spinner=False, max_entries=4)
def engine_of(url: str) -> Engine:
    """A read-only engine in autocommit: a reader that holds a transaction open makes the write-ahead log grow."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        read_only = f"sqlite:///file:{parsed.database}?mode=ro&uri=true&check_same_thread=false"
        return create_engine(read_only, isolation_level="AUTOCOMMIT", poolclass=QueuePool, pool_size=4, max_overflow=8)
    return create_engine(
        parsed, isolation_level="AUTOCOMMIT", poolclass=QueuePool, pool_size=4, max_overflow=8, pool_pre_ping=True
    )


def ask(url: str, question: Select[Any] | CompoundSelect[Any]) -> list[Row]:
    """Ask one question; the answer is fetched whole, the connection given back."""
    try:
        with engine_of(url).connect() as connection:
            rows = connection.execute(question).mappings().all()
    except DBAPIError as e:
        raise ReadModelMissing(
            f"read model {make_url(url).render_as_string()}: {e.orig}; start the desk: `ember up`"
        ) from e
    return [_plain(row) for row in rows]


def _plain(row: Mapping[Any, Any]) -> Row:
    plain = {str(key): value for key, value in row.items()}
    if plain.get("body") is not None:
        plain["body"] = msgspec.json.decode(plain["body"])
    return plain


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def desk(url: str, market: str, stale_after_s: float) -> Desk:
    """State of the engine, newest equity, and how fresh all of it is."""
    # Heartbeats fill the log while the desk is dead: only facts show that it lives.
    of_facts = model.offsets.c.topic != EVENTS.name
    written = ask(url, select(func.max(model.offsets.c.ts_written).label("ts_written")).where(of_facts))
    ts_written: int | None = written[0]["ts_written"] if written else None
    age_s = None if ts_written is None else max(0.0, (time.time_ns() - ts_written) / NANOS)
    account = (
        select(model.equity).where(model.equity.c.market == market).order_by(model.equity.c.ts_event.desc()).limit(1)
    )
    return Desk(
        market=market,
        running=age_s is not None and age_s <= stale_after_s,
        age_s=age_s,
        ts_written=ts_written,
        engine=_first(ask(url, select(model.engine).where(model.engine.c.market == market))),
        account=_first(ask(url, account)),
    )


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def model_health(url: str, market: str) -> Row | None:
    """The newest word on the model of edge and risk; None where there is none."""
    table = model.model_health
    return _first(ask(url, select(table).where(table.c.market == market)))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def ranking(url: str, market: str, limit: int) -> list[Row]:
    """The newest ranking, hottest first."""
    table = model.candidates
    return ask(url, select(table).where(table.c.market == market).order_by(table.c.rank).limit(limit))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def candidate(url: str, market: str, symbol: str) -> Row | None:
    """Scores and figures of one coin, None if it is not ranked."""
    table = model.candidates
    return _first(ask(url, select(table).where(table.c.market == market, table.c.symbol == symbol)))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def snapshot(url: str, market: str) -> Row | None:
    """When the newest ranking was made, of how many coins, with which weights (a dictionary)."""
    found = _first(ask(url, select(model.snapshots).where(model.snapshots.c.market == market)))
    return None if found is None else {**found, "weights": msgspec.json.decode(found["weights"])}


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def heat_lines(url: str, market: str, since_s: int) -> dict[str, list[float]]:
    """Heat over time per coin, oldest first, over the newest `since_s` seconds of history."""
    table = model.heat_history
    newest = select(func.max(table.c.ts_event)).where(table.c.market == market).scalar_subquery()
    question = (
        select(table.c.symbol, table.c.heat)
        .where(table.c.market == market, table.c.ts_event >= newest - since_s * NANOS)
        .order_by(table.c.ts_event)
    )
    lines: dict[str, list[float]] = {}
    for row in ask(url, question):
        lines.setdefault(row["symbol"], []).append(row["heat"])
    return lines


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def happenings(
    url: str, market: str, limit: int, kinds: tuple[str, ...] = ("alarm", "anomaly", "stage"), symbol: str | None = None
) -> list[Row]:
    """Alarms, anomalies and changes of stage, newest first."""
    table = model.happenings
    question = select(table).where(table.c.market == market, table.c.kind.in_(kinds))
    question = question.order_by(table.c.ts_event.desc(), table.c.id).limit(limit)
    return ask(url, question if symbol is None else question.where(table.c.symbol == symbol))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def signals(url: str, market: str, symbol: str) -> list[Row]:
    """The newest evaluation of one coin per strategy: the acting strategy's before those in shadow, newest first."""
    table = model.signals
    of_coin = select(table).where(table.c.market == market, table.c.symbol == symbol)
    return sorted(ask(url, of_coin.order_by(table.c.ts_event.desc())), key=lambda row: bool(row["body"]["shadow"]))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def decisions(url: str, market: str, limit: int, symbol: str | None = None, *, acting: bool = False) -> list[Row]:
    """Decisions, newest first; with `acting` without those in shadow."""
    table = model.decisions
    question = select(table).where(table.c.market == market).order_by(table.c.ts_event.desc(), table.c.id).limit(limit)
    if acting:
        question = question.where(table.c.shadow.is_(False))
    return ask(url, question if symbol is None else question.where(table.c.symbol == symbol))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def decision(url: str, decision_id: str) -> Row | None:
    """One decision by its id."""
    return _first(ask(url, select(model.decisions).where(model.decisions.c.id == decision_id)))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def open_positions(url: str, market: str) -> list[Row]:
    """Open positions, the oldest first: rows keep their place."""
    table = model.positions
    question = select(table).where(table.c.market == market, table.c.status == "open")
    return ask(url, question.order_by(table.c.opened_at, table.c.position_id))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def closed_positions(url: str, market: str, limit: int) -> list[Row]:
    """Closed positions, the newest first."""
    table = model.positions
    question = select(table).where(table.c.market == market, table.c.status == "closed")
    return ask(url, question.order_by(table.c.closed_at.desc(), table.c.position_id).limit(limit))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def orders(url: str, market: str, limit: int, symbol: str | None = None) -> list[Row]:
    """Orders, denied attempts among them, the newest first."""
    table = model.orders
    question = (
        select(table).where(table.c.market == market).order_by(table.c.ts_created.desc(), table.c.client_order_id)
    )
    return ask(url, question.limit(limit) if symbol is None else question.where(table.c.symbol == symbol).limit(limit))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def order_events(url: str, client_order_id: str) -> list[Row]:
    """The life of one order, oldest first."""
    table = model.order_events
    return ask(url, select(table).where(table.c.client_order_id == client_order_id).order_by(table.c.sequence))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def equity_curve(url: str, market: str, points: int) -> list[Row]:
    """Equity over time, oldest first, thinned to about `points` rows; the newest is always among them."""
    table = model.equity
    numbered = (
        select(table, func.row_number().over(order_by=table.c.ts_event.desc()).label("back"))
        .where(table.c.market == market)
        .subquery()
    )
    count = ask(url, select(func.count().label("count")).select_from(table).where(table.c.market == market))[0]["count"]
    step = max(1, count // points)
    return ask(url, select(numbered).where((numbered.c.back - 1) % step == 0).order_by(numbered.c.ts_event))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def alerts(url: str, market: str, limit: int) -> list[Row]:
    """What a person should know, newest first."""
    table = model.alerts
    question = select(table).where(table.c.market == market)
    return ask(url, question.order_by(table.c.ts_event.desc(), table.c.id).limit(limit))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def commands(url: str, limit: int) -> list[Row]:
    """What became of commands, newest first."""
    return ask(url, select(model.commands).order_by(model.commands.c.ts_event.desc()).limit(limit))


def command_results(url: str, command_ids: list[str]) -> list[Row]:
    """What became of these commands, never cached: somebody is waiting."""
    return ask(url, select(model.commands).where(model.commands.c.command_id.in_(command_ids)))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def dead_letters(url: str) -> list[Row]:
    """Messages nobody could read, counted by source and reason, the latest first."""
    return ask(url, select(model.dead_letters).order_by(model.dead_letters.c.ts_recv.desc()).limit(50))


@st.cache_resource(ttl=60.0, show_spinner=False, max_entries=16)
def symbols(url: str, market: str) -> list[str]:
    """Every coin that can be looked at: it is ranked or has bars, in alphabetical order."""
    ranked = select(model.candidates.c.symbol).where(model.candidates.c.market == market)
    # From one coin to the next along the key: a plain DISTINCT would read every bar there is.
    bars = model.bars.c
    first = select(func.min(bars.symbol).label("symbol")).where(bars.market == market)
    barred = first.cte("barred", recursive=True)
    after = select(func.min(bars.symbol)).where(bars.market == market, bars.symbol > barred.c.symbol).scalar_subquery()
    barred = barred.union_all(select(after).where(barred.c.symbol.is_not(None)))
    listed = select(barred.c.symbol).where(barred.c.symbol.is_not(None))
    return [row["symbol"] for row in ask(url, ranked.union(listed).order_by("symbol"))]


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def newest_bars(url: str, market: str, symbol: str, interval: str, limit: int) -> list[Row]:
    """The newest bars of one coin, oldest first, the forming one last."""
    table = model.bars
    question = select(table).where(table.c.market == market, table.c.symbol == symbol, table.c.interval == interval)
    return ask(url, question.order_by(table.c.ts_open.desc()).limit(limit))[::-1]


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def fills(url: str, market: str, symbol: str, limit: int, after: int = -1) -> list[Row]:
    """The newest fills of one coin with a sequence above `after`, oldest first: what the K-line marks."""
    table = model.fills
    question = select(table).where(table.c.market == market, table.c.symbol == symbol, table.c.sequence > after)
    return ask(url, question.order_by(table.c.sequence.desc()).limit(limit))[::-1]
