"""Seconds out of minutes: detail for candles that were drawn as minutes."""

from __future__ import annotations

import numpy as np

from venues.simulated.bars import BUY_QUOTE, BUY_VOLUME, CLOSE, COLUMNS, COUNT, FIRST_ID, HIGH, LOW, OPEN, QUOTE, VOLUME
from venues.simulated.universe import Ints


def split_minute(bar: Ints, row: int, minute: int) -> Ints:
    """Cut a minute bar (COLUMNS,) into sixty (60, COLUMNS) that add up to it."""
    out = np.zeros((60, COLUMNS), dtype=np.int64)
    out[:, OPEN : CLOSE + 1] = bar[CLOSE]
    out[:, FIRST_ID] = -1
    count = int(bar[COUNT])
    if count == 0:
        return out
    rng = np.random.default_rng([row, minute])
    when = np.sort(rng.integers(0, 60, count)) if count < 5000 else np.sort(rng.integers(0, 60, 5000))
    turn = np.sort(rng.choice(60, 2, replace=False))
    peaks = (bar[HIGH], bar[LOW]) if rng.random() < 0.5 else (bar[LOW], bar[HIGH])
    path = np.rint(np.interp(np.arange(61), [0, turn[0] + 0.5, turn[1] + 0.7, 60], [bar[OPEN], *peaks, bar[CLOSE]]))
    path = path.astype(np.int64)
    share = np.bincount(when, minlength=60)
    shares = share / share.sum()
    out[:, OPEN], out[:, CLOSE] = path[:-1], path[1:]
    out[:, HIGH], out[:, LOW] = np.maximum(path[:-1], path[1:]), np.minimum(path[:-1], path[1:])
    out[turn[0], HIGH], out[turn[0], LOW] = max(out[turn[0], HIGH], peaks[0]), min(out[turn[0], LOW], peaks[0])
    out[turn[1], HIGH], out[turn[1], LOW] = max(out[turn[1], HIGH], peaks[1]), min(out[turn[1], LOW], peaks[1])
    for column in (VOLUME, QUOTE, COUNT, BUY_VOLUME, BUY_QUOTE):
        out[:, column] = np.diff(np.rint(np.concatenate([[0.0], np.cumsum(shares)]) * float(bar[column]))).astype(
            np.int64
        )
        out[-1, column] += bar[column] - out[:, column].sum()
    ids = bar[FIRST_ID] + np.cumsum(out[:, COUNT]) - out[:, COUNT]
    out[:, FIRST_ID] = np.where(out[:, COUNT] > 0, ids, -1)
    return out
