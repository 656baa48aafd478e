"""Compile every kernel of the desk before the first real event, so that none waits seconds for a compiler."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bytewax.testing import run_main

from contracts import events
from contracts.events import encode_event
from contracts.settings import Settings, load_settings
from flows.desk import build
from flows.wiring.sinks import Collected, CollectFacts
from flows.wiring.sources import Replay
from flows.wiring.steps import Batch
from operators.slices import SECOND, ColumnBatch, RawBatch

START = 1_700_000_040 * SECOND  # any full minute


def warm_up(settings: Settings) -> None:
    """Send three minutes of a made-up market through a desk of these settings; what it writes is thrown away."""
    run_main(  # type: ignore[no-untyped-call]
        build(settings, Replay(sorted(settings.markets), _batches), CollectFacts(Collected()))
    )


def _batches(_market: str) -> Iterator[Batch]:
    log = list(_log())
    half = len(log) // 2
    yield RawBatch(np.arange(half, dtype=np.int64), log[:half])
    yield RawBatch(np.arange(half, len(log), dtype=np.int64), log[half:])
    zeros = np.zeros(1, dtype=np.float64)
    now = np.array([START + 200 * SECOND], dtype=np.int64)
    yield ColumnBatch(
        np.array([len(log)], dtype=np.int64), np.zeros(1, dtype=np.uint8), np.full(1, -1, dtype=np.int32), [], now, now,
        zeros, zeros.copy(), zeros.copy(), zeros.copy(), [],
    )  # fmt: skip


def _log() -> Iterator[bytes]:
    names = ["WARMUSDT", "COLDUSDT"]
    rows = [
        events.InstrumentRow(
            symbol=name, base=name[:-4], quote="USDT", status="TRADING", tick_size="0.0001", lot_size="0.001", min_notional="5"
        )
        for name in names
    ]
    yield encode_event(events.Instruments(ts_recv=START, rows=rows, complete=True))
    bars = [(START - (90 - m) * 60 * SECOND, 10.0, 10.1, 9.9, 10.0, 900.0, 9000.0, 9, 450.0) for m in range(90)]
    yield encode_event(events.Klines(ts_recv=START, symbol=names[0], interval="1m", rows=bars))
    minute = [(START - 60 * SECOND, 10.0, 10.1, 9.9, 10.0, 900.0, 9000.0, 9, 450.0)]
    yield encode_event(events.Klines(ts_recv=START, symbol=names[1], interval="1m", rows=minute, origin="stream"))
    for second in range(190):
        ts = START + second * SECOND
        price = 10.0 * (1.0 + 0.0005 * second)
        yield encode_event(events.Heartbeat(ts_recv=ts, sequence=second))
        yield encode_event(
            events.Trade(ts_recv=ts, symbol=names[0], price=price, quantity=100.0, side=1, trade_id=second, ts_event=ts)
        )
        yield encode_event(
            events.Quote(ts_recv=ts, symbol=names[0], bid=price - 0.001, ask=price + 0.001, bid_size=900.0, ask_size=900.0, ts_event=ts)
        )
        volume = 1e6 + 2e3 * second
        cells = (price, 10.0, 11.0, 9.0, volume / 10, volume)
        yield encode_event(events.Tickers(ts_recv=ts, rows=[(name, ts, *cells) for name in names]))


if __name__ == "__main__":
    warm_up(load_settings())
