"""How execution went in the last five minutes, and which coins are refused most often."""

from __future__ import annotations

from heapq import nlargest

import msgspec

from contracts.reasons import DenyReason
from operators.slices import SECOND

WINDOW = 300 * SECOND
TOP = 10
MOST_SYMBOLS = 500  # symbols kept in the statistics of refusals
DUPLICATES = frozenset({DenyReason.POSITION_EXISTS, DenyReason.ORDER_PENDING})


class Metrics(msgspec.Struct):
    """Counts since the log began, and the last five minutes of receive time as (time, kind, milliseconds)."""

    totals: dict[str, int] = {}
    denied_symbols: dict[str, int] = {}
    recent: list[tuple[int, str, float]] = []

    def count(self, name: str, at: int | None = None, value_ms: float = 0.0) -> None:
        """Count one; with `at` (receive time, ns) in the last five minutes as well."""
        self.totals[name] = self.totals.get(name, 0) + 1
        if at is not None:
            self.recent.append((at, name, value_ms))

    def count_denied(self, reason: DenyReason, symbol: str, at: int) -> None:
        """Count a refusal by code and by coin."""
        self.count("denied", at)
        self.count(f"denied.{reason.value}")
        if reason in DUPLICATES:
            self.count("duplicates", at)
        if symbol in self.denied_symbols or len(self.denied_symbols) < MOST_SYMBOLS:
            self.denied_symbols[symbol] = self.denied_symbols.get(symbol, 0) + 1

    def counters(self, now: int) -> dict[str, int]:
        """Totals by name; `recent.*` of the last five minutes, `recent.latency_ms` the mean from sending to acceptance."""
        since = now - WINDOW
        if self.recent and self.recent[0][0] <= since:
            self.recent = [entry for entry in self.recent if entry[0] > since]
        counters = dict(sorted(self.totals.items()))
        for _, name, _ in self.recent:
            counters[f"recent.{name}"] = counters.get(f"recent.{name}", 0) + 1
        latencies = [value for _, name, value in self.recent if name == "accepted"]
        if latencies:
            counters["recent.latency_ms"] = round(sum(latencies) / len(latencies))
        top = nlargest(TOP, self.denied_symbols.items(), key=lambda item: (item[1], item[0]))
        counters.update({f"denied_symbol.{symbol}": count for symbol, count in top})
        return counters
