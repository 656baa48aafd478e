"""Ranking with its reasons, anomalies, listings, mentions and groups: blocks of the page *Discovery*."""

from __future__ import annotations

from typing import Any, Final

from cockpit import formats
from cockpit.card import SCORES, bps
from cockpit.panel import Block, Cell, cell, column, feed, link_cell, notice, pill_cell, table
from cockpit.queries import Row
from cockpit.reading import STAGE_TONES, reason_text, spelled, tone_of
from cockpit.strings import WORDS, word

MEMBERS: Final = 12
CATEGORY_TONES: Final = {"listing": "accent", "delisting": "down", "other": "muted"}


def why_table(rows: list[Row], lines: dict[str, list[float]], chosen: str | None, zone: str) -> Block:
    """Hottest first, the heat parted into what each score adds; a click chooses the coin."""
    columns = [
        column(word("rank"), align="left", wide=2),
        column(word("coin"), align="left"),
        column(word("stage"), align="left", wide=2),
        column(word("made_of"), tip=word("made_of_tip"), align="left"),
        column(word("heat_line"), align="left", wide=4),
        column(word("raw_score"), tip=word("raw_score_tip"), wide=4),
        column(word("change_5m"), wide=2),
        column(word("change_24h"), wide=4),
        column(word("group"), tip=word("group_tip"), align="left", wide=4),
    ]
    listed = [(row["symbol"], _why_cells(row, lines, zone), row["symbol"] == chosen) for row in rows]
    return table(columns, listed, empty=word("no_ranking"), pick=True)


def _why_cells(row: Row, lines: dict[str, list[float]], zone: str) -> list[Cell]:
    points = {name: row[f"{name}_points"] for name in SCORES}
    line = lines.get(row["symbol"], [])
    said = " · ".join(
        f"{word(f'{name}_score_long')} {formats.number(value, 1)}" for name, value in points.items() if value > 0
    )
    tone = STAGE_TONES.get(row["stage"], "muted") if row["passed"] else "warn"
    tip = word("since", at=formats.clock(row["stage_since"], zone))
    if not row["passed"]:
        tip = f"{word('filtered', why=spelled(row['failed']))} · {tip}"
    return [
        cell(str(row["rank"]), tone="muted"),
        link_cell(row["symbol"], row["symbol"], tone="strong", tip=word("open_chart")),
        pill_cell(word(row["stage"]), tone, tip),
        {
            "stack": [[round(value / 100.0, 3), name] for name, value in points.items()],
            "text": formats.number(row["heat"], 0),
            "tip": said,
        },
        {"line": [round(value, 1) for value in line]} if len(line) > 1 else "",
        formats.number(row["score"], 2),
        cell(formats.percent(row["change_5m"]), tone=tone_of(row["change_5m"])),
        cell(formats.percent(row["change_24h"], 1), tone=tone_of(row["change_24h"])),
        _group_cell(row),
    ]


def _group_cell(row: Row) -> Cell:
    """Correlation group and sector; a coin that is held back for a hotter one of either says so."""
    text = " · ".join(name for name in (row["group"], row["sector"]) if name)
    if row["held_back"]:
        return cell(text, tone="warn", tip=f"{word('held_back_tip')} · {row['held_back']}")
    return cell(text, tone="muted")


def score_legend() -> Block:
    """The six scores with their colours."""
    return {
        "kind": "legend",
        "items": [{"look": f"score {name}", "text": word(f"{name}_score_long")} for name in SCORES],
    }


def why_card(symbol: str, row: Row | None, weights: dict[str, float], zone: str) -> Block:
    """What each score adds to one coin's heat."""
    if row is None:
        return notice(word("unranked", symbol=symbol), word("unranked_why"))
    bars = [
        {
            "label": word(f"{name}_score_long"),
            "size": row[f"{name}_points"] / 100.0,
            "value": formats.number(row[f"{name}_points"], 1, sign=True),
            "tone": f"score {name}",
            "tip": word(
                "points_tip",
                points=formats.number(row[f"{name}_points"], 1),
                score=formats.number(row[f"{name}_score"], 0),
                weight=formats.share(weights.get(name)),
            )
            + (said_of(row) if name == "social" else ""),
        }
        for name in SCORES
    ]
    total = {
        "label": word("heat"),
        "size": row["heat"] / 100.0,
        "value": formats.number(row["heat"], 1),
        "tone": "heat",
    }
    return {
        "kind": "card",
        "title": word("breakdown", symbol=symbol),
        "action": {"text": word(row["stage"]), "tone": STAGE_TONES.get(row["stage"], "muted"), "tip": ""},
        "at": {"text": formats.clock(row["ts_event"], zone), "tip": formats.utc(row["ts_event"])},
        "sections": [{"kind": "bars", "label": word("points"), "tip": word("made_of_tip"), "items": [*bars, total]}],
    }


def said_of(row: Row) -> str:
    """How many speak of a coin, and in which tone; nothing where nobody does."""
    if not row["voices"]:
        return ""
    said = f" · {word('said_of', mentions=row['mentions'], voices=row['voices'])}"
    return said if row["tone"] is None else f"{said} · {word('tone_tip', tone=formats.number(row['tone'], 2, sign=True))}"


