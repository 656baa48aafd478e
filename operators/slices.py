"""What flows through the desk: a `Slice`, consecutive events of one market, with what each step concluded.

Ticks are columns, symbols small integers in order of first appearance on the log. Every event is one row, so that kernels walk
the log in its own order: heartbeats and rare events are rows as well (`Kind`). Closed seconds are (F, S) blocks: F frames closed within
this slice, S = `len(piece.symbols)` symbols known at its end; a symbol not seen yet has NaN prices and zero volume.
A block's arrays belong to its slice: steps never write into another slice's arrays and never keep references without copying.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from contracts.events import Event
from contracts.facts import DeadLetter, DecisionPacket, Fact

F8 = npt.NDArray[np.float64]
F4 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int64]
I4 = npt.NDArray[np.int32]
U1 = npt.NDArray[np.uint8]
B1 = npt.NDArray[np.bool_]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


class Kind(IntEnum):
    """What a row is, and what its four values mean."""

    HEARTBEAT = 0  # -
    TRADE = 1  # price, quantity, side (+1 aggressor bought, -1 sold), trade id
    QUOTE = 2  # bid, ask, bid size, ask size
    TICKER = 3  # close, quote volume 24 h, base volume 24 h, open 24 h ago
    EVENT = 4  # index into `Slice.events`, 0, 0, 0


@dataclass(slots=True)
class Ticks:
    """N rows of the log in its order. `symbol` is -1 for rows without one."""

    offset: I8
    kind: U1
    symbol: I4
    ts_event: I8
    ts_recv: I8
    v0: F8
    v1: F8
    v2: F8
    v3: F8

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(slots=True)
class RawBatch:
    """Consecutive messages of one partition as they came: what the cut step reads live."""

    offsets: I8
    values: list[bytes]


@dataclass(slots=True)
class ColumnBatch:
    """The same range of the log already in columns (archive, derived candles): what the cut step reads in a replay.

    Rows are in log order; rows of one message share its offset and are never split over two batches. `symbol` indexes `names`
    (this batch's own list, any order; -1 for none). Rows of kind EVENT carry their JSON: `payloads[int(v0)]`. v0..v3 as in `Kind`.
    """

    offset: I8
    kind: U1
    symbol: I4
    names: list[str]
    ts_event: I8
    ts_recv: I8
    v0: F8
    v1: F8
    v2: F8
    v3: F8
    payloads: list[bytes]


@dataclass(slots=True)
class FrameBlock:
    """F seconds that closed in this slice, oldest first. Second f is [ts_open[f], ts_open[f] + 1 s).

    `row[f]` is the tick row that closed it (the first whose time lies beyond): what is concluded of frame f acts from there
    on, before row `row[f]` itself is applied. `offset[f]` is that row's log offset. `restart[f]` is True where seconds are
    missing before this one (a gap longer than allowed): windows start anew.
    All (F, S): prices NaN until a symbol's first price, then carried; volumes are of this second only.
    """

    ts_open: I8
    row: I8
    offset: I8
    restart: B1
    open: F8
    high: F8
    low: F8
    close: F8
    volume: F8  # base
    quote_volume: F8
    buy_volume: F8  # quote volume whose aggressor bought, where trades are streamed, else 0
    trades: F8  # count where trades are streamed, else 0
    updates: F8  # prices seen in this second, from any stream; 0 means carried
    bid: F8  # NaN where no quotes are streamed
    ask: F8
    bid_size: F8
    ask_size: F8
    quote_volume_24h: F8  # the venue's figure, NaN until seen
    open_24h: F8
    age_ms: F8  # since the symbol's last price, in event time, at the frame's close; inf if never
    minute_open: (
        F8  # the forming minute up to and including this second (complete at its 60th); NaN before its first price
    )
    minute_high: F8
    minute_low: F8
    minute_volume: F8  # base
    minute_quote_volume: F8
    minute_trades: F8
    ts_recv: I8  # (F,) receive time of the closing row
    feed_recv: I8  # (F,) receive time of the newest trade or ticker before it, 0 if none
    lag_ms: F8  # (F,) newest trade or ticker: event to receipt, skew removed
    skew_ms: F8  # (F,) receive clock minus the venue's, at its least over the last window

    def __len__(self) -> int:
        return len(self.ts_open)

    def most(self, rest_s: int) -> int:
        """How often at most something can happen in these frames that then rests for so many seconds; frames need not be consecutive."""
        if not len(self):
            return 0
        seconds = int(self.ts_open.max() - self.ts_open.min()) // SECOND
        return min(len(self), seconds // max(rest_s, 1) + 1)


@dataclass(slots=True)
class BarBlock:
    """Bars of one interval (60, 300, 900, 3600 s...) closed in this slice: B closings, oldest first, (B, S) columns.

    `frame[b]` is the index of the frame that completed it, -1 for bars that came as history before any frame.
    `complete[b, s]` is False where the symbol was not followed for the whole window (started, gap): shape right, content partial.
    """

    seconds: int
    ts_open: I8
    frame: I8
    open: F8
    high: F8
    low: F8
    close: F8
    volume: F8
    quote_volume: F8
    trades: F8
    complete: B1

    def __len__(self) -> int:
        return len(self.ts_open)


@dataclass(slots=True)
class HistoryBars:
    """Closed bars of one symbol that came from the venue's history (`Klines` event at tick row `row`): arrays of equal length."""

    row: int
    symbol: int
    seconds: int
    ts_open: I8
    open: F8
    high: F8
    low: F8
    close: F8
    volume: F8
    quote_volume: F8
    trades: F8


@dataclass(slots=True)
class Freshness:
    """Per frame: may this market, this coin be trusted now?

    status (F,): 0 fresh, 1 stale, 2 lost (whole market); ticker_age_ms (F,); lag_ms (F,) exchange to receipt, skew removed;
    skew_ms (F,) the skew itself; symbol_ok (F, S).
    """

    status: U1
    ticker_age_ms: F8
    lag_ms: F8
    skew_ms: F8
    symbol_ok: B1


@dataclass(slots=True)
class AnomalyBlock:
    """Per frame, (F, S): log_close; surge, ln of the 5-minute quote volume over the coin's own hourly median; changes as log returns.

    In the first minutes surge is that of 1 minute, and candidates completes the changes from the closes of whole minutes. NaN where
    not known yet.
    """

    log_close: F8
    surge: F8
    change_1m: F8
    change_5m: F8


@dataclass(slots=True)
class PoolBlock:
    """Per frame: ranking and life cycle.

    raw (F, S) the ranking score, -inf where not ranked; near (F, S) log distance to the 24 h high, <= 0; span (F, S) 24 h log range;
    threshold (F,) the alarm threshold in force; stage (F, S) codes of `candidates.Stage`; failed (F, S) codes of
    `candidates.Filter`, 0 passed;
    since (F, S) when the stage was entered, ns; moves: (frame, symbol, before, after, trigger) of each change; first_seen (S,) the
    second a listing was first seen, 0 for coins that were there before us, -1 for those not seen yet.
    """

    raw: F8
    near: F8
    span: F8
    threshold: F8
    stage: U1
    failed: U1
    since: I8
    first_seen: I8
    moves: list[tuple[int, int, int, int, int]]


@dataclass(slots=True)
class HeatBlock:
    """Per frame: how hot is each coin?

    scores (F, 6, S) 0..100 in the order volume, momentum, volatility, liquidity, social, novelty; total (F, S) 0..100; raw (F, S) the
    ranking score (any unit, higher is hotter, -inf where not ranked); stage (F, S) codes of `candidates.Stage`; top (F, K) symbol ids,
    hottest first, -1 padded; passed (F, S) whether all filters let the coin through.
    """

    scores: F4
    total: F8
    raw: F8
    stage: U1
    top: I4
    passed: B1


@dataclass(slots=True)
class IndicatorBlock:
    """Indicators at the close of the bars [ts_open, + seconds) that frame `frame` completed.

    values (K, S) in the order of `facts.INDICATORS`, NaN while one warms up; took (S,) which symbols have that bar.
    """

    frame: int
    seconds: int
    ts_open: int
    took: B1
    values: F8


@dataclass(slots=True)
class Decided:
    """A decision and the frame after which it may act."""

    frame: int
    symbol: int
    packet: DecisionPacket


@dataclass(slots=True)
class Placed:
    """A fact with its place in the slice: facts leave ordered by (row, rank of the step, order of adding)."""

    row: int
    rank: int
    fact: Fact | DeadLetter


@dataclass(slots=True)
class Slice:
    """Consecutive events of one market and what the steps concluded of them."""

    market: str
    partition: int
    settings_hash: str
    model_hash: str
    symbols: list[str]  # shared and append-only: read up to `width`
    width: int  # symbols known at the end of this slice
    ticks: Ticks
    events: list[Event]  # of the EVENT rows
    frames: FrameBlock | None = None
    bars: dict[int, BarBlock] = field(default_factory=dict)  # by seconds
    partial: list[tuple[int, F8]] = field(
        default_factory=list
    )  # see `frame.Frame`: windows in progress at a minute's close
    history: list[HistoryBars] = field(default_factory=list)
    freshness: Freshness | None = None
    anomaly: AnomalyBlock | None = None
    pool: PoolBlock | None = None
    heat: HeatBlock | None = None
    groups: list[list[str]] | None = None  # per frame, per symbol: name of its correlation group, "" if none
    sectors: list[str] | None = None  # per symbol: its sector, "" if none
    consensus: F8 | None = None  # (F, S) -1..1, what decide concluded; NaN where a coin was not evaluated
    indicators: list[IndicatorBlock] = field(default_factory=list)  # of closed bars, oldest first
    decisions: list[Decided] = field(default_factory=list)
    facts: list[Placed] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def add(self, row: int, rank: int, fact: Fact | DeadLetter) -> None:
        """Append a fact that follows from tick row `row` (for frames: `frames.row[f]`)."""
        self.facts.append(Placed(row, rank, fact))
