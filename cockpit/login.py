"""The form that unlocks the controls."""

from __future__ import annotations

import streamlit as st

from cockpit import access
from cockpit.access import Login
from cockpit.context import settings
from cockpit.strings import word


def login_form(place: str) -> None:
    """Ask for name and password; on success the whole page runs again, unlocked. `place` tells several forms apart."""
    chosen = settings().cockpit
    if not access.password_is_set(chosen):
        st.info(word("no_password", name=chosen.password_env))
        return
    with st.form(f"login_{place}", border=False):
        author = st.text_input(word("your_name"), key=f"name_{place}", max_chars=40, autocomplete="username")
        password = st.text_input(
            word("password"), type="password", key=f"password_{place}", autocomplete="current-password"
        )
        tried = st.form_submit_button(word("unlock"), type="primary", width="stretch")
    if not tried:
        return
    came_of_it = access.unlock(chosen, st.session_state, author, password)
    if came_of_it is Login.OPEN:
        st.rerun(scope="fragment" if place == "emergency" else "app")
    st.error(word(f"login_{came_of_it.value}"))
