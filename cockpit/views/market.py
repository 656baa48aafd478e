"""Market: what is hot?"""

from __future__ import annotations

import streamlit as st

from cockpit import asking, card, formats, panel, queries, ranking, session
from cockpit.live import live
from cockpit.strings import word

ROWS = 30
FEED_PX = 330
LINE_S = 900


@live
def rankings() -> None:
    """The ranking, the chosen coin's card, and the feed."""
    url, market, zone = session.url(), session.market(), session.zone()
    rows = queries.ranking(url, market, ROWS)
    of_snapshot = queries.snapshot(url, market)
    weights = of_snapshot["weights"] if of_snapshot else {}
    chosen = session.coin()
    note = ""
    if of_snapshot:
        at = formats.clock(of_snapshot["ts_event"], zone)
        note = word("universe", count=of_snapshot["universe"], at=at)
    left, right = st.columns([0.7, 0.3], gap="small")
    with left:
        lines = queries.heat_lines(url, market, LINE_S)
        panel.draw(
            "ranking",
            [panel.heading(word("ranking"), note), ranking.ranking_table(rows, lines, weights, chosen, zone)],
            on_pick=session.choose_coin,
            on_open=session.open_coin,
        )
        if session.opened():
            st.switch_page("views/coin.py")
    with right:
        blocks = []
        if chosen:
            signals = queries.signals(url, market, chosen)
            decisions = queries.decisions(url, market, 1, chosen, acting=True)
            blocks = [
                panel.heading(word("decision"), chosen),
                card.decision_card(chosen, signals[0] if signals else None, decisions[0] if decisions else None, zone),
            ]
        happened = queries.happenings(url, market, 40, ("alarm", "anomaly"))
        blocks += [panel.heading(word("happenings")), ranking.happenings_feed(happened, zone, FEED_PX)]
        panel.draw("aside", blocks, on_open=asking.ask)
        asking.go()


with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.subheader(word("market_question"), anchor=False)
    if st.button(word("open_chart"), key="open_chart", type="tertiary"):
        st.switch_page("views/coin.py")
rankings()
