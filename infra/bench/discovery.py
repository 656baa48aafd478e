"""Discovery alone: anomalies, pool, groups and heat over a day of seconds, and its cost per symbol from 50 to 5,000 of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from contracts.settings import load_settings
from flows.desk import cutter, operators
from infra.bench.market import START
from infra.bench.results import Result
from operators.jit import kernel
from operators.slices import F8, SECOND, ColumnBatch, Kind

MARKET = "binance.spot"
STEPS = ("anomaly", "candidates", "groups", "heat")


@kernel
def _bare(close: F8, high: F8, low: F8, volume: F8, best: F8) -> None:
    """The bare loop: each coin's best rise within a second."""
    for f in range(close.shape[0]):
        for s in range(close.shape[1]):
            rise = close[f, s] / low[f, s] - 1.0 + volume[f, s] * 1e-12 + high[f, s] * 1e-12
            if rise > best[s]:
                best[s] = rise


def _seconds(symbols: int, seconds: int, seed: int = 3, chunk: int = 300) -> Iterator[ColumnBatch]:
    """One ticker array of all symbols a second."""
    rng = np.random.default_rng(seed)
    price = np.exp(rng.normal(1.0, 1.5, symbols))
    total = np.exp(rng.normal(16.0, 1.5, symbols))
    labels = [f"D{number:04d}USDT" for number in range(symbols)]
    offset = 0
    for first in range(0, seconds, chunk):
        count = min(chunk, seconds - first)
        steps = rng.normal(0.0, 0.0003, (count, symbols)).cumsum(axis=0)
        prices = price * np.exp(steps)
        price = prices[-1]
        spent = total * rng.exponential(1.0 / 86_400, (count, symbols)).cumsum(axis=0)
        volumes = total + spent
        total = volumes[-1]
        rows = count * symbols
        stamp = np.repeat(START + (first + np.arange(count, dtype=np.int64)) * SECOND + SECOND // 2, symbols)
        yield ColumnBatch(
            offset=np.repeat(np.arange(offset, offset + count, dtype=np.int64), symbols),
            kind=np.full(rows, Kind.TICKER, dtype=np.uint8),
            symbol=np.tile(np.arange(symbols, dtype=np.int32), count),
            names=labels, ts_event=stamp, ts_recv=stamp + 5_000_000, v0=prices.ravel(), v1=volumes.ravel(),
            v2=(volumes / prices).ravel(), v3=prices.ravel(), payloads=[],
        )  # fmt: skip
        offset += count


def _run(symbols: int, seconds: int) -> tuple[float, float, int]:
    """(CPU seconds of discovery, CPU seconds of the bare loop, frames)."""
    settings = load_settings()
    desk = settings.markets[MARKET].desk
    cut = cutter(settings, MARKET)
    cut_state = cut.start()
    steps = [make(desk) for make in operators()]
    steps = steps[: 1 + max(index for index, step in enumerate(steps) if step.name in STEPS)]
    states = [step.start() for step in steps]
    best = np.zeros(symbols)
    spent = bare = 0.0
    frames = 0
    for batch in _seconds(symbols, seconds):
        piece = cut.read(cut_state, batch)
        for step, state in zip(steps, states, strict=True):
            before = time.thread_time()
            step.step(state, piece)
            if step.name in STEPS:
                spent += time.thread_time() - before
        block = piece.frames
        assert block is not None
        frames += len(block)
        before = time.thread_time()
        _bare(block.close, block.high, block.low, block.volume, best)
        bare += time.thread_time() - before
    return spent, bare, frames


def bench_discovery(*, seconds: int = 86_400) -> Result:
    """A day of 500 symbols; per-symbol cost at 50, 500 and 5,000."""
    _run(50, 120)  # compiles
    spent, bare, frames = _run(500, seconds)
    cost: dict[int, float] = {500: spent / frames / 500 * 1e9}
    for symbols, length in ((50, 7200), (5000, 900)):
        part, _, count = _run(symbols, length)
        cost[symbols] = part / count / symbols * 1e9
    day = spent / frames * 86_400
    return Result(
        name="discovery",
        what=f"anomaly, candidates, groups, heat and their facts: {frames:,} frames of 500 symbols",
        figures={
            "day_s": round(day, 2),
            "us_per_frame_500": round(spent / frames * 1e6, 1),
            **{f"ns_per_symbol_{symbols}": round(value, 1) for symbols, value in sorted(cost.items())},
        },
        ratio=bare / spent,
        bare="one pass over the same frames: each coin's best rise",
        budget="a day of 500 symbols in under 30 s; cost per symbol not higher at 5,000 than at 50",
        met=day < 30.0 and cost[5000] <= cost[50],
    )
