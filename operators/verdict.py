"""A verdict: where it stands, and the reasons that it gives, with the numbers a person asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Final

from contracts.reasons import EntryReason, Reason
from contracts.settings import DeskSettings
from operators.candidates import FILTER_NAMES
from operators.decide_state import NEVER
from operators.gates import Column, Gate, Seen, Threshold, significant, why_not
from operators.signals import NAMES, TIMEFRAMES, Family
from operators.slices import SECOND, Slice

MILLI: Final = 1_000_000
VOTES: Final = [f"{family.name.lower()}/{NAMES[seconds]}" for family in Family for seconds in TIMEFRAMES]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a verdict stands: its frame in the slice, in the judged block, its place among the candidates, its coin.

    in_the_way: the coin of its group that was decided on, -1 none; since: when this coin was, `NEVER` where that does not hold
    it back; status: the venue's, "" where it trades; model: hash of the model that edge and risk come from, "" without.
    """

    frame: int
    f: int
    k: int
    symbol: int
    verdict: int
    in_the_way: int
    since: int
    status: str
    model: str
    unfit: Mapping[str, float | str]


class Reasons:
    """Say why a strategy enters, or why it waits; `setup` as in `strategies.interface`."""

    def __init__(self, settings: DeskSettings, strategy: str, setup: Mapping[str, float]) -> None:
        self._settings = settings
        self._strategy = strategy
        self._setup: dict[str, float | str] = {**setup}

    def entry(self, place: Place, seen: Seen, side: float) -> list[Reason]:
        """What speaks for going to `side` (+1 long, -1 short)."""
        f, k = place.f, place.k
        c, limits = seen.columns, seen.limits
        needed = float(limits[Threshold.CONSENSUS_MIN, f, k])
        if side * seen.consensus[f, k] < needed:
            needed *= self._settings.signals.release  # the side was taken before
        reasons = [
            Reason(
                EntryReason.HEAT_REACHED,
                {"heat": number(c[Column.HEAT, f, k]), "needed": number(limits[Threshold.HEAT_MIN, f, k])},
            ),
            Reason(
                EntryReason.CONSENSUS_REACHED,
                {
                    "consensus": number(seen.consensus[f, k]),
                    "needed": number(needed),
                    "confidence": number(seen.confidence[f, k]),
                },
            ),
            Reason(
                EntryReason.EDGE_COVERS_COST,
                {"edge_bps": number(c[Column.EDGE_BPS, f, k]), "cost_bps": number(c[Column.COST_BPS, f, k])},
            ),
        ]
        name, value = "", 0.0
        for candidate, vote in zip(VOTES, seen.votes[:, :, f, k].ravel().tolist(), strict=True):
            if side * vote > side * value:
                name, value = candidate, vote
        if name:
            reasons.append(Reason(EntryReason.STRONGEST_VOTE, {"signal": name, "vote": significant(value)}))
        change = float(c[Column.CHANGE_1M, f, k])
        if isfinite(change):
            reasons.append(Reason(EntryReason.SETUP, {"strategy": self._strategy, "change_1m": significant(change)}))
        return reasons

    def wait(
        self, gate: Gate, piece: Slice, place: Place, columns: list[float], limits: list[float], consensus: float
    ) -> Reason:
        """What a gate that failed says; columns and limits as in `gates.why_not`."""
        reason = why_not(gate, columns, limits, consensus, self._settings.guards)
        if gate is Gate.GROUP and place.in_the_way >= 0:
            names = piece.groups[place.frame] if piece.groups is not None else None
            group = names[place.symbol] if names is not None else ""
            if not group or names is None or names[place.in_the_way] != group:
                group = piece.sectors[place.symbol] if piece.sectors is not None else ""
            return Reason(reason.code, {"group": group, "symbol": piece.symbols[place.in_the_way]})
        if gate is Gate.SETUP:
            return Reason(reason.code, reason.args | self._setup)
        if gate is Gate.FRESH:
            return Reason(reason.code, self._ages(piece, place))
        if gate is Gate.MODEL:
            return Reason(reason.code, dict(place.unfit))
        if gate is Gate.TRADING and place.status:
            return Reason(reason.code, {"status": place.status})
        if gate is Gate.LIQUID and piece.pool is not None:
            return Reason(reason.code, {"filter": FILTER_NAMES[int(piece.pool.failed[place.frame, place.symbol])]})
        if gate is Gate.ARMED and place.since != NEVER and piece.frames is not None:
            now = int(piece.frames.ts_open[place.frame]) + SECOND
            left = place.since + int(limits[Threshold.REARM_NS]) - now
            return Reason(reason.code, {"left_ms": left / MILLI})
        return reason

    def _ages(self, piece: Slice, place: Place) -> dict[str, float | str]:
        """How old the market's newest tick and the coin's last price are, of each only what is beyond its limit."""
        rules, args = self._settings.freshness, dict[str, float | str]()
        if piece.freshness is not None and piece.frames is not None:
            market = float(piece.freshness.ticker_age_ms[place.frame])
            coin = float(piece.frames.age_ms[place.frame, place.symbol])
            if rules.ticker_stale_ms <= market < inf:
                args |= {"market_ms": significant(market), "market_max_ms": float(rules.ticker_stale_ms)}
            if rules.symbol_stale_ms < coin < inf:
                args |= {"age_ms": significant(coin), "needed_ms": float(rules.symbol_stale_ms)}
        return args


def number(value: float) -> float:
    """Six significant digits; what is unknown is zero where a field must stand."""
    return significant(float(value)) if isfinite(value) else 0.0
