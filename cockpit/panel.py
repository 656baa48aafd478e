"""Tables, cards and feeds that change in place: builders of what `assets/panel.mjs` draws.

A panel is a list of blocks, a block is a plain dictionary; texts arrive formatted, tones are words that the style knows
(`up`, `down`, `warn`, `calm`, `muted`, `accent`). Only lengths of bars are numbers, as fractions of their track.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

import streamlit as st

Block: TypeAlias = dict[str, Any]
Cell: TypeAlias = str | dict[str, Any]

ASSETS = Path(__file__).resolve().parent / "assets"


@lru_cache(maxsize=4)
def loader(module: str) -> str:
    """The few lines that every update carries; the module itself is fetched once, by the version of all our assets."""
    version = blake2b(digest_size=4)
    for asset in sorted(ASSETS.iterdir()):
        version.update(asset.read_bytes())
    return (ASSETS / "loader.js").read_text().replace("MODULE", f"/assets/{module}?v={version.hexdigest()}")


def mount(name: str, key: str, data: Any, on_trigger: dict[str, Callable[[], None]] | None = None) -> Any:
    """Draw component `name` with `data`; `on_trigger` maps what it may report to what is then done. Returns its reports."""
    renderer = _registered(name)
    return renderer(
        key=key, data=data, **{f"on_{trigger}_change": todo for trigger, todo in (on_trigger or {}).items()}
    )


def _registered(name: str) -> Any:
    return st.components.v2.component(name, js=loader(f"{name}.mjs"))


def draw(
    key: str,
    blocks: list[Block],
    on_pick: Callable[[str], None] | None = None,
    on_open: Callable[[str], None] | None = None,
) -> None:
    """Draw blocks. `on_pick` gets the key of a row that was chosen, `on_open` what a link in a cell names."""
    wanted = {"pick": on_pick, "open": on_open}
    mount(
        "panel", key, {"blocks": blocks}, {name: _reporting(key, name, todo) for name, todo in wanted.items() if todo}
    )


def _reporting(key: str, name: str, todo: Callable[[str], None]) -> Callable[[], None]:
    def reported() -> None:
        value = st.session_state[key].get(name)
        if value:
            todo(str(value))

    return reported


def column(
    label: str,
    *,
    tip: str = "",
    align: str = "",
    wide: int = 0,
    narrow: bool = False,
    wrap: bool = False,
    clip: bool = False,
) -> dict[str, Any]:
    """A table's column. `wide` 2..5: left out on narrow screens, the higher the earlier; `narrow`: shown only there.

    `wrap` breaks long texts into lines, `clip` gives the column what is left and cuts them off.
    """
    return {"label": label, "tip": tip, "align": align, "wide": wide, "narrow": narrow, "wrap": wrap, "clip": clip}


def cell(text: str, *, tone: str = "", tip: str = "", sub: str = "") -> Cell:
    """A cell with a tone, a tooltip or a second, quieter text."""
    return {"text": text, "tone": tone, "tip": tip, "sub": sub} if tone or tip or sub else text


def link_cell(text: str, to: str, *, tone: str = "", tip: str = "") -> Cell:
    """A word that opens something: `to` is reported when it is clicked."""
    return {"text": text, "link": to, "tone": tone, "tip": tip}


def bar_cell(text: str, size: float, *, look: str = "", tip: str = "") -> Cell:
    """A number over a bar of `size` 0..1."""
    return {"text": text, "bar": round(size, 3), "look": look, "tip": tip}


def pill_cell(text: str, tone: str = "", tip: str = "") -> Cell:
    """A word on a tinted ground."""
    return {"text": text, "pill": True, "tone": tone, "tip": tip}


def table(
    columns: list[dict[str, Any]],
    rows: Iterable[tuple[str, list[Cell], bool]],
    *,
    empty: str,
    height: int = 0,
    pick: bool = False,
) -> Block:
    """A table of (key, cells, chosen) rows; `height` in pixels makes it scroll, `pick` reports a click."""
    listed = [{"key": key, "cells": cells, "chosen": chosen} for key, cells, chosen in rows]
    block: Block = {"kind": "table", "columns": columns, "rows": listed, "empty": empty, "height": height}
    return {**block, "pick": "pick"} if pick else block


def item(label: str, value: str, *, tone: str = "", tip: str = "") -> dict[str, str]:
    """A labelled value of a strip, of statistics, or of a card's grid."""
    return {"label": label, "value": value, "tone": tone, "tip": tip}


def heading(text: str, note: str = "", *, tip: str = "") -> Block:
    """The name of what follows, and a quiet word at its right."""
    return {"kind": "heading", "text": text, "note": note, "tip": tip}


def stats(items: list[dict[str, str]]) -> Block:
    """A row of labelled figures."""
    return {"kind": "stats", "items": items}


def notice(title: str, text: str = "") -> Block:
    """One calm sentence where there is nothing to show."""
    return {"kind": "notice", "title": title, "text": text}


def feed(entries: list[dict[str, str]], *, empty: str, height: int = 0) -> Block:
    """Things that happened: entries of when, tip, who, tone, what."""
    return {"kind": "feed", "entries": entries, "empty": empty, "height": height}
