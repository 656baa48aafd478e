"""The map of the market: a tile per coin, drawn in place by `assets/heatmap.mjs`.

Plotly's treemap is made anew at every change of data and flickers; here a tile keeps its place for minutes, and only its colour
and words change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import streamlit as st

from cockpit import formats
from cockpit.panel import mount
from cockpit.queries import Row
from cockpit.strings import word

Colour: TypeAlias = Literal["heat", "change_5m", "change_24h"]
COLOURS: Final[tuple[Colour, ...]] = ("heat", "change_5m", "change_24h")
FULL: Final[dict[Colour, float]] = {"heat": 100.0, "change_5m": 0.02, "change_24h": 0.12}
"""What has the strongest colour; beyond it nothing grows stronger."""
TILES: Final = 400
KEY: Final = "heat_map"


def heat_map(rows: list[Row], colour: Colour, chosen: str | None, on_pick: Callable[[str], None]) -> None:
    """Draw the map; `on_pick` gets the coin that was clicked."""

    def picked() -> None:
        symbol = st.session_state[KEY].get("pick")
        if symbol:
            on_pick(str(symbol))

    mount("heatmap", KEY, message(rows, colour, chosen), {"pick": picked})


def message(rows: list[Row], colour: Colour, chosen: str | None) -> dict[str, Any]:
    """What the map gets: a tile per coin with name, figure, tooltip, size of its area, and depth of colour in -1..1."""
    full = FULL[colour]
    return {
        "tiles": [_tile(row, colour, full) for row in rows[:TILES]],
        "scale": "heat" if colour == "heat" else "change",
        "ends": ["0", "100"] if colour == "heat" else [formats.percent(-full, 0), formats.percent(full, 0)],
        "chosen": chosen or "",
        "empty": word("no_map"),
    }


def _tile(row: Row, colour: Colour, full: float) -> dict[str, Any]:
    value = row[colour]
    decimals = 2 if colour == "change_5m" else 1
    return {
        "symbol": row["symbol"],
        "name": row["symbol"].removesuffix("USDT"),
        "text": formats.number(value, 0) if colour == "heat" else formats.percent(value, decimals),
        "size": row["quote_volume_24h"],
        "depth": 0.0 if value is None else round(max(-1.0, min(1.0, value / full)), 3),
        "tip": word(
            "tile_tip",
            symbol=row["symbol"],
            heat=formats.number(row["heat"], 0),
            five=formats.percent(row["change_5m"]),
            day=formats.percent(row["change_24h"], 1),
            volume=formats.compact(row["quote_volume_24h"]),
        ),
    }
