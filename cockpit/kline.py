"""The live K-line: history once, then the last bars and the fills since, drawn in place by `assets/kline.mjs`.

The page remembers per session which chart has its history. The chart checks each delta against what it holds and reports
`need` when one does not join: then history is sent again.

Indicators travel beside the bars: those chosen, whole when the choice or the chart changed or when the desk told their past, else
the last few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cockpit import formats, queries, why_queries
from cockpit.panel import mount
from cockpit.queries import NANOS, Row
from cockpit.reading import code_text
from cockpit.strings import word

INTERVALS = ("1m", "5m", "15m")
HISTORY_BARS = 1000
DELTA_BARS = 3
FILLS = 500
HEIGHT_PX = 520
PANE_PX = 120
OVERLAYS = {
    "ema": ("ema_fast", "ema_slow"),
    "bollinger": ("bollinger_upper", "bollinger_lower"),
    "vwap": ("vwap",),
    "supertrend": ("supertrend",),
}
PANES = {"rsi": ("rsi",), "macd": ("macd_hist", "macd", "macd_signal"), "adx": ("adx",)}
AT_FIRST = ("ema",)
_SENT = "kline_sent"
_SHOWN = "kline_shown"


def kline(
    url: str,
    market: str,
    symbol: str,
    interval: str,
    lines: list[dict[str, Any]],
    zone: str,
    shown: Sequence[str] = (),
) -> None:
    """Draw the chart of one coin with the indicators `shown`, and keep it up to date; call it in a live part."""
    data = message(st.session_state, url, market, symbol, interval, lines, zone, shown)
    mount("kline", "kline", data, {"need": _forget})


def forget() -> None:
    """Send history with the next update: the page was entered anew."""
    st.session_state.pop(_SENT, None)


def _forget() -> None:
    forget()


def message(
    session: Any,
    url: str,
    market: str,
    symbol: str,
    interval: str,
    lines: list[dict[str, Any]],
    zone: str,
    shown: Sequence[str] = (),
) -> dict[str, Any]:
    """What the chart gets now: history if this session's chart has none of this coin and interval, else a delta."""
    key = f"{market}/{symbol}/{interval}/{word('coin')}"
    sent: tuple[str, int] | None = session.get(_SENT)
    is_delta = sent is not None and sent[0] == key
    after = sent[1] if sent is not None and is_delta else -1
    bars = queries.newest_bars(url, market, symbol, interval, DELTA_BARS if is_delta else HISTORY_BARS)
    fills = queries.fills(url, market, symbol, FILLS, after)
    sequence = max((fill["sequence"] for fill in fills), default=max(after, 0))
    session[_SENT] = (key, sequence)
    drawn = _indicators(session, is_delta, url, market, symbol, interval, shown)
    packed = [_bar(bar) for bar in bars]
    newest = bars[-1] if bars else None
    return {
        "key": key,
        "history": None if is_delta else packed,
        "bars": packed if is_delta else [],
        "fills": [_fill(fill, zone) for fill in fills],
        "after": max(after, 0),
        "sequence": sequence,
        "lines": lines,
        "indicators": drawn,
        "decimals": formats.price_decimals(newest["close"]) if newest else 2,
        "shift": formats.zone_offset_s(newest["ts_open"], zone) if newest else 0,
        "height": HEIGHT_PX + PANE_PX * len(drawn["panes"]),
        "texts": {
            "coin": f"{symbol} · {interval}",
            "volume": word("volume"),
            "nothing": word("chart_nothing"),
            "now": word("go_to_now"),
        },
    }


def _indicators(
    session: Any, is_delta: bool, url: str, market: str, symbol: str, interval: str, shown: Sequence[str]
) -> dict[str, Any]:
    """The chosen indicators: names of their columns per pane, and rows of [time, values...] in the order of the columns."""
    chosen = [name for name in (*OVERLAYS, *PANES) if name in shown]
    columns = [column for name in chosen for column in (OVERLAYS | PANES)[name]]
    known = why_queries.indicator_bars(url, market, symbol, interval) if columns else 0
    before: tuple[list[str], int] = session.get(_SHOWN, ([], 0))
    whole = not is_delta or before[0] != chosen or not 0 <= known - before[1] < DELTA_BARS
    session[_SHOWN] = (chosen, known)
    limit = HISTORY_BARS if whole else DELTA_BARS
    rows = why_queries.indicators(url, market, symbol, interval, limit) if columns else []
    return {
        "whole": whole,
        "overlays": [{"name": word(f"ind_{name}"), "columns": OVERLAYS[name]} for name in chosen if name in OVERLAYS],
        "panes": [{"name": word(f"ind_{name}"), "columns": PANES[name]} for name in chosen if name in PANES],
        "rows": [[row["ts_open"] // NANOS, *(row[column] for column in columns)] for row in rows],
    }


def position_lines(position: Row | None) -> list[dict[str, Any]]:
    """Entry, stop and targets of an open position as price lines."""
    if position is None:
        return []
    body = position["body"]
    lines = [{"id": "entry", "look": "entry", "price": position["average_entry"], "title": word("entry")}]
    stop = position["stop_loss"]
    if stop is not None:
        lines.append({"id": "stop", "look": "stop", "price": stop, "title": word("stop")})
    for number, target in enumerate(body.get("take_profit") or [], start=1):
        lines.append(
            {"id": f"target{number}", "look": "target", "price": target, "title": f"{word('target')} {number}"}
        )
    return lines


def _bar(bar: Row) -> list[float]:
    return [bar["ts_open"] // NANOS, bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]]


def _fill(fill: Row, zone: str) -> dict[str, Any]:
    purpose = fill["purpose"]
    why = word("entry") if purpose == "entry" else code_text(purpose)
    done = f"{word(fill['side'])} {formats.quantity(fill['quantity'])} @ {formats.price(fill['price'])}"
    text = f"{formats.clock(fill['ts_event'], zone)}  {done}  {why}"
    return {
        "time": fill["ts_event"] // NANOS,
        "side": fill["side"],
        "sequence": fill["sequence"],
        "word": word(fill["side"]),
        "text": text,
    }
