"""What the desk itself says of candles: the raw ranking score of each bar and its own alarms.

The operators are the desk's: freshness and candidates. They are shown the last second of every minute, which is when a bar's score is
defined; live they look each second. A coin whose bar is missing is as old as its last one, so one that trades no more rings nothing.
"""

from __future__ import annotations

import msgspec
import numpy as np

from contracts.facts import Alert, DiscoveryAlarm
from contracts.settings import DeskSettings
from flows.candle_source import POINTS_NS
from flows.discovery_measure.candles import BAR_MS, Panel
from operators.candidates import Candidates
from operators.freshness import FreshnessGate
from operators.slices import MINUTE, SECOND, AnomalyBlock, FrameBlock, Slice, Ticks

CHUNK = 1440
LAST_PRICE_NS = MINUTE - POINTS_NS[-1]  # from a bar's last price to its end, as in a log made of candles


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """score (T, S), NaN where not ranked; alarms (N, 2) of bar and symbol in order of time, prices (N,); threshold (T,).

    `listings` maps each symbol that was reported as a new listing to the bar whose end reported it.
    """

    score: np.ndarray
    alarms: np.ndarray
    prices: np.ndarray
    threshold: np.ndarray
    listings: dict[str, int] = {}


def run_program(panel: Panel, settings: DeskSettings) -> Program:
    """Send the panel's bars through the freshness and candidates steps."""
    gate, step = FreshnessGate(settings), Candidates(settings)
    gate_state, state = gate.start(), step.start()
    score = np.full(panel.close.shape, np.nan)
    threshold = np.full(panel.bars, np.nan)
    number = {symbol: column for column, symbol in enumerate(panel.symbols)}
    alarms: list[tuple[int, int]] = []
    prices: list[float] = []
    listings: dict[str, int] = {}
    volume_24h = rolling_quote_volume(panel)
    age_ms, heard_ns = bar_ages(panel)
    for first in range(0, panel.bars, CHUNK):
        until = min(first + CHUNK, panel.bars)
        piece = _piece(panel, volume_24h, age_ms, heard_ns, first, until)
        gate.step(gate_state, piece)
        step.step(state, piece)
        assert piece.pool is not None
        raw = piece.pool.raw
        score[first:until] = np.where(raw > -np.inf, raw, np.nan)
        threshold[first:until] = piece.pool.threshold
        for placed in piece.facts:
            fact = placed.fact
            if isinstance(fact, DiscoveryAlarm):
                bar = (fact.ts_event // 1_000_000 - int(panel.open_ms[0])) // BAR_MS - 1
                alarms.append((bar, number[fact.symbol]))
                prices.append(fact.price)
            elif isinstance(fact, Alert) and fact.code == "NEW_LISTING":
                listings[fact.symbol] = (fact.ts_event // 1_000_000 - int(panel.open_ms[0])) // BAR_MS - 1
    return Program(
        score=score,
        alarms=np.array(alarms, dtype=np.int64).reshape(-1, 2),
        prices=np.array(prices),
        threshold=threshold,
        listings=listings,
    )


def rolling_quote_volume(panel: Panel) -> np.ndarray:
    """Return the quote currency traded in the last 24 hours, (T, S); scaled up to a day while less than one is known."""
    traded = panel.volume * panel.close
    traded = np.where(np.isnan(traded), 0.0, traded)
    total = np.vstack([np.zeros((1, traded.shape[1])), np.cumsum(traded, axis=0)])
    bar = np.arange(panel.bars)
    since = np.maximum(bar - 1439, 0)
    out: np.ndarray = (total[1:] - total[since]) * (1440.0 / (bar - since + 1))[:, None]
    return out


def bar_ages(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Return at each bar's end the age of a symbol's last price (T, S) in ms, infinite before its first, and when any came (T,) in ns."""
    bar = np.arange(panel.bars)
    newest = np.maximum.accumulate(np.where(panel.present, bar[:, None], -1), axis=0)
    age = np.where(newest >= 0, (bar[:, None] - newest) * BAR_MS + LAST_PRICE_NS / 1e6, np.inf)
    ends = panel.open_ms + (newest.max(axis=1) - bar + 1) * BAR_MS
    return age, ends * 1_000_000 - LAST_PRICE_NS


def _piece(
    panel: Panel, volume_24h: np.ndarray, age_ms: np.ndarray, heard_ns: np.ndarray, first: int, until: int
) -> Slice:
    """Wrap bars [first, until) as frames of their last seconds."""
    span = slice(first, until)
    count = until - first
    close = np.ascontiguousarray(panel.close[span])
    zeros = np.zeros(close.shape)
    unknown = np.full(close.shape, np.nan)
    rows = np.arange(count)
    ts_open = panel.open_ms[span] * 1_000_000 + 59 * SECOND
    nothing = np.zeros(count)
    frames = FrameBlock(
        ts_open=ts_open, row=rows, offset=np.arange(first, until), restart=np.zeros(count, dtype=np.bool_), open=close,
        high=close, low=close, close=close, volume=zeros, quote_volume=zeros, buy_volume=zeros, trades=zeros,
        updates=panel.present[span].astype(np.float64), bid=unknown, ask=unknown, bid_size=unknown, ask_size=unknown,
        quote_volume_24h=np.ascontiguousarray(volume_24h[span]), open_24h=close, age_ms=age_ms[span], minute_open=close,
        minute_high=close, minute_low=close, minute_volume=zeros, minute_quote_volume=zeros, minute_trades=zeros,
        ts_recv=ts_open + SECOND, feed_recv=heard_ns[span], lag_ms=nothing, skew_ms=nothing,
    )  # fmt: skip
    ticks = Ticks(
        offset=rows, kind=np.zeros(count, dtype=np.uint8), symbol=np.full(count, -1, dtype=np.int32), ts_event=ts_open,
        ts_recv=ts_open, v0=nothing, v1=nothing, v2=nothing, v3=nothing,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        log_close = np.log(close)
    return Slice(
        market="measure", partition=0, settings_hash="", model_hash="", symbols=list(panel.symbols),
        width=len(panel.symbols), ticks=ticks, events=[], frames=frames,
        anomaly=AnomalyBlock(log_close, unknown, unknown.copy(), unknown.copy()),
    )  # fmt: skip
