"""Coin: is this coin worth it?"""

from __future__ import annotations

import streamlit as st

from cockpit import asking, attention, card, kline, ledger, panel, queries, ranking, session
from cockpit.live import live
from cockpit.queries import ReadModelMissing
from cockpit.strings import word

ORDERS_PX = 300
FEED_PX = 240


@live
def chart() -> None:
    """The K-line with scores and decision beside it, orders and decisions below."""
    url, market, zone = session.url(), session.market(), session.zone()
    symbol = session.coin()
    if symbol is None:
        panel.draw("no_coin", [panel.notice(word("no_coin"), word("no_ranking"))])
        return
    position = next((row for row in queries.open_positions(url, market) if row["symbol"] == symbol), None)
    left, right = st.columns([0.7, 0.3], gap="small")
    with left:
        interval = st.session_state.get("interval") or kline.INTERVALS[0]
        kline.kline(url, market, symbol, interval, kline.position_lines(position), zone, indicators())
        blocks = []
        if position is not None:
            blocks += [panel.heading(word("position_of")), ledger.positions_table([position], zone)]
        blocks += [
            panel.heading(word("orders_of", symbol=symbol)),
            ledger.orders_table(queries.orders(url, market, 50, symbol), zone, ORDERS_PX),
            panel.heading(word("decisions_of", symbol=symbol)),
            ledger.decisions_table(queries.decisions(url, market, 50, symbol), zone, ORDERS_PX),
        ]
        panel.draw("done", blocks)
    with right:
        signals = queries.signals(url, market, symbol)
        decisions = queries.decisions(url, market, 1, symbol, acting=True)
        blocks = [
            card.decision_card(symbol, signals[0] if signals else None, decisions[0] if decisions else None, zone)
        ]
        ranked = queries.candidate(url, market, symbol)
        of_snapshot = queries.snapshot(url, market)
        if ranked is not None:
            blocks.insert(0, card.scores_card(ranked, of_snapshot["weights"] if of_snapshot else {}, zone))
        happened = queries.happenings(url, market, 40, symbol=symbol)
        blocks += [panel.heading(word("happenings")), ranking.happenings_feed(happened, zone, FEED_PX)]
        panel.draw("coin_cards", blocks, on_open=asking.ask)
        asking.go()


def chooser() -> None:
    """Coin and bars, outside the live part."""
    try:
        known = queries.symbols(session.url(), session.market())
        current = session.coin()
    except ReadModelMissing:
        return
    options = known if current is None or current in known else [current, *known]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(word("coin_question"), anchor=False)
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.selectbox(
                word("choose_coin"),
                options,
                index=options.index(current) if current in options else None,
                key="coin_box",
                label_visibility="collapsed",
                on_change=_chosen,
                width=180,
            )
            st.segmented_control(
                word("interval"),
                kline.INTERVALS,
                default=st.session_state.get("interval") or kline.INTERVALS[0],
                key="interval_box",
                label_visibility="collapsed",
                on_change=_interval,
            )
    st.pills(
        word("indicators"),
        [*kline.OVERLAYS, *kline.PANES],
        selection_mode="multi",
        default=indicators(),
        format_func=lambda name: word(f"ind_{name}"),
        key="indicators_box",
        label_visibility="collapsed",
        help=word("ind_from"),
        on_change=_indicators,
    )
    if current is not None:
        st.query_params["symbol"] = current
        attention.look_at(current)


def indicators() -> list[str]:
    """Indicators drawn in this session."""
    return list(st.session_state.get("indicators_shown", kline.AT_FIRST))


def _indicators() -> None:
    st.session_state["indicators_shown"] = list(st.session_state.get("indicators_box") or [])


def _chosen() -> None:
    if st.session_state.get("coin_box"):
        session.choose_coin(st.session_state["coin_box"])


def _interval() -> None:
    st.session_state["interval"] = st.session_state.get("interval_box") or st.session_state.get("interval")


if st.session_state.get("entered", True):
    kline.forget()
chooser()
chart()
