"""A made-up market for benchmarks: trades in columns, with coins that are pumped on the way, so that the desk has work to do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from contracts import events
from contracts.events import encode_event
from operators.slices import F8, I8, MINUTE, SECOND, ColumnBatch, Kind

HISTORY = 60  # minutes of history before the first tick
START = 1_786_000_020 * SECOND


def names(symbols: int) -> list[str]:
    """B000USDT, B001USDT, ..."""
    return [f"B{number:03d}USDT" for number in range(symbols)]


def instruments(symbols: int) -> bytes:
    """Their trading rules, as the first event of the log."""
    rows = [
        events.InstrumentRow(
            symbol=name, base=name.removesuffix("USDT"), quote="USDT", status="TRADING", tick_size="0.0001", lot_size="0.001",
            min_quantity="0.001", min_notional="5",
        )
        for name in names(symbols)
    ]  # fmt: skip
    return encode_event(events.Instruments(ts_recv=START, rows=rows, complete=True))


def batches(
    *,
    symbols: int = 500,
    seconds: int = 1200,
    per_second: int = 1000,
    rows: int = 50_000,
    seed: int = 7,
    quotes: float = 0.3,
) -> Iterator[ColumnBatch]:
    """`seconds` x `per_second` ticks (part `quotes` of them quotes, the rest trades), a heartbeat each 250 ms, in batches of `rows`.

    Prices are random walks with one common factor; every 120 s another coin rises 8 % within four minutes on twentyfold volume and
    gives half of it back. Deterministic by seed.
    """
    rng = np.random.default_rng(seed)
    price = np.exp(rng.normal(1.0, 1.5, symbols))
    weight = rng.pareto(1.2, symbols) + 0.3
    volume = np.exp(rng.normal(7.0, 1.0, symbols)) / 10
    pumped_at = np.full(symbols, -(10**9))
    labels = names(symbols)
    yield _head(labels, price, volume * 40, rng)
    offset = symbols + 2
    trade_id = 1
    pending: list[ColumnBatch] = []
    held = 0
    for second in range(seconds):
        if second % 120 == 60:
            pumped_at[int(rng.integers(symbols))] = second
        since = second - pumped_at
        rising = (since >= 0) & (since < 240)
        falling = (since >= 240) & (since < 480)
        drift = np.where(rising, 0.08 / 240, np.where(falling, -0.04 / 240, 0.0))
        price = price * np.exp(drift + rng.normal(0.0, 0.00012) + rng.normal(0.0, 0.0002, symbols))
        rate = weight * np.where(rising, 12.0, np.where(falling, 4.0, 1.0))
        who = rng.choice(symbols, size=per_second, p=rate / rate.sum()).astype(np.int32)
        is_quote = rng.random(per_second) < quotes
        at = np.sort(rng.integers(0, SECOND, per_second)) + START + second * SECOND
        level = np.round(price[who] * np.exp(rng.normal(0.0, 0.0001, per_second)), 4)
        level = np.maximum(level, 0.0001)
        buys = rng.random(per_second) < np.where(rising[who], 0.7, 0.5)
        size = (
            np.round(volume[who] * np.where(rising[who], 3.0, 1.0) * rng.exponential(1.0, per_second) / level, 3)
            + 0.001
        )
        half = np.maximum(np.round(level * 0.0002, 4), 0.0001)
        kind = np.where(is_quote, Kind.QUOTE, Kind.TRADE).astype(np.uint8)
        v0 = np.where(is_quote, level - half + 0.0, level)
        v0 = np.where(is_quote, np.maximum(np.round(v0, 4), 0.0001), v0)
        v1 = np.where(is_quote, np.round(level + half, 4), size)
        v2 = np.where(is_quote, np.round(size * 8, 3), np.where(buys, 1.0, -1.0))
        v3 = np.where(is_quote, np.round(size * 8, 3), trade_id + np.arange(per_second))
        trade_id += per_second
        beats = START + second * SECOND + np.arange(4, dtype=np.int64) * (SECOND // 4) + 3_000_000
        recv = at + 3_000_000
        all_recv = np.concatenate([beats, recv])
        order = np.argsort(all_recv, kind="stable")
        count = per_second + 4
        pad = np.zeros(4)
        pending.append(
            ColumnBatch(
                offset=np.arange(offset, offset + count, dtype=np.int64),
                kind=np.concatenate([np.zeros(4, dtype=np.uint8), kind])[order],
                symbol=np.concatenate([np.full(4, -1, dtype=np.int32), who])[order],
                names=labels,
                ts_event=_times(beats, np.where(is_quote, recv, at), order),
                ts_recv=all_recv[order],
                v0=np.concatenate([pad + second, v0])[order],
                v1=np.concatenate([pad, v1])[order],
                v2=np.concatenate([pad, v2])[order],
                v3=np.concatenate([pad, v3])[order],
                payloads=[],
            )
        )
        offset += count
        held += count
        if held >= rows or second == seconds - 1:
            yield joined(pending)
            pending, held = [], 0


def _head(labels: list[str], price: F8, minute: F8, rng: np.random.Generator) -> ColumnBatch:
    """What a log begins with: trading rules, an hour of 1 m history per coin that ends at `price`, one ticker array.

    `minute` (S,) is the quote volume of a usual minute.
    """
    size = len(labels)
    payloads = [instruments(size)]
    opens = START - np.arange(HISTORY, 0, -1, dtype=np.int64) * MINUTE
    for number, label in enumerate(labels):
        steps = rng.normal(0.0, 0.0008, HISTORY)
        close = price[number] * np.exp(steps.cumsum() - steps.sum())
        begun = np.concatenate([close[:1], close[:-1]])
        high, low = np.maximum(begun, close) * 1.0003, np.minimum(begun, close) * 0.9997
        quote = minute[number] * rng.exponential(1.0, HISTORY)
        bars = zip(
            opens.tolist(), begun.tolist(), high.tolist(), low.tolist(), close.tolist(), (quote / close).tolist(), quote.tolist(),
            [30] * HISTORY, (quote / close / 2).tolist(), strict=True,
        )  # fmt: skip
        payloads.append(encode_event(events.Klines(ts_recv=START, symbol=label, interval="1m", rows=list(bars))))
    rare = size + 1
    rows = rare + size
    day = minute * 1440 + 5e6
    zeros = np.zeros(rare)
    return ColumnBatch(
        offset=np.concatenate([np.arange(rare, dtype=np.int64), np.full(size, rare, dtype=np.int64)]),
        kind=np.concatenate([np.full(rare, Kind.EVENT, dtype=np.uint8), np.full(size, Kind.TICKER, dtype=np.uint8)]),
        symbol=np.concatenate([[-1], np.arange(size), np.arange(size)]).astype(np.int32),
        names=labels,
        ts_event=np.full(rows, START, dtype=np.int64),
        ts_recv=np.full(rows, START, dtype=np.int64),
        v0=np.concatenate([np.arange(rare, dtype=np.float64), price]),
        v1=np.concatenate([zeros, day]),
        v2=np.concatenate([zeros, day / price]),
        v3=np.concatenate([zeros, price]),
        payloads=payloads,
    )


def _times(beats: I8, ticks: I8, order: I8) -> I8:
    times: I8 = np.concatenate([beats, ticks])[order]
    return times


def joined(parts: list[ColumnBatch]) -> ColumnBatch:
    """Batches of the same names as one; none of them may hold EVENT rows."""
    columns = ("offset", "kind", "symbol", "ts_event", "ts_recv", "v0", "v1", "v2", "v3")
    values = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return ColumnBatch(names=parts[0].names, payloads=[], **values)


def messages(batch: ColumnBatch) -> Iterator[bytes]:
    """The batch as the messages of the log."""
    encode = encode_event
    columns = (batch.kind, batch.symbol, batch.ts_event, batch.ts_recv, batch.v0, batch.v1, batch.v2, batch.v3)
    array: list[tuple[str, int, float, float, float, float, float, float]] = []
    for kind, symbol, ts_event, ts_recv, v0, v1, v2, v3 in zip(*(column.tolist() for column in columns), strict=True):
        if kind == Kind.TICKER:  # all of them are one array, the batch's last message
            array.append((batch.names[symbol], ts_event, v0, v3, v0, v0, v2, v1))
            continue
        if kind == Kind.TRADE:
            yield encode(
                events.Trade(
                    ts_recv=ts_recv,
                    symbol=batch.names[symbol],
                    price=v0,
                    quantity=v1,
                    side=1 if v2 > 0 else -1,
                    trade_id=int(v3),
                    ts_event=ts_event,
                )
            )  # fmt: skip
        elif kind == Kind.QUOTE:
            yield encode(
                events.Quote(
                    ts_recv=ts_recv,
                    symbol=batch.names[symbol],
                    bid=v0,
                    ask=v1,
                    bid_size=v2,
                    ask_size=v3,
                    ts_event=ts_event,
                )
            )
        elif kind == Kind.HEARTBEAT:
            yield encode(events.Heartbeat(ts_recv=ts_recv, sequence=int(v0)))
        else:
            yield batch.payloads[int(v0)]
    if array:
        yield encode_event(events.Tickers(ts_recv=int(batch.ts_recv[-1]), rows=array))
