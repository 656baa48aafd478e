"""The pool's life cycle over time: a lane per coin, a span per stage."""

from __future__ import annotations

from typing import Any, Final

from cockpit import formats
from cockpit.panel import Block
from cockpit.queries import NANOS, Row
from cockpit.reading import STAGE_TONES, reason_text
from cockpit.strings import word

STAGES: Final = ("new", "watching", "hot", "cooling")
LANES: Final = 24
WINDOWS_S: Final = {900: 120, 1800: 300, 3600: 600}
"""Lengths of the time axis with the distance of its marks: a desk that has just started does not show an empty hour."""


def pool_lanes(changes: list[Row], pool: list[Row], begin: int, end: int, zone: str) -> Block:
    """Lanes of the coins that were in the pool between `begin` and `end` (ns), those of now first, then those that left last.

    changes: moves within the time, oldest first. pool: ranked coins that are in it now, hottest first.
    """
    spans = stage_spans(changes, pool, begin, end)
    now = {symbol: found[-1]["stage"] for symbol, found in spans.items() if found[-1]["end"] == end}
    places = {row["symbol"]: place for place, row in enumerate(pool)}
    unranked = len(places)
    shown = sorted(spans, key=lambda symbol: (-spans[symbol][-1]["end"], places.get(symbol, unranked)))[:LANES]
    return {
        "kind": "lanes",
        "empty": word("no_pool"),
        "in_pool": len(now),
        "marks": _marks(begin, end, zone),
        "lanes": [
            {
                "key": symbol,
                "now": {"text": word(now.get(symbol, "out")), "tone": STAGE_TONES.get(now.get(symbol, "out"), "muted")},
                "spans": [_span(span, begin, end, zone) for span in spans[symbol]],
            }
            for symbol in shown
        ],
    }


def window(changes: list[Row], end: int) -> int:
    """Where the time axis begins: the shortest of `WINDOWS_S` before `end` (ns) that holds all changes, else the longest."""
    oldest = changes[0]["ts_event"] if changes else end
    lengths = [length for length in WINDOWS_S if end - length * NANOS <= oldest]
    return end - (lengths[0] if lengths else max(WINDOWS_S)) * NANOS


def stage_spans(changes: list[Row], pool: list[Row], begin: int, end: int) -> dict[str, list[dict[str, Any]]]:
    """By coin, the stages it was in with begin, end (ns) and the reason it entered by; never the stage `out`."""
    spans: dict[str, list[dict[str, Any]]] = {}
    at: dict[str, tuple[str, int, Row | None]] = {}
    for change in changes:
        symbol, body, ts_event = change["symbol"], change["body"], change["ts_event"]
        stage, since, reason = at.get(symbol, (body["previous"], begin, None))
        if stage != "out":
            spans.setdefault(symbol, []).append({"stage": stage, "begin": since, "end": ts_event, "reason": reason})
        at[symbol] = (body["stage"], ts_event, body["reason"])
    for row in pool:
        at.setdefault(row["symbol"], (row["stage"], max(begin, row["stage_since"]), None))
    for symbol, (stage, since, reason) in at.items():
        if stage != "out":
            spans.setdefault(symbol, []).append({"stage": stage, "begin": since, "end": end, "reason": reason})
    return spans


def _span(span: dict[str, Any], begin: int, end: int, zone: str) -> dict[str, Any]:
    tip = word(
        "stage_span",
        stage=word(span["stage"]),
        begin=formats.clock(span["begin"], zone),
        end=formats.clock(span["end"], zone),
    )
    why = reason_text(span["reason"]) if span["reason"] else ""
    return {
        "look": span["stage"],
        "from": _place(span["begin"], begin, end),
        "to": _place(span["end"], begin, end),
        "tip": f"{tip} · {why}" if why else tip,
    }


def _marks(begin: int, end: int, zone: str) -> list[dict[str, Any]]:
    step = WINDOWS_S.get((end - begin) // NANOS, max(WINDOWS_S.values())) * NANOS
    first = -(-begin // step) * step
    return [{"at": _place(ts, begin, end), "text": formats.clock(ts, zone)[:5]} for ts in range(first, end + 1, step)]


def _place(ts: int, begin: int, end: int) -> float:
    return round(min(1.0, max(0.0, (ts - begin) / (end - begin))), 4)
