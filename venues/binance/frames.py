"""Frames of the market streams, raw or combined: bytes in, an event of the log out, or dirt with its reason.

    {"stream": "btcusdt@trade", "data": {...}}      combined: `/stream?streams=...`
    {...}  or  [...]                                raw: `/ws/...`
    {"result": null, "id": 1}, {"error": ...}       answers to SUBSCRIBE and its like

Every frame has exactly one fate: an event, a control answer, a shutdown notice, filtered (nothing of our market in
it), or dirt. Understood are trades, aggregate trades, best quotes, depth (changes and top levels), klines and
tickers, spot's and USD-M's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from contracts.events import Depth, Klines, LogEvent, Quote, Tickers, Trade
from venues.binance.endpoints import TICKERS
from venues.binance.tickers import MAX_DIRT, Dirt, TickerReader, TickerReading
from venues.binance.times import nanos
from venues.binance.wire import (
    ABSENT,
    Envelope,
    decode_agg_trade,
    decode_book_ticker,
    decode_depth_top,
    decode_depth_update,
    decode_envelope,
    decode_kline_update,
    decode_trade,
)

REMEMBERED_STREAMS = 20_000
NO_JSON = "unreadable"
CONTROL = "control"


class Control(NamedTuple):
    """An answer to one of our requests. `error` is empty where it was granted."""

    id: int | str | None
    error: str


class Reading(NamedTuple):
    """One frame, read. `stream` names its kind for the counters, not the symbol. `sequence` orders messages of one
    symbol and kind.

    Exactly one of event, control, shutdown, filtered or (with `event` None) dirt holds; an event of tickers may
    carry dirt beside it.
    """

    stream: str
    event: LogEvent | None = None
    dirt: Dirt | None = None
    control: Control | None = None
    shutdown: bool = False
    filtered: bool = False
    sequence: int = 0
    tickers: TickerReading | None = None


BY_EVENT = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "depthUpdate": "depth",
    "kline": "kline",
    "24hrMiniTicker": "miniTicker",
    "24hrTicker": "ticker",
    "serverShutdown": "serverShutdown",
}


class FrameReader:
    """Read frames of one market. `keeps` filters the whole-market tickers; streams of single symbols were asked for,
    and stay.
    """

    def __init__(self, keeps: Callable[[str], bool]) -> None:
        self.tickers = TickerReader(keeps)
        self._streams: dict[str, tuple[str, str]] = {}

    def read(self, frame: bytes, ts_recv: int) -> Reading:
        """Read one frame received at `ts_recv`. Never raises: what cannot be read comes back as dirt."""
        try:
            if frame[:1] == b"[":
                return self._tickers(TICKERS, frame, ts_recv)
            envelope = decode_envelope(frame)
            if envelope.stream and envelope.data is not ABSENT:
                return self._payload(envelope.stream, envelope.data, ts_recv)
            return self._bare(envelope, frame, ts_recv)
        except (ValueError, RecursionError) as e:
            return self._dirty(frame, ts_recv, e)

    def _payload(self, stream: str, data: msgspec.Raw, ts_recv: int) -> Reading:
        kind, symbol = self._streams.get(stream) or self._learn(stream)
        try:
            return self._kind(kind, symbol, data, ts_recv)
        except (ValueError, RecursionError) as e:
            return Reading(kind, dirt=Dirt(f"{kind}: {str(e)[:160]}", bytes(data)[:MAX_DIRT]))

    def _bare(self, envelope: Envelope, frame: bytes, ts_recv: int) -> Reading:
        answered = envelope.id
        if envelope.error is not ABSENT or envelope.result is not ABSENT or answered is not msgspec.UNSET:
            error = bytes(envelope.error).decode(errors="replace")[:200]
            return Reading(CONTROL, control=Control(None if answered is msgspec.UNSET else answered, error))
        kind = BY_EVENT.get(envelope.e, "bookTicker" if envelope.u is not ABSENT and not envelope.e else "")
        if not kind:
            return Reading(NO_JSON, dirt=Dirt("neither stream, event type nor answer", frame[:MAX_DIRT]))
        try:
            return self._kind(kind, "", frame, ts_recv)
        except (ValueError, RecursionError) as e:
            return Reading(kind, dirt=Dirt(f"{kind}: {str(e)[:160]}", frame[:MAX_DIRT]))

    def _kind(self, kind: str, symbol: str, data: msgspec.Raw | bytes, ts_recv: int) -> Reading:
        if kind == "trade":
            t = decode_trade(data)
            side: Literal[1, -1] = -1 if t.m else 1  # the buyer was the maker: the aggressor sold
            trade = Trade(
                ts_recv=ts_recv, symbol=t.s, price=t.p, quantity=t.q, side=side, trade_id=t.t, ts_event=nanos(t.T)
            )
            return Reading(kind, trade, sequence=t.t)
        if kind == "bookTicker":
            b = decode_book_ticker(data)
            stamp = b.T or b.E  # spot has neither
            quote = Quote(
                ts_recv=ts_recv,
                symbol=b.s,
                bid=b.b,
                ask=b.a,
                bid_size=b.B,
                ask_size=b.A,
                ts_event=ts_recv if stamp is None else nanos(stamp),
            )
            return Reading(kind, quote, sequence=b.u)
        if kind == TICKERS:
            return self._tickers(kind, data, ts_recv)
        if kind == "aggTrade":
            g = decode_agg_trade(data)
            side = -1 if g.m else 1
            trade = Trade(
                ts_recv=ts_recv, symbol=g.s, price=g.p, quantity=g.q, side=side, trade_id=g.a, ts_event=nanos(g.T)
            )
            return Reading(kind, trade, sequence=g.a)
        if kind == "depth":
            d = decode_depth_update(data)
            depth = Depth(
                ts_recv=ts_recv,
                symbol=d.s,
                bids=d.b,
                asks=d.a,
                first_update_id=d.U,
                last_update_id=d.u,
                ts_event=nanos(d.E),
            )
            return Reading(kind, depth, sequence=d.u)
        if kind == "kline":
            update = decode_kline_update(data)
            k = update.k
            row = (nanos(k.t), k.o, k.h, k.l, k.c, k.v, k.q, k.n, k.V)
            klines = Klines(ts_recv=ts_recv, symbol=update.s, interval=k.i, rows=[row], closed=k.x, origin="stream")
            return Reading(kind, klines, sequence=update.E)
        if kind in {"miniTicker", "ticker"}:
            return self._tickers(kind, b"[" + bytes(data) + b"]", ts_recv)
        if kind == "depthTop":
            top = decode_depth_top(data)
            depth = Depth(
                ts_recv=ts_recv,
                symbol=symbol,
                bids=top.bids,
                asks=top.asks,
                first_update_id=top.lastUpdateId,
                last_update_id=top.lastUpdateId,
                snapshot=True,
                ts_event=ts_recv,
            )
            return Reading(kind, depth, sequence=top.lastUpdateId)
        if kind == "serverShutdown":
            return Reading(CONTROL, shutdown=True)
        return Reading("other", dirt=Dirt(f"a stream we do not read: {kind}", bytes(data)[:MAX_DIRT]))

    def _tickers(self, kind: str, data: msgspec.Raw | bytes, ts_recv: int) -> Reading:
        return _ticker_reading(kind, self.tickers.read(data, ts_recv), ts_recv)

    def _dirty(self, frame: bytes, ts_recv: int, error: BaseException) -> Reading:
        """A frame msgspec refuses may still be tickers with a bare NaN in one row."""
        try:
            loose = json.loads(frame)
        except (ValueError, RecursionError):
            return Reading(NO_JSON, dirt=Dirt(f"no JSON: {str(error)[:160]}", frame[:MAX_DIRT]))
        if isinstance(loose, dict) and loose.get("stream") == TICKERS:
            read = self.tickers.read_items(loose.get("data"), frame, ts_recv)
            return _ticker_reading(TICKERS, read, ts_recv)
        return Reading(NO_JSON, dirt=Dirt(f"not a frame: {str(error)[:160]}", frame[:MAX_DIRT]))

    def _learn(self, stream: str) -> tuple[str, str]:
        if len(self._streams) >= REMEMBERED_STREAMS:
            self._streams.clear()
        self._streams[stream] = read = split_stream(stream)
        return read


def split_stream(stream: str) -> tuple[str, str]:
    """Kind and symbol of a stream's name.

    >>> split_stream("btcusdt@depth@100ms"), split_stream("btcusdt@depth20"), split_stream("!miniTicker@arr")
    (('depth', 'BTCUSDT'), ('depthTop', 'BTCUSDT'), ('!miniTicker@arr', ''))
    """
    if stream.startswith("!"):
        return ("serverShutdown" if stream == "!serverShutdown" else stream[:40]), ""
    symbol, _, rest = stream.partition("@")
    kind = rest.partition("@")[0]
    if kind.startswith("kline_"):
        kind = "kline"
    elif kind in {"depth5", "depth10", "depth20"}:
        kind = "depthTop"
    return kind[:40], symbol.upper()[:40]


def _ticker_reading(kind: str, read: TickerReading, ts_recv: int) -> Reading:
    if read.rows:
        event = Tickers(ts_recv=ts_recv, rows=read.rows)
        return Reading(kind, event, dirt=read.dirt, sequence=read.newest, tickers=read)
    return Reading(kind, dirt=read.dirt, filtered=read.dirt is None, tickers=read)
