"""The lock on the controls: a password from the environment, compared in constant time, open for a few minutes.

Without the variable nothing unlocks. After five wrong tries within a minute the lock refuses for the rest of that minute,
whoever asks. Every command handler asks `is_unlocked` itself: the page's own state is not trusted.
"""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any

from contracts.settings.services import CockpitSettings

TRIES = 5
WINDOW_S = 60.0
_UNTIL = "unlocked_until"
_AUTHOR = "author"

_wrong: list[float] = []
_guard = threading.Lock()


class Login(StrEnum):
    """What came of a try to unlock."""

    OPEN = "open"
    WRONG = "wrong"
    TOO_MANY = "too_many"
    NO_PASSWORD = "no_password"  # noqa: S105 - the name of an outcome


def password_is_set(settings: CockpitSettings) -> bool:
    """Whether the environment holds a password at all."""
    return bool(os.environ.get(settings.password_env))


def unlock(settings: CockpitSettings, session: MutableMapping[Any, Any], author: str, password: str) -> Login:
    """Compare the password and open this session's lock for `unlock_minutes`."""
    expected = os.environ.get(settings.password_env, "")
    if not expected:
        return Login.NO_PASSWORD
    now = time.monotonic()
    with _guard:
        _wrong[:] = [at for at in _wrong if now - at < WINDOW_S]
        if len(_wrong) >= TRIES:
            return Login.TOO_MANY
        if not hmac.compare_digest(password.encode(), expected.encode()):
            _wrong.append(now)
            return Login.WRONG
    session[_UNTIL] = now + settings.unlock_minutes * 60.0
    session[_AUTHOR] = author.strip()[:40] or "operator"
    return Login.OPEN


def lock(session: MutableMapping[Any, Any]) -> None:
    """Close the lock of this session."""
    session.pop(_UNTIL, None)


def is_unlocked(session: MutableMapping[Any, Any]) -> bool:
    """Whether this session may send commands now."""
    return float(session.get(_UNTIL, 0.0)) > time.monotonic()


def minutes_left(session: MutableMapping[Any, Any]) -> float:
    """How long this session stays unlocked."""
    return max(0.0, (float(session.get(_UNTIL, 0.0)) - time.monotonic()) / 60.0)


def author(session: MutableMapping[Any, Any]) -> str:
    """Who unlocked this session."""
    return str(session.get(_AUTHOR, "operator"))


def forget_wrong_tries() -> None:
    """Start counting anew."""
    with _guard:
        _wrong.clear()
