"""Book: what did we do, and what came of it?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from cockpit import asking, card, formats, ledger, panel, queries, session, why_queries
from cockpit.live import every, live
from cockpit.queries import NANOS, Row
from cockpit.reading import tone_of
from cockpit.strings import word

POINTS = 600
CALM_S = 15.0
CURVE_PX = 240
ORDERS_PX = 420
CLOSED_PX = 420
ORDERS = 100


@live
def account() -> None:
    """Where the account stands, and what is open."""
    url, market, zone = session.url(), session.market(), session.zone()
    desk = queries.desk(url, market, 0.0)
    row = desk.account or {}
    panel.draw(
        "account",
        [
            panel.stats(
                [
                    panel.item(word("equity"), formats.money(row.get("equity")), tip=word("equity_tip")),
                    panel.item(
                        word("day_pnl"),
                        formats.money(row.get("day_pnl"), sign=True),
                        tone=tone_of(row.get("day_pnl")),
                        tip=word("day_pnl_tip"),
                    ),
                    panel.item(
                        word("realised"),
                        formats.money(row.get("realised_pnl"), sign=True),
                        tone=tone_of(row.get("realised_pnl")),
                    ),
                    panel.item(
                        word("unrealised"),
                        formats.money(row.get("unrealised_pnl"), sign=True),
                        tone=tone_of(row.get("unrealised_pnl")),
                    ),
                    panel.item(word("exposure"), formats.money(row.get("exposure")), tip=word("exposure_tip")),
                    panel.item(word("cash"), formats.money(row.get("cash"))),
                    panel.item(
                        word("drawdown"), formats.percent(row.get("drawdown")).lstrip("+"), tip=word("drawdown_tip")
                    ),
                ]
            ),
            panel.heading(word("positions")),
            ledger.positions_table(
                queries.open_positions(url, market), zone, st.session_state.get("position_chosen"), pick=True
            ),
        ],
        on_pick=_choose_position,
    )


@every(CALM_S)
def curve() -> None:
    """Equity over time, drawn in place."""
    rows = queries.equity_curve(session.url(), session.market(), POINTS)
    panel.draw("curve_heading", [panel.heading(word("pnl_curve"))])
    panel.mount("curve", "curve", points(rows, session.zone()))


def points(rows: list[Row], zone: str) -> dict[str, Any]:
    """What the curve gets: [seconds, equity] in the shown zone, one point a second at most."""
    shift = formats.zone_offset_s(rows[-1]["ts_event"], zone) if rows else 0
    found = {row["ts_event"] // NANOS + shift: row["equity"] for row in rows}
    return {"points": [list(point) for point in found.items()], "height": CURVE_PX, "empty": word("no_curve")}


@live
def orders() -> None:
    """Orders on the left, the chosen one's life on the right, closed positions below."""
    url, market, zone = session.url(), session.market(), session.zone()
    listed = queries.orders(url, market, ORDERS)
    chosen = st.session_state.get("order_chosen")
    left, right = st.columns([0.62, 0.38], gap="small")
    with left:
        table = ledger.orders_table(listed, zone, ORDERS_PX, chosen, pick=True)
        panel.draw("orders", [panel.heading(word("orders")), table], on_pick=_choose_order)
    with right:
        events = queries.order_events(url, chosen) if chosen else []
        closed = queries.closed_positions(url, market, 50)
        held = st.session_state.get("position_chosen")
        picked = chosen or held or next((row["position_id"] for row in queries.open_positions(url, market)), None)
        decision = why_queries.decision_of(url, picked) if picked else None
        blocks = []
        if not held or chosen:
            blocks += [
                panel.heading(word("life"), events[-1]["symbol"] if events else ""),
                ledger.order_life(events, zone) if events else panel.notice(word("choose_order")),
            ]
        if decision is not None:
            blocks += [
                panel.heading(word("decision"), decision["symbol"]),
                card.decision_card(decision["symbol"], None, decision, zone),
            ]
        blocks += [
            panel.heading(word("closed_positions")),
            ledger.closed_table(closed, zone, CLOSED_PX, held, pick=True),
        ]
        panel.draw("life", blocks, on_pick=_choose_position, on_open=asking.ask)
        asking.go()


def _choose_order(client_order_id: str) -> None:
    st.session_state["order_chosen"] = client_order_id
    st.session_state["position_chosen"] = None


def _choose_position(position_id: str) -> None:
    st.session_state["position_chosen"] = position_id
    st.session_state["order_chosen"] = None


st.subheader(word("book_question"), anchor=False)
account()
curve()
orders()