def anomalies_feed(rows: list[Row], zone: str, height: int) -> Block:
    """What left its usual range: which measure, how far, since when; the newest first."""
    entries = []
    for row in rows:
        body = row["body"]
        key = "far_below" if body["score"] < 0 else "far_above"
        score = formats.number(abs(body["score"]), 1)
        what = word(
            key,
            measure=measure_name(body["measure"]),
            value=measure_value(body["measure"], body["value"]),
            score=score,
            since=formats.clock(body["since"], zone),
        )
        tip = word("anomaly_tip", score=score, threshold=formats.number(body["threshold"], 1))
        entries.append(
            _entry(row, row["symbol"], what, zone, tone="warn", tip=f"{tip} · {formats.utc(row['ts_event'])}")
        )
    return feed(entries, empty=word("no_anomalies"), height=height)


def measure_name(measure: str) -> str:
    """A measure as words."""
    return word(f"measure_{measure}") if f"measure_{measure}" in WORDS else spelled(measure)


def measure_value(measure: str, value: float) -> str:
    """A measure's value with its unit."""
    if measure.startswith("change_"):
        return formats.percent(value)
    if measure == "spread":
        return bps(value)
    return formats.number(value, 2, sign=True) if measure == "imbalance" else formats.figure(value)


def listings_feed(announced: list[Row], listed: list[Row], zone: str, height: int) -> Block:
    """Announcements and coins that began to trade, together, the newest first."""
    entries = [
        (
            row["ts_event"],
            _entry(
                row,
                " ".join(row["body"]["symbols"][:3]) or formats.DASH,
                f"{row['body']['title']} · {row['source']}",
                zone,
                tone=CATEGORY_TONES.get(row["category"], "muted"),
                days=True,
            ),
        )
        for row in announced
    ]
    for row in listed:
        text = reason_text({"code": row["code"], "args": row["body"]["args"]})
        entries.append(
            (row["ts_event"], _entry(row, row["symbol"] or formats.DASH, text, zone, tone="accent", days=True))
        )
    entries.sort(key=lambda entry: -entry[0])
    return feed([entry for _, entry in entries], empty=word("no_listings"), height=height) | {"look": "days"}


def mentions_feed(rows: list[Row], zone: str, height: int) -> Block:
    """Who spoke of which coins, the newest first; the coin's colour is the tone."""
    entries = []
    for row in rows:
        body = row["body"]
        what = word(
            "transfer_by" if row["kind"] == "transfer" else "mention_by",
            author=body["author"],
            followers=formats.compact(body["followers"]),
            source=row["source"],
            text=body["text"],
        )
        tip = formats.utc(row["ts_event"])
        if body["sentiment"] is not None:
            tip = f"{word('tone_tip', tone=formats.number(body['sentiment'], 2, sign=True))} · {tip}"
        who = " ".join(body["symbols"][:3])
        entries.append(_entry(row, who, what, zone, tone=tone_of(body["sentiment"]), tip=tip))
    return feed(entries, empty=word("no_mentions"), height=height)


def _entry(
    row: Row, who: str, what: str, zone: str, *, tone: str = "", tip: str = "", days: bool = False
) -> dict[str, Any]:
    when = formats.day_clock if days else formats.clock
    return {
        "when": when(row["ts_event"], zone),
        "tip": tip or formats.utc(row["ts_event"]),
        "who": who,
        "tone": tone,
        "what": what,
    }


def groups_table(rows: list[Row], held: dict[str, Row], height: int) -> Block:
    """Correlation groups, the hottest first, with whom each holds back and why."""
    members: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: -row["heat"]):
        if row["group"]:
            members.setdefault(row["group"], []).append(row)
    columns = [
        column(word("group"), tip=word("group_tip"), align="left"),
        column(word("members"), align="left", wrap=True),
        column(word("held_back"), align="left", wrap=True),
    ]
    return table(
        columns,
        [(name, _group_cells(name, coins, held), False) for name, coins in members.items()],
        empty=word("no_groups"),
        height=height,
    )


def _group_cells(name: str, coins: list[Row], held: dict[str, Row]) -> list[Cell]:
    shown = " · ".join(f"{_base(coin['symbol'])} {formats.number(coin['heat'], 0)}" for coin in coins[:MEMBERS])
    if len(coins) > MEMBERS:
        shown = f"{shown} {word('and_more', count=len(coins) - MEMBERS)}"
    waiting = [coin["symbol"] for coin in coins if coin["symbol"] in held]
    tip = " · ".join(f"{symbol}: {reason_text(held[symbol])}" for symbol in waiting)
    text = " · ".join(_base(symbol) for symbol in waiting)
    return [
        cell(name, tone="strong"),
        shown,
        cell(text, tone="warn", tip=tip) if text else cell(formats.DASH, tone="muted"),
    ]


def _base(symbol: str) -> str:
    return symbol.removesuffix("USDT")
