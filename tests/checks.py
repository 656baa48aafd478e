"""The laws that every operator of the desk obeys, checked on whole logs.

A log is a list of messages as bytes. A chain is the list of operators from the first step to the one under test: what it writes and what
it keeps must depend on the log alone, not on how it was cut, nor on being written down and read back in between.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from contracts.settings import DeskSettings
from flows.wiring.encode import Outgoing, outgoing
from operators.cut import Cut, CutState
from operators.slices import RawBatch, Slice
from operators.state import Dumped, Operator

MARKET = "binance.spot"

Chain = Callable[[], Sequence[Operator[Any]]]


@dataclass
class Ran:
    """What a run wrote and kept."""

    facts: list[Outgoing]
    states: list[Dumped]
    pieces: list[Slice]


def run(
    chain: Chain, log: Sequence[bytes], cuts: Sequence[int] = (), *, resume: bool = False, settings: DeskSettings | None = None
) -> Ran:
    """Send the log, cut before the given message numbers, through cut and the chain. `resume` pickles all state at each cut."""
    settings = settings or DeskSettings()
    cutter = Cut(settings, MARKET, 0)
    operators = list(chain())
    cut_state = cutter.start()
    states = [operator.start() for operator in operators]
    facts: list[Outgoing] = []
    pieces: list[Slice] = []
    edges = [0, *sorted(set(cuts) - {0, len(log)}), len(log)]
    for start, end in pairwise(edges):
        if start == end:
            continue
        piece = cutter.read(cut_state, RawBatch(np.arange(start, end, dtype=np.int64), list(log[start:end])))
        for operator, state in zip(operators, states, strict=True):
            operator.step(state, piece)
        facts.extend(outgoing(piece))
        pieces.append(piece)
        if resume:
            operators = list(chain())
            cut_state = CutState.load(_through_pickle(cut_state.dump()))
            states = [o.state_type.load(_through_pickle(s.dump())) for o, s in zip(operators, states, strict=True)]
    return Ran(facts, [cut_state.dump(), *(state.dump() for state in states)], pieces)


def check_laws(chain: Chain, log: Sequence[bytes], *, seed: int = 0, settings: DeskSettings | None = None) -> Ran:
    """All laws at once; returns the run in one piece, so that a test can look at what came out."""
    whole = run(chain, log, settings=settings)
    check_repetition(chain, log, whole, settings)
    check_recut(chain, log, whole, seed, settings)
    check_resume_anywhere(chain, log, whole, seed, settings)
    check_future(chain, log, whole, seed, settings)
    check_decodable(whole)
    return whole


def check_repetition(chain: Chain, log: Sequence[bytes], whole: Ran, settings: DeskSettings | None = None) -> None:
    """A second run gives the same bytes."""
    _same(whole, run(chain, log, settings=settings), "a second run")


def check_recut(chain: Chain, log: Sequence[bytes], whole: Ran, seed: int, settings: DeskSettings | None = None) -> None:
    """Neither facts nor state depend on where the log was cut."""
    rng = random.Random(seed)
    for number in (1, 7, min(60, len(log) - 1)):
        cuts = [rng.randrange(1, len(log)) for _ in range(number)]
        _same(whole, run(chain, log, cuts, settings=settings), f"cut at {sorted(set(cuts))[:10]}")


def check_resume_anywhere(
    chain: Chain, log: Sequence[bytes], whole: Ran, seed: int, settings: DeskSettings | None = None
) -> None:
    """Writing the state down and reading it back between any two messages changes nothing."""
    rng = random.Random(seed + 1)
    cuts = [rng.randrange(1, len(log)) for _ in range(9)]
    _same(whole, run(chain, log, cuts, resume=True, settings=settings), f"resumed at {sorted(set(cuts))}")


def check_future(chain: Chain, log: Sequence[bytes], whole: Ran, seed: int, settings: DeskSettings | None = None) -> None:
    """What was written up to a message does not depend on any message after it."""
    rng = random.Random(seed + 2)
    for _ in range(2):
        at = rng.randrange(1, len(log))
        before = run(chain, log[:at], settings=settings).facts
        later = list(log[at:])
        rng.shuffle(later)
        perturbed = run(chain, [*log[:at], *later], [at], settings=settings).facts
        assert whole.facts[: len(before)] == before, f"facts up to message {at} changed with what came after"
        assert perturbed[: len(before)] == before, f"facts up to message {at} changed with a perturbed future"


def check_decodable(whole: Ran) -> None:
    """Every fact reads back as what its topic promises: so no NaN, no missing field."""
    from contracts.topics import TOPICS

    decoders = {name: msgspec.json.Decoder(topic.payload) for name, topic in TOPICS.items()}
    for message in whole.facts:
        decoders[message.topic].decode(message.value)


def _through_pickle(dumped: Dumped) -> Dumped:
    result: Dumped = pickle.loads(pickle.dumps(dumped))  # noqa: S301 - our own bytes
    return result


def _same(one: Ran, other: Ran, how: str) -> None:
    for index, (a, b) in enumerate(zip(one.facts, other.facts, strict=False)):
        assert a == b, f"{how}: fact {index} differs:\n{a}\n{b}"
    assert len(one.facts) == len(other.facts), f"{how}: {len(other.facts)} facts instead of {len(one.facts)}"
    for a_state, b_state in zip(one.states, other.states, strict=True):
        difference = first_difference(a_state, b_state, a_state[0])
        assert difference is None, f"{how}: state differs at {difference}"


def first_difference(a: Any, b: Any, path: str) -> str | None:
    """Where two dumped states differ, to the last bit; None if nowhere."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{path}: {a.dtype}{a.shape} and {b.dtype}{b.shape}"
        both_nan = np.isnan(a) & np.isnan(b) if a.dtype.kind == "f" else False
        where = np.argwhere((a != b) & ~np.asarray(both_nan))
        if len(where):
            at = tuple(where[0].tolist())
            return f"{path}{list(at)}: {a[at]!r} and {b[at]!r}"
        return None
    if isinstance(a, dict) and isinstance(b, dict):
        if list(a) != list(b):
            return f"{path}: keys {list(a)[:5]} and {list(b)[:5]}"
        return next((d for key in a if (d := first_difference(a[key], b[key], f"{path}.{key}")) is not None), None)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            return f"{path}: {len(a)} and {len(b)} items"
        pairs = enumerate(zip(a, b, strict=True))
        return next((d for i, (x, y) in pairs if (d := first_difference(x, y, f"{path}[{i}]")) is not None), None)
    return None if pickle.dumps(a) == pickle.dumps(b) else f"{path}: {a!r} and {b!r}"
