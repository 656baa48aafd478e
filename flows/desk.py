"""The desk: one ordered log in, facts out.

    events.v1 ─ cut ─ frame ─ freshness ─ anomaly ─ candidates ─ groups ─ heat ─ decide ─ execute ─ focus ─ facts

A slice of the log walks through the house; each step adds what it concludes. Names of steps key the recovery store and are never
renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from contracts.errors import EmberlineError, SettingsError
from contracts.settings import Settings
from contracts.settings.root import DeskSettings
from flows.versions import versions
from flows.wiring.steps import cut, walk
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.cut import Cut
from operators.decide import Decide
from operators.execute import Execute
from operators.focus import Focus
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.groups import Groups
from operators.heat import Heat
from operators.state import Operator


def build(settings: Settings, source: Source[Any], facts: Sink[Any]) -> Dataflow:
    """Wire the desk between a source of batches and a sink of slices."""
    flow = Dataflow("desk")
    log = op.input("log", flow, source)
    slices = cut("cut", log, lambda market: cutter(settings, market))
    walked = walk("steps", slices, [_of_market(settings, make) for make in operators()])
    op.output("facts", walked, facts)
    return flow


def operators() -> tuple[Callable[[DeskSettings], Operator[Any]], ...]:
    """The steps after the cut, in order: for whoever drives the desk without a dataflow (laws, profiles)."""
    return (
        Frame,
        FreshnessGate,
        AnomalyDetector,
        Candidates,
        Groups,
        Heat,
        partial(Decide, versions=versions()),
        Execute,
        Focus,
    )


def cutter(settings: Settings, market: str) -> Cut:
    """The cut step of a market."""
    own = settings.markets[market]
    return Cut(own.desk, market, own.partition)


def check(settings: Settings, where: str = "settings") -> None:
    """Make every step of every market once: some of what settings name only the steps know, such as strategies and their options.

    Whoever starts a desk asks before anything else. Raises SettingsError, one line that opens with `where`.
    """
    for name, market in settings.markets.items():
        try:
            cutter(settings, name).start()
            for make in operators():
                make(market.desk).start()
        except EmberlineError as e:
            raise SettingsError(f"{where}: `markets.{name}`: {e}") from e
        except Exception as e:  # whatever a step cannot be made of, a person reads it in one line
            said = " ".join(f"{type(e).__name__} {e}".split())
            raise SettingsError(f"{where}: `markets.{name}`: no step can be made of these settings: {said}") from e


def _of_market(settings: Settings, make: Callable[[DeskSettings], Operator[Any]]) -> Callable[[str], Operator[Any]]:
    return lambda market: make(settings.markets[market].desk)
