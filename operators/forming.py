"""The kernel of forming bars: what the bars in progress of a few coins show at each second."""

from __future__ import annotations

import numpy as np

from operators import framing
from operators.jit import kernel
from operators.slices import F8, I8

OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE = range(6)
SHOWN = 6
NO_WINDOW: F8 = np.zeros((framing.BAR, 0))


@kernel
def form(
    first: int, until: int, coins: I8, minute_open: F8, minute_high: F8, minute_low: F8, close: F8, volume: F8, quote_volume: F8,
    trades: F8, window: F8, joined: bool, out: F8, counts: I8,
) -> None:  # fmt: skip
    """Fill out (F, SHOWN, K) and counts (F, K), the trades, for frames [first, until) and the K `coins`, all of which have a price.

    `window` (framing.BAR, S) is what the bar holds of the minutes before this one; it counts where `joined`.
    """
    for f in range(first, until):
        for n in range(coins.shape[0]):
            s = coins[n]
            now = close[f, s]
            quiet = np.isnan(minute_open[f, s])
            begun = now if quiet else minute_open[f, s]
            high = now if quiet else minute_high[f, s]
            low = now if quiet else minute_low[f, s]
            base, quote, count = volume[f, s], quote_volume[f, s], trades[f, s]
            if joined:
                if window[framing.B_CLOSE, s] > 0.0 and (window[framing.B_UPDATES, s] > 0.0 or quiet):
                    begun = window[framing.B_OPEN, s]
                    high = max(window[framing.B_HIGH, s], high)
                    low = min(window[framing.B_LOW, s], low)
                base += window[framing.B_VOLUME, s]
                quote += window[framing.B_QUOTE, s]
                count += window[framing.B_TRADES, s]
            i = f - first
            out[i, OPEN, n] = begun
            out[i, HIGH, n] = high
            out[i, LOW, n] = low
            out[i, CLOSE, n] = now
            out[i, VOLUME, n] = np.rint(base * 1e8) / 1e8
            out[i, QUOTE, n] = np.rint(quote * 1e6) / 1e6
            counts[i, n] = np.int64(count)
