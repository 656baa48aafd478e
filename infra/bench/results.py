"""What a benchmark reports."""

from __future__ import annotations

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark: `figures` as measured (units in the names), `ratio` against the bare loop of the same run (`None` where the budget is
    absolute), `budget` in words, `met` whether it held on this machine now.
    """

    name: str
    what: str
    figures: dict[str, float]
    ratio: float | None
    bare: str
    budget: str
    met: bool
    notes: list[str] = []
