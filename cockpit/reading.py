"""From reason codes, stages and states to words and tones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.strings import WORDS, language, word
from contracts.reasons import Reason
from contracts.texts import TEXTS, describe

STATE_TONES = {"tradeable": "up", "degraded": "warn", "blocked": "down", "paused": "warn"}
STAGE_TONES = {"hot": "accent", "watching": "calm", "new": "calm", "cooling": "muted", "out": "muted"}
STATUS_TONES = {
    "accepted": "calm",
    "created": "calm",
    "open": "calm",
    "partial": "warn",
    "closed": "up",
    "canceled": "muted",
    "failed": "down",
    "denied": "down",
}
ACTION_TONES = {"long": "up", "short": "down", "wait": "muted"}
SEVERITY_TONES = {"info": "calm", "warning": "warn", "critical": "down"}
RISK_TONES = {"low": "up", "medium": "warn", "high": "down"}


def tone_of(value: float | None) -> str:
    """`up` for a gain, `down` for a loss, nothing for neither."""
    if value is None or value == 0:
        return ""
    return "up" if value > 0 else "down"


def reason_text(reason: Mapping[str, Any]) -> str:
    """A reason as stored (`code`, `args`) in the reader's language."""
    return code_text(str(reason.get("code", "")), reason.get("args") or {})


def code_text(code: str, args: Mapping[str, Any] | None = None) -> str:
    """A code with its arguments as a sentence; nothing for no code."""
    known = {name: _in_words(name, value) for name, value in (args or {}).items() if value != ""}
    return describe(Reason(code=code, args=known), language()) if code else ""


def _in_words(name: str, value: Any) -> Any:
    """Codes and states among the arguments of another code are put in words too."""
    if name in {"state", "previous"} and value in STATE_TONES:
        return word(str(value)).lower()
    if name not in {"reason", "reasons"} or not isinstance(value, str):
        return value
    codes = [code.strip() for code in value.split(",")]
    return "; ".join(code_text(code) if code in TEXTS else code for code in codes)


def spelled(name: str) -> str:
    """A name of the program as words: from the table of strings, or without its underscores."""
    return word(name) if name in WORDS else name.replace("_", " ")


def status_text(status: str) -> str:
    """An order's status as a word."""
    return word(f"st_{status}") if f"st_{status}" in WORDS else status
