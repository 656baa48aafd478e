"""What the page *Why* asks of the read model: the chain behind one evaluation, and evaluations to choose from."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import streamlit as st
from sqlalchemy import ColumnElement, func, select

from cockpit.queries import CALM_S, LIVE_S, NANOS, Row, ask
from contracts import read_model as model
from contracts.explanation import Explanation
from contracts.facts import DecisionPacket, OrderAttempt, OrderResult, Position, Signal


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=64)
def explain(url: str, market: str, question: str, at: int | None) -> Explanation | None:
    """Answer for an id of a decision, evaluation, order or position, or for a coin at or before `at` (Unix ns; None: the newest).

    None if nothing is known of it.
    """
    named = question.strip()
    if not named:
        return None
    decision_id = _decision_of(url, named)
    if decision_id:
        return _chain(url, decision_id, None)
    history = model.signal_history
    row = _newest(url, history, history.c.id.in_([named, f"{named}-signal"]))
    if row is None:
        where = (history.c.market == market) & (history.c.symbol == named.upper())
        row = _newest(url, history, where if at is None else where & (history.c.ts_event <= at))
    if row is None and at is None:
        newest = model.signals
        row = _newest(url, newest, (newest.c.market == market) & (newest.c.symbol == named.upper()))
    if row is None:
        return None
    signal = msgspec.convert(row["body"], Signal)
    told = _chain(url, signal.decision_id, signal)
    return msgspec.structs.replace(told, asked_at=at) if told is not None else None


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=32)
def evaluations(url: str, market: str, symbol: str, limit: int) -> list[Row]:
    """Kept evaluations of a coin, newest first."""
    table = model.signal_history
    question = select(table).where(table.c.market == market, table.c.symbol == symbol)
    return ask(url, question.order_by(table.c.ts_event.desc(), table.c.id).limit(limit))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def decision_of(url: str, key: str) -> Row | None:
    """The decision that an order or a position follows from."""
    decision_id = _decision_of(url, key)
    if not decision_id:
        return None
    found = ask(url, select(model.decisions).where(model.decisions.c.id == decision_id))
    return found[0] if found else None


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def indicators(url: str, market: str, symbol: str, interval: str, limit: int) -> list[Row]:
    """The newest indicators of one coin's bars, oldest first, those of the forming bar last."""
    table = model.indicators
    question = select(table).where(table.c.market == market, table.c.symbol == symbol, table.c.interval == interval)
    return ask(url, question.order_by(table.c.ts_open.desc()).limit(limit))[::-1]


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=64)
def indicator_bars(url: str, market: str, symbol: str, interval: str) -> int:
    """How many bars of one coin have indicators: more than one at a time when the past of its chart was told."""
    table = model.indicators
    of_chart = (table.c.market == market) & (table.c.symbol == symbol) & (table.c.interval == interval)
    (row,) = ask(url, select(func.count().label("count")).select_from(table).where(of_chart))
    return int(row["count"])


def parse_at(text: str, zone: str, newest: int) -> int | None:
    """A time a person wrote, as Unix ns: a time of day is of the day of `newest`. None for nothing; raises ValueError.

    >>> parse_at("06:13", "Asia/Shanghai", 1_700_000_000_000_000_000)
    1699999980999999999
    """
    written = text.strip()
    if not written:
        return None
    local = ZoneInfo(zone)
    try:
        of_day = time.fromisoformat(written)
        at = datetime.combine(datetime.fromtimestamp(newest // NANOS, local).date(), of_day)
    except ValueError:
        at = datetime.fromisoformat(written)
    aware = at if at.tzinfo is not None else at.replace(tzinfo=local)
    return int(aware.timestamp()) * NANOS + NANOS - 1  # the whole second counts


def _decision_of(url: str, key: str) -> str:
    decisions, orders, positions = model.decisions, model.orders, model.positions
    if ask(url, select(decisions.c.id).where(decisions.c.id == key)):
        return key
    by_order = select(orders.c.decision_id).where((orders.c.client_order_id == key) | (orders.c.position_id == key))
    for row in ask(url, by_order.order_by(orders.c.ts_created).limit(1)):
        return str(row["decision_id"])
    for row in ask(url, select(positions.c.body).where(positions.c.position_id == key)):
        return str(row["body"]["decision_id"])
    return ""


def _newest(url: str, table: Any, where: ColumnElement[bool]) -> Row | None:
    found = ask(url, select(table).where(where).order_by(table.c.ts_event.desc()).limit(1))
    return found[0] if found else None


def _chain(url: str, decision_id: str, signal: Signal | None) -> Explanation | None:
    if not decision_id:
        return _told(signal.symbol, signal) if signal is not None else None
    history, orders, events, positions = model.signal_history, model.orders, model.order_events, model.positions
    decisions = ask(url, select(model.decisions).where(model.decisions.c.id == decision_id))
    if signal is None:
        row = _newest(url, history, history.c.decision_id == decision_id)
        signal = msgspec.convert(row["body"], Signal) if row is not None else None
    sent = ask(url, select(orders).where(orders.c.decision_id == decision_id).order_by(orders.c.ts_created))
    ids = [order["client_order_id"] for order in sent]
    held = {order["position_id"] for order in sent}
    steps = ask(url, select(events).where(events.c.client_order_id.in_(ids)).order_by(events.c.sequence))
    kept = ask(url, select(positions).where(positions.c.position_id.in_(held)).order_by(positions.c.opened_at))
    bodies = [step["body"] for step in steps]
    packet = msgspec.convert(decisions[0]["body"], DecisionPacket) if decisions else None
    if packet is None and signal is None:
        return None
    symbol = packet.symbol if packet is not None else signal.symbol if signal is not None else ""
    return Explanation(
        symbol=symbol,
        signal=signal,
        decision=packet,
        attempts=[msgspec.convert(body, OrderAttempt) for body in bodies if body["type"] == "order_attempt"],
        results=[msgspec.convert(body, OrderResult) for body in bodies if body["type"] == "order_result"],
        positions=[msgspec.convert(row["body"], Position) for row in kept],
    )


def _told(symbol: str, signal: Signal) -> Explanation:
    return Explanation(symbol=symbol, signal=signal, decision=None, attempts=[], results=[], positions=[])
