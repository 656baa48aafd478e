"""Discovery: what is heating up, and why?"""

from __future__ import annotations

from typing import Final

import streamlit as st

from cockpit import (
    asking,
    card,
    discovery_feeds,
    discovery_queries,
    formats,
    heat_map,
    panel,
    pool_life,
    queries,
    session,
)
from cockpit.live import every, live
from cockpit.queries import NANOS
from cockpit.strings import word

ROWS: Final = 20
LINE_S: Final = 900
CALM_S: Final = 10.0  # the map and what stands below it change slowly and are read slowly
CALM_NS: Final = int(CALM_S) * NANOS
ANOMALIES_PX: Final = 300
FEED_PX: Final = 300


@every(CALM_S)
def market_map() -> None:
    """Every coin of the market."""
    rows = discovery_queries.market_map(session.url(), session.market())
    note = ""
    if rows:
        at = formats.clock(rows[0]["ts_event"], session.zone())
        note = word("map_note", count=len(rows), at=at)
    panel.draw("map_heading", [panel.heading(word("map"), note, tip=word("map_tip"))])
    colour = st.session_state.get("map_colour") or heat_map.COLOURS[0]
    heat_map.heat_map(rows, colour, session.coin(), session.choose_coin)


@live
def why() -> None:
    """The ranking with what each heat is made of, the anomalies below it; the chosen coin beside them."""
    url, market, zone = session.url(), session.market(), session.zone()
    chosen = session.coin()
    left, right = st.columns([0.64, 0.36], gap="small")
    with left:
        table = discovery_feeds.why_table(
            queries.ranking(url, market, ROWS), queries.heat_lines(url, market, LINE_S), chosen, zone
        )
        anomalies = queries.happenings(url, market, 40, ("anomaly",))
        feed = discovery_feeds.anomalies_feed(anomalies, zone, ANOMALIES_PX)
        panel.draw(
            "why",
            [
                panel.heading(word("ranking")),
                discovery_feeds.score_legend(),
                table,
                panel.heading(word("anomalies")),
                feed,
            ],
            on_pick=session.choose_coin,
            on_open=session.open_coin,
        )
        if session.opened():
            st.switch_page("views/coin.py")
    with right:
        blocks = []
        if chosen:
            of_snapshot = queries.snapshot(url, market)
            weights = of_snapshot["weights"] if of_snapshot else {}
            row = queries.candidate(url, market, chosen)
            signals = queries.signals(url, market, chosen)
            decisions = queries.decisions(url, market, 1, chosen, acting=True)
            blocks = [
                discovery_feeds.why_card(chosen, row, weights, zone),
                card.decision_card(chosen, signals[0] if signals else None, decisions[0] if decisions else None, zone),
            ]
        panel.draw("why_aside", blocks, on_open=asking.ask)
        asking.go()


@every(CALM_S)
def life() -> None:
    """Where each coin of the pool stood over the last hour."""
    url, market = session.url(), session.market()
    of_snapshot = queries.snapshot(url, market)
    if of_snapshot is None:
        return
    end = -(-of_snapshot["ts_event"] // CALM_NS) * CALM_NS
    pool = discovery_queries.pool(url, market)
    changes = discovery_queries.stage_changes(url, market, end - max(pool_life.WINDOWS_S) * NANOS)
    lanes = pool_life.pool_lanes(changes, pool, pool_life.window(changes, end), end, session.zone())
    legend = {"kind": "legend", "items": [{"look": f"stage {name}", "text": word(name)} for name in pool_life.STAGES]}
    note = word("in_pool", count=lanes["in_pool"])
    panel.draw("life", [panel.heading(word("pool_life"), note, tip=word("pool_life_tip")), legend, lanes])


@every(CALM_S)
def told() -> None:
    """What was announced and said, and which coins are one bet."""
    url, market, zone = session.url(), session.market(), session.zone()
    first, second, third = st.columns(3, gap="small")
    with first:
        announced = discovery_queries.announcements(url, market, 60)
        listed = discovery_queries.new_listings(url, market, 30)
        listings = discovery_feeds.listings_feed(announced, listed, zone, FEED_PX)
        panel.draw("listings", [panel.heading(word("listings")), listings])
    with second:
        said = discovery_feeds.mentions_feed(discovery_queries.mentions(url, market, 60), zone, FEED_PX)
        panel.draw("mentions", [panel.heading(word("mentions")), said])
    with third:
        coins = discovery_queries.market_map(url, market)
        groups = discovery_feeds.groups_table(coins, discovery_queries.held_back(url, market), FEED_PX)
        panel.draw("groups", [panel.heading(word("groups"), tip=word("group_tip")), groups])


with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.subheader(word("discovery_question"), anchor=False)
    st.segmented_control(
        word("colour_by"),
        heat_map.COLOURS,
        default=heat_map.COLOURS[0],
        format_func=lambda name: word(f"by_{name}"),
        key="map_colour",
        label_visibility="collapsed",
    )
market_map()
why()
life()
told()
