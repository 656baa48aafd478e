"""Control: is the desk healthy, and how do I stop it?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cockpit import access, asking, card, commands, emergency, formats, ledger, panel, queries, session
from cockpit.context import settings
from cockpit.counters import counter_name
from cockpit.live import live
from cockpit.login import login_form
from cockpit.model_card import model_blocks
from cockpit.queries import ReadModelMissing
from cockpit.reading import SEVERITY_TONES, code_text
from cockpit.strings import word
from contracts.errors import CommandError

HISTORY_PX = 320
FEED_PX = 260
HELD = "control_held"
OUTCOME = "control_outcome"


def controls() -> None:
    """The buttons, outside any live part: a click is never lost to a redraw."""
    panel.draw("controls_heading", [panel.heading(word("controls"))])
    if not access.is_unlocked(st.session_state):
        st.write(f"**{word('locked')}**")
        login_form("control")
        return
    chosen, market, author = settings(), session.market(), access.author(st.session_state)
    pause, resume = st.columns(2, gap="small")
    if pause.button(word("pause"), key="pause", help=word("pause_what"), width="stretch"):
        _send(lambda: commands.pause(chosen, market, author), word("pause"))
    if resume.button(word("resume"), key="resume", help=word("resume_what"), width="stretch"):
        _send(lambda: commands.resume(chosen, market, author), word("resume"))
    held = st.session_state[HELD] = _held()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        symbol = st.selectbox(
            word("close_one"), held, key="close_one_box", placeholder=word("close_one_none"), index=0 if held else None
        )
        if (
            st.button(
                word("close_one_do", symbol=symbol or ""),
                key=f"close_one_{symbol}",
                disabled=symbol is None,
                width="content",
            )
            and symbol is not None
        ):
            _send(lambda: commands.close_position(chosen, market, author, symbol), word("close_one_do", symbol=symbol))
    outcome = st.session_state.get(OUTCOME)
    if outcome is not None:
        emergency.show(outcome)
    minutes = formats.number(access.minutes_left(st.session_state), 0)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(word("unlocked_for", author=author, minutes=minutes))
        if st.button(word("lock"), key="lock", type="tertiary"):
            access.lock(st.session_state)
            st.rerun()


def _send(send: Callable[[], str], name: str) -> None:
    outcome = emergency.Outcome(False, word("locked"))
    if access.is_unlocked(st.session_state):
        try:
            with st.spinner(word("sent_wait")):
                outcome = emergency.answer(settings(), [send()], name)
        except CommandError as e:
            outcome = emergency.Outcome(False, str(e))
    st.session_state[OUTCOME] = outcome


def _held() -> list[str]:
    try:
        return [row["symbol"] for row in queries.open_positions(session.url(), session.market())]
    except ReadModelMissing:
        return []


@live
def history() -> None:
    """The decision behind the coin that would be closed, and commands so far."""
    if access.is_unlocked(st.session_state) and st.session_state.get(HELD) != _held():
        st.rerun()  # the list of what can be closed stands outside this part
    url, market, zone = session.url(), session.market(), session.zone()
    blocks = []
    symbol = st.session_state.get("close_one_box")
    if symbol:
        signals, decisions = (
            queries.signals(url, market, symbol),
            queries.decisions(url, market, 1, symbol, acting=True),
        )
        told = card.decision_card(symbol, signals[0] if signals else None, decisions[0] if decisions else None, zone)
        blocks = [panel.heading(word("decision"), symbol), told]
    table = ledger.commands_table(queries.commands(url, 50), zone, HISTORY_PX)
    panel.draw("history", [*blocks, panel.heading(word("history")), table], on_open=asking.ask)
    asking.go()


@live
def health() -> None:
    """Lag, skew, cycles, counters, the model, alerts, and what could not be read."""
    url, market, zone = session.url(), session.market(), session.zone()
    desk = queries.desk(url, market, settings().cockpit.stale_after_s)
    blocks = [panel.heading(word("health"))]
    if desk.engine is not None:
        body = desk.engine["body"]
        items = [
            panel.item(word("feed_lag"), f"{formats.number(body['feed_lag_ms'], 0)} ms", tip=word("feed_lag_tip")),
            panel.item(
                word("clock_skew"), f"{formats.number(body['clock_skew_ms'], 0)} ms", tip=word("clock_skew_tip")
            ),
            panel.item(
                word("clean_cycles"),
                f"{body['clean_cycles']} / {body['needed_cycles']}" if body["needed_cycles"] else formats.DASH,
                tip=word("clean_cycles_tip"),
            ),
            panel.item(
                word("state_since"),
                formats.day_clock(desk.engine["since"], zone),
                tip=formats.utc(desk.engine["since"]),
            ),
        ]
        counters = [
            panel.item(counter_name(name), formats.compact(float(value)), tip=f"{counter_name(name)}: {value:,}")
            for name, value in sorted(body["counters"].items())
        ]
        blocks.append(panel.stats(items))
        if counters:
            section = {"kind": "grid", "label": word("counted"), "items": counters}
            blocks.append({"kind": "card", "title": "", "sections": [section]})
    blocks += model_blocks(queries.model_health(url, market), zone)
    entries = [
        {
            "when": formats.clock(row["ts_event"], zone),
            "tip": formats.utc(row["ts_event"]),
            "who": row["symbol"] or market,
            "tone": SEVERITY_TONES.get(row["severity"], ""),
            "what": code_text(row["code"], row["body"]["args"]),
        }
        for row in queries.alerts(url, market, 50)
    ]
    letters = [
        (
            f"{row['source']}/{row['reason']}",
            [
                row["source"],
                row["reason"],
                formats.compact(float(row["count"])),
                panel.cell(formats.day_clock(row["ts_recv"], zone), tip=formats.utc(row["ts_recv"])),
            ],
            False,
        )
        for row in queries.dead_letters(url)
    ]
    columns = [
        panel.column(word("source"), align="left"),
        panel.column(word("reason"), align="left", wrap=True),
        panel.column(word("count")),
        panel.column(word("latest"), wide=2),
    ]
    blocks += [
        panel.heading(word("alerts")),
        panel.feed(entries, empty=word("no_alerts"), height=FEED_PX),
        panel.heading(word("dead_letters")),
        panel.table(columns, letters, empty=word("no_dead_letters"), height=FEED_PX),
    ]
    panel.draw("health", blocks)


st.subheader(word("control_question"), anchor=False)
left, right = st.columns(2, gap="medium")
with left:
    controls()
    history()
with right:
    health()
