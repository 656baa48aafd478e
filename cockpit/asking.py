"""Links to the page *Why*: a word in a live part notes what is asked, and the page is changed once the part is drawn."""

from __future__ import annotations

import streamlit as st

PAGE = "views/why.py"
ASKED = "why_asked"
_OPENED = "why_opened"


def ask(question: str) -> None:
    """Ask why: of a coin, or of an id. The page is changed where `go` is called."""
    st.session_state[ASKED] = question
    st.session_state["why_time"] = ""
    st.session_state[_OPENED] = True


def go() -> None:
    """Change to the page *Why* if it was asked for since the last call."""
    if st.session_state.pop(_OPENED, False):
        st.switch_page(PAGE)


def asked() -> str:
    """What is asked: in this session, else in the address, else nothing."""
    return str(st.session_state.get(ASKED) or st.query_params.get("id") or "")
