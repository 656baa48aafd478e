"""Why: why was it entered, or why not?"""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from cockpit import asking, card, formats, ledger, panel, queries, session, why_queries
from cockpit.live import live
from cockpit.panel import Block
from cockpit.queries import ReadModelMissing
from cockpit.strings import language, word
from contracts.explanation import Explanation, chapters

DECISIONS_PX = 330
EVALUATIONS_PX = 330
LISTED = 60


def form() -> None:
    """What is asked, and as of when."""
    asked = asking.asked() or session.coin() or ""
    st.session_state["why_box"] = asked
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(word("why_ask"), key="why_box", on_change=_asked, width=330)
        st.text_input(
            word("why_at"), key="why_time_box", value=st.session_state.get("why_time", ""), on_change=_timed,
            placeholder="16:13", help=word("why_at_tip"), width=210,
        )  # fmt: skip


def _asked() -> None:
    st.session_state[asking.ASKED] = str(st.session_state.get("why_box") or "").strip()


def _timed() -> None:
    st.session_state["why_time"] = str(st.session_state.get("why_time_box") or "")


@live
def answer() -> None:
    """The chain in words on the left, what else can be asked about on the right."""
    url, market, zone = session.url(), session.market(), session.zone()
    question = asking.asked() or session.coin() or ""
    written = str(st.session_state.get("why_time", ""))
    of_snapshot = queries.snapshot(url, market)
    told, problem = None, ""
    try:
        at = why_queries.parse_at(written, zone, of_snapshot["ts_event"] if of_snapshot else 0)
        told = why_queries.explain(url, market, question, at)
    except ValueError:
        problem = word("why_bad_time", text=written)
    left, right = st.columns([0.62, 0.38], gap="small")
    with left:
        if problem:
            panel.draw("why_told", [panel.notice(problem)])
        elif told is None:
            panel.draw(
                "why_told", [panel.notice(word("why_unknown", question=question or "–"), word("why_unknown_text"))]
            )
        else:
            packet = queries.decision(url, told.decision.id) if told.decision is not None else None
            blocks = story(told, zone)
            if packet is not None:
                blocks += [
                    panel.heading(word("decision")),
                    card.decision_card(told.symbol, None, packet, zone) | {"ask": None},
                ]
            panel.draw("why_told", blocks)
    with right:
        decided = queries.decisions(url, market, LISTED)
        chosen = told.decision.id if told is not None and told.decision is not None else None
        blocks = [
            panel.heading(word("why_decisions")),
            ledger.choice_of_decisions(decided, zone, DECISIONS_PX, chosen),
        ]
        symbol = told.symbol if told is not None else question.upper()
        kept = why_queries.evaluations(url, market, symbol, LISTED)
        if kept:
            signal_id = told.signal.id if told is not None and told.signal is not None else None
            blocks += [
                panel.heading(word("why_evaluations", symbol=symbol)),
                ledger.choice_of_evaluations(kept, zone, EVALUATIONS_PX, signal_id),
            ]
        panel.draw("why_choices", blocks, on_pick=_pick)
    if st.session_state.pop("why_picked", False):
        st.rerun()


def _pick(key: str) -> None:
    st.session_state[asking.ASKED] = key
    st.session_state["why_time"] = ""
    st.session_state["why_picked"] = True


def story(told: Explanation, zone: str) -> list[Block]:
    """The chain as a card: a chapter for what was seen, the checks, the plan, what came of it, and where it stands."""
    signal, packet = told.signal, told.decision
    action = signal.action if signal is not None else packet.action if packet is not None else "wait"
    ts_event = signal.ts_event if signal is not None else packet.generated_at if packet is not None else 0
    sections = []
    for part, lines in chapters(told, language()).items():
        tones = [""] * len(lines)
        if part == "gates":
            tones = ["", *(["warn" if action == "wait" else "up"] * (len(lines) - 1))]
        elif part == "source":
            tones = ["muted"] * len(lines)
        notes = [{"text": line, "tone": tone, "tip": ""} for line, tone in zip(lines, tones, strict=True)]
        sections.append({"kind": "notes", "label": word(f"why_{part}"), "items": notes})
    return [
        {
            "kind": "card",
            "title": told.symbol,
            "action": card.action_of(action, shadow=bool(signal.shadow) if signal is not None else False),
            "at": {"text": formats.day_clock(ts_event, zone), "tip": f"{formats.utc(ts_event)} · {word('why_times')}"},
            "sections": sections,
        }
    ]


st.subheader(word("why_question"), anchor=False)
with suppress(ReadModelMissing):
    form()
answer()
