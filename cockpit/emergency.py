"""Close everything: one button on every page, a typed word, one event per market. It stands outside every live part.

`confirm` is the whole of what the button in the dialog does, apart from Streamlit: it checks login and word itself.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import msgspec
import streamlit as st

from cockpit import access, commands
from cockpit.context import settings
from cockpit.login import login_form
from cockpit.reading import code_text
from cockpit.strings import word
from contracts.errors import CommandError
from contracts.settings import Settings

ANSWER_S = 8.0


class Outcome(msgspec.Struct, frozen=True):
    """What came of a confirmed command: ok, refused, or still unanswered (None), and what to say."""

    ok: bool | None
    text: str


def button() -> None:
    """The emergency button."""
    if st.button(word("close_all"), key="close_all_open", type="primary"):
        st.dialog(word("close_all_title"))(_dialog)()


def _dialog() -> None:
    st.write(word("close_all_what"))
    if not access.is_unlocked(st.session_state):
        login_form("emergency")
        return
    typed = st.text_input(word("type_word", word=word("close_all_word")), key="close_all_typed", autocomplete="off")
    if st.button(word("do_it"), key="close_all_do", type="primary", width="stretch"):
        with st.spinner(word("sent_wait")):
            show(confirm(settings(), st.session_state, typed))


def confirm(chosen: Settings, session: MutableMapping[Any, Any], typed: str) -> Outcome:
    """Send CloseAll to every market if this session is unlocked and the word is right, and wait for the answer."""
    if not access.is_unlocked(session):
        return Outcome(False, word("locked"))
    if typed.strip().upper() != word("close_all_word"):
        return Outcome(False, word("type_word", word=word("close_all_word")))
    try:
        sent = [commands.close_all(chosen, name, access.author(session), "emergency button") for name in chosen.markets]
    except CommandError as e:
        return Outcome(False, str(e))
    return answer(chosen, sent, word("close_all"))


def answer(chosen: Settings, command_ids: list[str], name: str) -> Outcome:
    """Wait for the desk to answer every one of these commands."""
    for command_id in command_ids:
        row = commands.wait_for(chosen.read_model.url, command_id, ANSWER_S)
        if row is None:
            return Outcome(None, word("no_answer", seconds=f"{ANSWER_S:.0f}"))
        if not row["ok"]:
            return Outcome(False, word("was_refused", command=name, reason=code_text(row["reason"])))
    return Outcome(True, word("was_done", command=name))


def show(outcome: Outcome) -> None:
    """Say what came of it."""
    if outcome.ok is None:
        st.warning(outcome.text)
    elif outcome.ok:
        st.success(outcome.text)
    else:
        st.error(outcome.text)
