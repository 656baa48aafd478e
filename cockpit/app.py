"""Navigation, the strip, and the emergency button: on every page, in this order, outside any live part."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cockpit import emergency
from cockpit.context import settings
from cockpit.strings import LANGUAGES, language, word
from cockpit.strip import strip

HERE = Path(__file__).resolve().parent
STYLE = """
<style>
.block-container { padding: 3.9rem 2rem 2rem; max-width: 1760px; }
[data-testid="stVerticalBlock"] { gap: .7rem; }
[data-testid="stHeadingWithActionElements"] h3 { font-size: 1.2rem; padding: .35rem 0; }
[data-testid="stVerticalBlock"] > [data-testid="stElementContainer"]:has(h3) { margin-bottom: .45rem; }
.st-key-top { align-items: stretch; }
.st-key-emergency, .st-key-emergency > div, .st-key-emergency .stButton { height: 100%; }
.st-key-emergency button { height: 100%; min-height: 44px; padding: 0 1.25rem; white-space: nowrap; border: 0; color: #fff;
  background: var(--st-red-color, #d1334b); }
.st-key-emergency button p { font-weight: 700; }
.st-key-close_all_do button { background: #d1334b; border: 0; color: #fff; }
@media (max-width: 640px) {
  .block-container { padding: 4.2rem .75rem 2rem; }
  .st-key-top { flex-wrap: wrap; }
  .st-key-top > div, .st-key-emergency, .st-key-emergency div, .st-key-emergency button { width: 100% !important; flex: 1 1 auto; }
}
</style>
"""


def main() -> None:
    """Draw whichever page was chosen."""
    st.set_page_config(page_title="Emberline", page_icon=str(HERE / "assets" / "icon.svg"), layout="wide")
    if "language" not in st.session_state:
        st.session_state["language"] = "zh" if st.query_params.get("lang") == "zh" else "en"
    page = st.navigation(
        [
            st.Page(HERE / "views" / "market.py", title=word("market"), url_path="market", default=True),
            st.Page(HERE / "views" / "discovery.py", title=word("discovery"), url_path="discovery"),
            st.Page(HERE / "views" / "coin.py", title=word("coin"), url_path="coin"),
            st.Page(HERE / "views" / "book.py", title=word("book"), url_path="book"),
            st.Page(HERE / "views" / "why.py", title=word("why"), url_path="why"),
            st.Page(HERE / "views" / "control.py", title=word("control"), url_path="control"),
        ],
        position="top",
    )
    st.session_state["entered"] = st.session_state.get("page_shown") != page.url_path
    st.session_state["page_shown"] = page.url_path
    st.html(STYLE)
    with st.container(horizontal=True, key="top", vertical_alignment="center"):
        with st.container(key="strip_box", width="stretch"):
            strip()
        with st.container(key="emergency", width="content"):
            emergency.button()
    page.run()
    foot()


def foot() -> None:
    """Language and, where there are several, the market."""
    with st.container(horizontal=True, horizontal_alignment="right", key="foot"):
        markets = list(settings().markets)
        if len(markets) > 1:
            st.selectbox(word("market_name"), markets, key="market_chosen", label_visibility="collapsed", width=180)
        names = list(LANGUAGES)
        st.segmented_control(
            word("language"),
            names,
            format_func=lambda code: LANGUAGES[code],
            default=language(),
            key="language_chosen",
            label_visibility="collapsed",
            on_change=_switch_language,
        )


def _switch_language() -> None:
    st.session_state["language"] = st.session_state.get("language_chosen") or language()


main()
