"""The ranking of hot coins as a table, and the feed of what just happened."""

from __future__ import annotations

from cockpit import formats
from cockpit.card import SCORES
from cockpit.discovery_feeds import measure_name, measure_value
from cockpit.panel import Block, Cell, bar_cell, cell, column, feed, link_cell, pill_cell, table
from cockpit.queries import Row
from cockpit.reading import STAGE_TONES, reason_text, spelled, tone_of
from cockpit.strings import word


def ranking_table(
    rows: list[Row], lines: dict[str, list[float]], weights: dict[str, float], chosen: str | None, zone: str
) -> Block:
    """Hottest first; a click chooses the coin."""
    columns = [
        column(word("rank"), align="left", wide=2),
        column(word("coin"), align="left"),
        column(word("stage"), align="left", wide=3),
        column(word("heat"), tip=word("heat_tip"), align="center"),
        column(
            word("scores"), align="center", narrow=True, tip=" · ".join(word(f"{name}_score_long") for name in SCORES)
        ),
        *[column(word(f"{name}_score"), align="center", wide=4, tip=_score_tip(name, weights)) for name in SCORES],
        column(word("heat_line"), align="left", wide=5),
        column(word("price")),
        column(word("change_1m"), wide=3),
        column(word("change_5m")),
        column(word("change_24h"), wide=2),
        column(word("volume_24h"), tip=word("volume_24h_tip"), wide=3),
        column(word("spread"), tip=word("spread_tip"), wide=4),
        column(word("age"), tip=word("age_tip"), wide=5),
    ]
    return table(
        columns,
        [(row["symbol"], _cells(row, lines.get(row["symbol"], []), zone), row["symbol"] == chosen) for row in rows],
        empty=word("no_ranking"),
        pick=True,
    )


def _cells(row: Row, line: list[float], zone: str) -> list[Cell]:
    stage_tip = word("since", at=formats.clock(row["stage_since"], zone))
    if not row["passed"]:
        stage_tip = f"{word('filtered', why=spelled(row['failed']))} · {stage_tip}"
    stage_tone = STAGE_TONES.get(row["stage"], "muted") if row["passed"] else "warn"
    scores = [row[f"{name}_score"] for name in SCORES]
    return [
        cell(str(row["rank"]), tone="muted"),
        link_cell(row["symbol"], row["symbol"], tone="strong", tip=word("open_chart")),
        pill_cell(word(row["stage"]), stage_tone, stage_tip),
        bar_cell(formats.number(row["heat"], 0), row["heat"] / 100.0, look="heat"),
        {"six": [round(score / 100.0, 2) for score in scores], "tip": " · ".join(formats.number(s, 0) for s in scores)},
        *[bar_cell(formats.number(score, 0), score / 100.0) for score in scores],
        {"line": [round(value, 1) for value in line]} if len(line) > 1 else "",
        formats.price(row["price"]),
        cell(formats.percent(row["change_1m"]), tone=tone_of(row["change_1m"])),
        cell(formats.percent(row["change_5m"]), tone=tone_of(row["change_5m"])),
        cell(formats.percent(row["change_24h"], 1), tone=tone_of(row["change_24h"])),
        formats.compact(row["quote_volume_24h"]),
        formats.number(row["spread_bps"], 1),
        formats.duration(row["age_ms"] / 1000.0),
    ]


def _score_tip(name: str, weights: dict[str, float]) -> str:
    long = word(f"{name}_score_long")
    return f"{long}, {word('weighs', weight=formats.share(weights[name]))}" if name in weights else long


def happenings_feed(rows: list[Row], zone: str, height: int) -> Block:
    """Alarms, anomalies and changes of stage, the newest first."""
    return feed([_happening(row, zone) for row in rows], empty=word("no_happenings"), height=height)


def _happening(row: Row, zone: str) -> dict[str, str]:
    body = row["body"]
    kind = row["kind"]
    tone = ""
    if kind == "alarm":
        tone = "accent"
        what = word(
            "alarm",
            score=formats.number(body["score"], 2),
            threshold=formats.number(body["threshold"], 2),
        )
    elif kind == "anomaly":
        tone = "warn"
        what = word(
            "anomaly",
            measure=measure_name(body["measure"]),
            value=measure_value(body["measure"], body["value"]),
            score=formats.number(body["score"], 1),
        )
    elif kind == "stage":
        tone = {"hot": "accent", "out": "muted", "cooling": "muted"}.get(body["stage"], "calm")
        change = word("stage_change", previous=word(body["previous"]), stage=word(body["stage"]))
        what = f"{change} · {reason_text(body['reason'])}"
    else:
        what = spelled(kind)
    ts_event = row["ts_event"]
    return {
        "when": formats.clock(ts_event, zone),
        "tip": formats.utc(ts_event),
        "who": row["symbol"],
        "tone": tone,
        "what": what,
    }
