"""The card of the model of edge and risk: is it gone by, and how good were its predictions?"""

from __future__ import annotations

from typing import Any

from cockpit import formats, panel
from cockpit.queries import Row
from cockpit.reading import reason_text, spelled
from cockpit.strings import word

STATE_TONES = {"off": "muted", "learning": "muted", "in_force": "up", "unhealthy": "down"}
GRADE_TONES = {"unknown": "muted", "good": "up", "watch": "warn", "bad": "down"}


def model_blocks(row: Row | None, zone: str) -> list[panel.Block]:
    """Heading and card; where no model was ever heard of, nothing."""
    if row is None:
        return []
    body = row["body"]
    state, grade = body["state"], body["grade"]
    items = [
        panel.item(
            word("model_state"),
            word(f"model_{state}"),
            tone=STATE_TONES.get(state, ""),
            tip=word("model_state_tip", version=body["version"], since=formats.utc(body["since"])),
        ),
        panel.item(word("model_grade"), word(f"grade_{grade}"), tone=GRADE_TONES.get(grade, ""), tip=word("model_grade_tip")),
        panel.item(
            word("model_samples"),
            formats.compact(float(body["samples"])),
            tip=word("model_samples_tip", needed=body["needed"], waiting=body["waiting"], dropped=body["dropped"]),
        ),
        panel.item(word("model_as_of"), formats.clock(row["ts_event"], zone), tip=formats.utc(row["ts_event"])),
    ]
    for side, coverage in body["coverage"].items():
        named = word(f"model_{side}")
        items += [
            panel.item(
                word("model_coverage", side=named),
                f"{formats.share(coverage)} / {formats.share(body['nominal'][side])}",
                tip=word("model_coverage_tip", without=formats.share(body["coverage_without"][side])),
            ),
            panel.item(
                word("model_loss", side=named), formats.number(body["loss_ratio"][side], 3), tip=word("model_loss_tip")
            ),
        ]
    sections: list[dict[str, Any]] = [{"kind": "grid", "items": items}]
    if body["reasons"]:
        notes = [{"text": reason_text(r), "tone": GRADE_TONES.get(grade, ""), "tip": str(r["code"])} for r in body["reasons"]]
        sections.append({"kind": "notes", "label": word("model_why"), "items": notes})
    return [panel.heading(word("model_heading"), spelled(body["version"])), {"kind": "card", "title": "", "sections": sections}]
