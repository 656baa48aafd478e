"""Two palettes, light and dark, as configuration of the web server. Components read them as `--st-...` variables.

The browser's preference picks one; the menu at the top right switches.
"""

from __future__ import annotations

from typing import Any

FONT = "sans-serif"

SHARED: dict[str, Any] = {
    "font": FONT,
    "baseFontSize": 15,
    "baseRadius": "0.5rem",
    "buttonRadius": "0.5rem",
    "showWidgetBorder": True,
}

DARK: dict[str, Any] = {
    "primaryColor": "#f26b38",
    "backgroundColor": "#0e1116",
    "secondaryBackgroundColor": "#171c24",
    "textColor": "#e4e8ee",
    "borderColor": "#29313c",
    "greenColor": "#2fbf8a",
    "redColor": "#f0566a",
    "orangeColor": "#f0a34a",
    "blueColor": "#6ea8fe",
    "violetColor": "#a78bfa",
    "grayColor": "#8d97a6",
}

LIGHT: dict[str, Any] = {
    "primaryColor": "#d4501c",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f4f6f8",
    "textColor": "#1a1f27",
    "borderColor": "#dfe3e9",
    "greenColor": "#0b8a5c",
    "redColor": "#d1334b",
    "orangeColor": "#b86a00",
    "blueColor": "#2563c9",
    "violetColor": "#6d43c9",
    "grayColor": "#5d6878",
}


def options() -> dict[str, Any]:
    """Configuration options of the web server, by their dotted names."""
    named: dict[str, Any] = {f"theme.{key}": value for key, value in SHARED.items()}
    named |= {f"theme.dark.{key}": value for key, value in DARK.items()}
    named |= {f"theme.light.{key}": value for key, value in LIGHT.items()}
    return named
