"""Episodes: what there was to be found, judged by bar closes after the fact.

An episode of tier R is confirmed by the first bar whose close is at least (1 + R) times the lowest close of the 60
minutes before it, counting only bars since the end of that symbol's previous episode. The low is that lowest close (the
latest if tied), the peak the highest close (the first if tied) until the end: half of the rise given back, 60 minutes
without a new peak, 240 minutes after the low, or the end of the data. The next low may not lie before that end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from flows.discovery_measure.candles import Panel
from operators.jit import kernel

LOOKBACK: Final = 60
"""Bars before the confirm bar in which the low is sought."""
STALL: Final = 60
"""Bars without a new peak after which an episode has ended."""
LONGEST: Final = 240
"""Bars after the low at which an episode ends in any case."""
GIVE_BACK: Final = 0.5
"""Part of the rise that, once given back, ends an episode."""
WARMUP: Final = 60
"""Bars at the start of the data whose lows are not scored."""
LONGEST_GAP: Final = 5
"""Missing bars between low and confirm bar above which an episode is not scored."""
LEAST_NOTIONAL: Final = 250_000.0
"""Quote currency traded from low to peak below which an episode is not scored."""
LEAST_TRADED_BARS: Final = 2
"""Bars with trades from low to peak below which an episode is not scored."""
MARKET_RISE: Final = 0.05
"""Rise of the median symbol from low to peak at which the episode is the market's, not the coin's."""

SCORED: Final = "ok"
KINDS: Final = (SCORED, "warmup", "gap", "illiquid", "listing", "market", "recovery")


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One rise of one symbol. Bars are indices into the panel; `kind` is `ok` when scored, else why not."""

    symbol: int
    low: int
    confirm: int
    peak: int
    end: int
    low_price: float
    peak_price: float
    market: float
    kind: str

    @property
    def rise(self) -> float:
        """Peak over low, minus 1."""
        return self.peak_price / self.low_price - 1.0

    @property
    def minutes(self) -> int:
        """Minutes from low to peak."""
        return self.peak - self.low

    @property
    def scored(self) -> bool:
        """Whether the episode counts."""
        return self.kind == SCORED


@kernel
def _scan(close: np.ndarray, first: int, tier: float, out: np.ndarray) -> int:
    """Fill `out` (N, 4) with low, confirm, peak, end of each rise in one symbol's closes; return how many."""
    bars = close.shape[0]
    count = 0
    since = first
    t = first + 1
    while t < bars:
        begin = max(since, t - LOOKBACK)
        if begin >= t:
            t += 1
            continue
        low = begin
        for i in range(begin, t):
            if close[i] <= close[low]:
                low = i
        if close[t] < (1.0 + tier) * close[low]:
            t += 1
            continue
        peak = t
        end = bars - 1
        for i in range(t, bars):
            if close[i] > close[peak]:
                peak = i
            given_back = close[i] <= close[peak] - GIVE_BACK * (close[peak] - close[low])
            if given_back or i - peak >= STALL or i - low >= LONGEST:
                end = i
                break
        out[count, 0] = low
        out[count, 1] = t
        out[count, 2] = peak
        out[count, 3] = end
        count += 1
        since = end
        t = max(end + 1, t + 1)
    return count


def find_episodes(panel: Panel, tier: float) -> list[Episode]:
    """Return every episode of the tier in the panel, by symbol and time, each with its kind."""
    found: list[Episode] = []
    rows = np.empty((panel.close.shape[0], 4), dtype=np.int64)
    for symbol in range(len(panel.symbols)):
        first = int(panel.first[symbol])
        if first >= panel.close.shape[0]:
            continue
        closes = np.ascontiguousarray(panel.close[:, symbol])
        for low, confirm, peak, end in rows[: _scan(closes, first, tier, rows)].tolist():
            market = _median_rise(panel, low, peak)
            found.append(
                Episode(
                    symbol=symbol,
                    low=low,
                    confirm=confirm,
                    peak=peak,
                    end=end,
                    low_price=float(closes[low]),
                    peak_price=float(closes[peak]),
                    market=market,
                    kind=_kind(panel, symbol, closes, low, confirm, peak, tier, market),
                )
            )
    return found


def _median_rise(panel: Panel, low: int, peak: int) -> float:
    """Return the median symbol's rise from bar `low` to bar `peak`, over symbols listed at both."""
    ratio = panel.close[peak] / panel.close[low] - 1.0
    return float(np.nanmedian(ratio))


def _kind(
    panel: Panel, symbol: int, closes: np.ndarray, low: int, confirm: int, peak: int, tier: float, market: float
) -> str:
    """Name the first rule that keeps the episode from being scored, or `ok`."""
    if low < WARMUP:
        return "warmup"
    if int((~panel.present[low : confirm + 1, symbol]).sum()) > LONGEST_GAP:
        return "gap"
    span = slice(low, peak + 1)
    notional = np.nansum(panel.volume[span, symbol] * panel.close[span, symbol])
    if notional < LEAST_NOTIONAL or int((panel.volume[span, symbol] > 0).sum()) < LEAST_TRADED_BARS:
        return "illiquid"
    first = int(panel.first[symbol])
    if first > 0 and low - first < LOOKBACK:
        return "listing"
    if market >= MARKET_RISE:
        return "market"
    before = closes[max(first, low - LOOKBACK) : low]
    if before.size and closes[peak] < before.max() * (1.0 + tier / 3.0):
        return "recovery"
    return SCORED


def in_range(episodes: Sequence[Episode], begin: int, end: int) -> list[Episode]:
    """Return the episodes whose low lies in bars [begin, end)."""
    return [episode for episode in episodes if begin <= episode.low < end]
