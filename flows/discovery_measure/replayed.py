"""Discovery over a recorded log: the desk's first steps up to the pool, second by second as live, and what they said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from contracts.facts import Fact
from contracts.settings import Settings
from flows.desk import cutter
from flows.discovery_measure.recorded_facts import PastBars
from flows.wiring.steps import Batch
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.state import Operator


def facts_of_log(settings: Settings, market: str, batches: Iterable[Batch]) -> Iterator[Fact | PastBars]:
    """Yield what cut, frame, freshness, anomaly and candidates conclude of the log, in its order, and the history it holds."""
    desk = settings.markets[market].desk
    cut = cutter(settings, market)
    cut_state = cut.start()
    steps: list[Operator[Any]] = [Frame(desk), FreshnessGate(desk), AnomalyDetector(desk), Candidates(desk)]
    states = [step.start() for step in steps]
    for batch in batches:
        piece = cut.read(cut_state, batch)
        for step, state in zip(steps, states, strict=True):
            step.step(state, piece)
        for bars in piece.history:
            if bars.seconds == 60:
                yield PastBars(piece.symbols[bars.symbol], bars)
        for placed in piece.facts:
            if isinstance(placed.fact, Fact):
                yield placed.fact
