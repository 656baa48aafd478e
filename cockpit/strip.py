"""The strip on top of every page: may we trade and why not, how fresh is this, what are we worth."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cockpit import formats, panel, queries
from cockpit.context import settings
from cockpit.panel import Block, item
from cockpit.reading import STATE_TONES, reason_text, tone_of
from cockpit.session import market, zone
from cockpit.strings import word
from contracts.reasons import EngineReason

REFRESH_S = settings().cockpit.refresh_s


@st.fragment(run_every=REFRESH_S)
def strip() -> None:
    """Draw the strip and keep it live."""
    chosen = settings()
    try:
        desk = queries.desk(chosen.read_model.url, market(), chosen.cockpit.stale_after_s)
    except queries.ReadModelMissing:
        desk = None
    panel.draw("strip", [strip_block(desk)])


def strip_block(desk: queries.Desk | None) -> Block:
    """What the strip says of one market's desk; None where there is no read model yet."""
    if desk is None or desk.engine is None:
        state = {"name": word("no_data"), "tone": "muted", "why": word("start_desk"), "tip": ""}
        return {"kind": "strip", "dead": True, "state": state, "items": [], "badge": None}
    body = desk.engine["body"]
    account = desk.account or {}
    is_live = account.get("account", "paper") != "paper"
    name = "live" if is_live else "paper"
    return {
        "kind": "strip",
        "dead": not desk.running,
        "state": _state(desk, body),
        "items": [
            item(word("feed_age"), formats.duration(body["ticker_age_ms"] / 1000.0), tip=word("feed_age_tip")),
            item(
                word("page_age"),
                formats.duration(desk.age_s),
                tone="" if desk.running else "down",
                tip=f"{word('page_age_tip')} ({formats.utc(desk.ts_written)})",
            ),
            item(word("equity"), formats.money(account.get("equity")), tip=word("equity_tip")),
            item(
                word("day_pnl"),
                formats.money(account.get("day_pnl"), sign=True),
                tone=tone_of(account.get("day_pnl")),
                tip=word("day_pnl_tip"),
            ),
            item(
                word("open_positions"),
                formats.number(account.get("open_positions"), 0),
                tip=word("open_positions_tip"),
            ),
        ],
        "badge": {"text": word(name), "tone": "down" if is_live else "calm", "tip": word(f"{name}_tip")},
    }


def _state(desk: queries.Desk, body: dict[str, Any]) -> dict[str, str]:
    if not desk.running:
        at = formats.clock(desk.ts_written, zone())
        return {"name": word("not_running"), "tone": "down", "why": word("last_written", at=at), "tip": ""}
    engine = desk.engine or {}
    name = str(engine["state"])
    reasons = body.get("reasons") or []
    texts = [reason_text(reason) for reason in reasons]
    clean, needed = body.get("clean_cycles"), body.get("needed_cycles")
    only_paused = all(reason["code"] == EngineReason.PAUSED_BY_COMMAND for reason in reasons)
    if engine["paused"] and only_paused:
        name = "paused"
        texts = [*texts, word("closing_only")]
    if name in ("degraded", "blocked") and needed:
        texts.append(word("recovering", clean=clean, needed=needed))
    return {
        "name": word(name),
        "tone": STATE_TONES[name],
        "why": " · ".join(texts) if texts else word("all_clear"),
        "tip": formats.utc(engine["since"]),
    }
