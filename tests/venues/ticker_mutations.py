"""Mutated ticker arrays, many of them: `python -m tests.venues.ticker_mutations --count 1000000`.

No recording of `!miniTicker@arr` is public, so clean arrays are derived from recorded 1 m candles: close, and
running 24 h figures. A mutation replaces a value, a key, a row, or bytes of the frame. Each message must be read
without an exception, be counted, and never bring a number that is not finite into an event.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from contracts.events import Tickers, encode_event
from venues.binance.frames import FrameReader

NOW = 1_617_400_000_000_000_000
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, -0.0, "", " ", "0", "-1", "nan", "NaN", "inf", "-Infinity", "1e999", "1e-999",
    "0x10", "1,5", "1_0", "١٢", "\ud800", "\x00", [], {}, [[]], "A" * 5000, 10**40, math.nan, math.inf, -math.inf, 17, 9e18,
    "1.5",
)  # fmt: skip
KEYS = ("E", "s", "c", "o", "h", "l", "v", "q", "e")


class Told(msgspec.Struct):
    """What became of the mutated messages."""

    frames: int = 0
    published: int = 0
    dirty: int = 0
    filtered: int = 0
    control: int = 0
    rows: int = 0
    rows_kept: int = 0
    rows_dropped: int = 0
    rows_repaired: int = 0
    rows_filtered: int = 0


def derived_arrays(candles: pl.DataFrame, count: int, symbols: int) -> list[list[dict[str, Any]]]:
    """`count` arrays as the venue would have sent them at the close of as many minutes."""
    names = sorted(candles["symbol"].unique())[:symbols]
    rolled = (
        candles.filter(pl.col("symbol").is_in(names))
        .sort("symbol", "ts_ms")
        .with_columns(
            pl.col("open").first().over("symbol").alias("o"),
            pl.col("high").cum_max().over("symbol").alias("h"),
            pl.col("low").cum_min().over("symbol").alias("l"),
            pl.col("volume").cum_sum().over("symbol").alias("v"),
            (pl.col("volume") * pl.col("close")).cum_sum().over("symbol").alias("q"),
        )
    )
    arrays: dict[int, list[dict[str, Any]]] = {}
    for r in rolled.iter_rows(named=True):
        stamp = r["ts_ms"] + 60_000
        if len(arrays) == count and stamp not in arrays:
            continue
        symbol = r["symbol"].replace("_", "").replace("/", "")
        text = {key: f"{r[name]:.8f}" for key, name in zip("cohlvq", ("close", "o", "h", "l", "v", "q"), strict=True)}
        arrays.setdefault(stamp, []).append({"e": "24hrMiniTicker", "E": stamp, "s": symbol, **text})
    return list(arrays.values())


def value(rng: random.Random) -> Any:
    """Something that does not belong there; never the same list twice."""
    chosen = rng.choice(VALUES)
    return chosen.copy() if isinstance(chosen, list | dict) else chosen


def mutate(array: list[dict[str, Any]], rng: random.Random) -> bytes:
    """One frame with one to three things wrong with it (now and then none)."""
    rows: list[Any] = [dict(row) for row in array]
    payload: Any = rows
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(rows))
        kind = rng.randrange(8)
        if kind <= 2 and isinstance(rows[at], dict):
            rows[at][rng.choice(KEYS)] = value(rng)
        elif kind == 3 and isinstance(rows[at], dict):
            rows[at].pop(rng.choice(KEYS), None)
        elif kind == 4:
            rows[at] = value(rng)
        elif kind == 5:
            rows.insert(at, rows[at])
        elif kind == 6 and rng.random() < 0.2:
            payload = value(rng)
        elif kind == 7 and isinstance(rows[at], dict):
            rows[at]["E"] = rng.choice((None, 0, -1, "x", 5e18, 1.5, "1617400000000"))
    frame = bytearray(json.dumps({"stream": "!miniTicker@arr", "data": payload}).encode())
    if rng.random() < 0.05:
        for _ in range(rng.randrange(1, 4)):
            frame[rng.randrange(len(frame))] = rng.randrange(256)
    if rng.random() < 0.02:
        del frame[rng.randrange(len(frame)) :]
    return bytes(frame)


def mutate_run(arrays: list[list[dict[str, Any]]], count: int, seed: int) -> Told:
    """Read `count` mutated frames. Raises whatever the reader raises, and AssertionError on a number that is not
    finite.
    """
    rng = random.Random(seed)
    reader = FrameReader(lambda symbol: symbol.isascii())
    told = Told()
    for number in range(count):
        reading = reader.read(mutate(arrays[number % len(arrays)], rng), NOW + number)
        told.frames += 1
        told.published += reading.event is not None
        told.dirty += reading.event is None and reading.dirt is not None
        told.filtered += reading.filtered
        told.control += reading.control is not None or reading.shutdown
        if reading.tickers is not None:
            told.rows += reading.tickers.read
            told.rows_kept += len(reading.tickers.rows)
            told.rows_dropped += reading.tickers.dropped
            told.rows_repaired += reading.tickers.repaired
            told.rows_filtered += reading.tickers.filtered
        if isinstance(reading.event, Tickers):
            encoded = encode_event(reading.event)
            assert b"null" not in encoded, encoded
            for row in reading.event.rows:
                assert row[2] > 0.0, row
                assert math.isfinite(math.fsum(row[1:])), row
    return told


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--candles", type=Path, required=True, help="Parquet with symbol, ts_ms, open, high, low, close, volume"
    )
    chosen = parser.parse_args()
    started = time.perf_counter()
    told = mutate_run(derived_arrays(pl.read_parquet(chosen.candles), 100, 12), chosen.count, chosen.seed)
    print(msgspec.json.encode(told).decode(), f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
