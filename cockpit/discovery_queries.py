"""What the page *Discovery* asks of the read model, in the manner of `cockpit.queries`."""

from __future__ import annotations

import streamlit as st
from sqlalchemy import func, select

from cockpit.queries import CALM_S, LIVE_S, NANOS, Row, ask
from contracts import read_model as model
from contracts.reasons import WaitReason

LATEST_S = 30  # evaluations older than the newest by more are of coins that left the pool


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def market_map(url: str, market: str) -> list[Row]:
    """The newest map of the whole market, the most traded coins first."""
    table = model.market_map
    question = select(table).where(table.c.market == market)
    return ask(url, question.order_by(table.c.quote_volume_24h.desc(), table.c.symbol))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def stage_changes(url: str, market: str, since: int) -> list[Row]:
    """Moves through the pool's life cycle from `since` (ns) on, oldest first."""
    table = model.happenings
    of_pool = (table.c.market == market, table.c.kind == "stage", table.c.ts_event >= since)
    return ask(url, select(table).where(*of_pool).order_by(table.c.ts_event, table.c.id))


@st.cache_resource(ttl=LIVE_S, show_spinner=False, max_entries=16)
def pool(url: str, market: str) -> list[Row]:
    """Ranked coins that are in the pool, hottest first."""
    table = model.candidates
    return ask(url, select(table).where(table.c.market == market, table.c.stage != "out").order_by(table.c.rank))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def announcements(url: str, market: str, limit: int) -> list[Row]:
    """What venues announced, newest first."""
    table = model.announcements
    question = select(table).where(table.c.market == market)
    return ask(url, question.order_by(table.c.ts_event.desc(), table.c.id).limit(limit))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def new_listings(url: str, market: str, limit: int) -> list[Row]:
    """Coins that began to trade while the desk looked on, newest first."""
    table = model.alerts
    question = select(table).where(table.c.market == market, table.c.code == "NEW_LISTING")
    return ask(url, question.order_by(table.c.ts_event.desc(), table.c.id).limit(limit))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def mentions(url: str, market: str, limit: int) -> list[Row]:
    """Who spoke of which coins, newest first."""
    table = model.mentions
    question = select(table).where(table.c.market == market)
    return ask(url, question.order_by(table.c.ts_event.desc(), table.c.id).limit(limit))


@st.cache_resource(ttl=CALM_S, show_spinner=False, max_entries=16)
def held_back(url: str, market: str) -> dict[str, Row]:
    """By coin, the reason that holds it back because a coin of its correlation group was decided on."""
    table = model.signals
    newest = select(func.max(table.c.ts_event)).where(table.c.market == market).scalar_subquery()
    rows = ask(url, select(table).where(table.c.market == market, table.c.ts_event >= newest - LATEST_S * NANOS))
    return {
        row["symbol"]: reason
        for row in rows
        for reason in row["body"].get("reasons") or []
        if reason["code"] == WaitReason.HIGH_CORR_GROUP
    }
