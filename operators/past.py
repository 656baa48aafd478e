"""Past: the longer windows in progress as the venue's own minutes tell them, until what is followed here takes over.

A desk that starts at 12:37 sees the hour of 12:00 from its middle. The venue's history of 1 m bars (`Klines`, oldest chunk first)
is summed here, minute by minute, into the windows it ends in; where it reaches to the minute that is followed from its opening,
the frame step goes on from these sums.
"""

from __future__ import annotations

from operators.framing import B_CLOSE, B_HIGH, B_LOW, B_OPEN, B_QUOTE, B_TRADES, B_UPDATES, B_VOLUME, B_WHOLE, BAR
from operators.jit import kernel
from operators.slices import F8, I8, MINUTE


@kernel
def remember(past: F8, until: I8, symbol: int, lengths: I8, ts_open: I8, columns: F8) -> None:
    """Add closed minutes of one symbol, oldest first; what is known already is passed over, a hole begins anew.

    past: (intervals, BAR, S) windows in progress at `until`, B_WHOLE 1 where every minute since the window's opening was told,
    else all zeros. until: (S,) ns, end of the newest minute told. lengths: (intervals,) ns. columns: rows open, high, low, close,
    base volume, quote volume, trades by minute.
    """
    for m in range(len(ts_open)):
        start = ts_open[m]
        if start < until[symbol] or start % MINUTE != 0:
            continue
        hole = start != until[symbol]
        traded = columns[4, m] > 0.0
        for i in range(len(lengths)):
            first = start % lengths[i] == 0
            if hole or first:
                for k in range(BAR):
                    past[i, k, symbol] = 0.0
            if first:
                past[i, B_WHOLE, symbol] = 1.0
            if past[i, B_WHOLE, symbol] == 0.0:
                continue
            # The venue's candles open at the first traded price of the window.
            if first or (traded and past[i, B_UPDATES, symbol] == 0.0):
                past[i, B_OPEN, symbol] = columns[0, m]
                past[i, B_HIGH, symbol] = columns[1, m]
                past[i, B_LOW, symbol] = columns[2, m]
            elif traded:
                past[i, B_HIGH, symbol] = max(past[i, B_HIGH, symbol], columns[1, m])
                past[i, B_LOW, symbol] = min(past[i, B_LOW, symbol], columns[2, m])
            past[i, B_CLOSE, symbol] = columns[3, m]
            past[i, B_VOLUME, symbol] += columns[4, m]
            past[i, B_QUOTE, symbol] += columns[5, m]
            past[i, B_TRADES, symbol] += columns[6, m]
            if traded:
                past[i, B_UPDATES, symbol] += 1.0
            if (start + MINUTE) % lengths[i] == 0:
                for k in range(BAR):
                    past[i, k, symbol] = 0.0
        until[symbol] = start + MINUTE
