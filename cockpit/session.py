"""What one reader has chosen: market, coin, bars. Kept over the pages of a session, and in the address where it can be shared."""

from __future__ import annotations

import streamlit as st

from cockpit import queries
from cockpit.context import settings

COIN = "coin_chosen"
_OPENED = "coin_opened"


def zone() -> str:
    """The time zone that times are shown in."""
    return settings().cockpit.time_zone


def url() -> str:
    """Where the read model is."""
    return settings().read_model.url


def market() -> str:
    """The market being looked at."""
    known = list(settings().markets)
    chosen = st.session_state.get("market_chosen")
    return str(chosen) if chosen in known else known[0]


def choose_coin(symbol: str) -> None:
    """Look at this coin from now on."""
    st.session_state[COIN] = symbol


def open_coin(symbol: str) -> None:
    """Look at this coin, on its own page: the page is changed where `opened` is asked."""
    choose_coin(symbol)
    st.session_state[_OPENED] = True


def opened() -> bool:
    """Whether a coin's page was asked for since the last question."""
    return bool(st.session_state.pop(_OPENED, False))


def coin() -> str | None:
    """The coin being looked at: the chosen one, else the one named in the address, else the hottest.

    It stays the same from then on: a page does not jump to another coin because the ranking moved.
    """
    chosen = st.session_state.get(COIN)
    if chosen:
        return str(chosen)
    named = st.query_params.get("symbol")
    if named and named in queries.symbols(url(), market()):
        choose_coin(named)
        return named
    top = queries.ranking(url(), market(), 1)
    if not top:
        return None
    choose_coin(top[0]["symbol"])
    return str(top[0]["symbol"])
