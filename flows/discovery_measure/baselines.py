"""Five simple rankings every program has to beat, causal at each bar's close.

Each is an (T, S) float64 array of raw scores, NaN where the symbol has no score; higher is hotter. Returns
are log returns. Each is restricted to the ten highest symbols of the minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from flows.discovery_measure.candles import Panel

TOP: Final = 10
DAY_BARS: Final = 1440
VOLUME_FACTOR: Final = 3.0


def log_change(close: np.ndarray, bars: int) -> np.ndarray:
    """Return ln(close / close `bars` earlier), (T, S); NaN where there is no earlier close."""
    out = np.full(close.shape, np.nan)
    if close.shape[0] > bars:
        out[bars:] = np.log(close[bars:] / close[:-bars])
    return out


def change_5m(panel: Panel) -> np.ndarray:
    """Return the 5-minute change."""
    return log_change(panel.close, 5)


def quote_volume(panel: Panel) -> np.ndarray:
    """Estimate the quote currency traded, (T, S): base volume at the mean of open and close; 0 where unknown."""
    traded = panel.volume * (panel.open + panel.close) / 2.0
    return np.where(np.isnan(traded), 0.0, traded)


def volume_ratio(panel: Panel) -> np.ndarray:
    """Return the mean quote volume of 5 minutes over that of 24 hours, or since the first bar if later."""
    notional = quote_volume(panel)
    total = np.vstack([np.zeros((1, notional.shape[1])), np.cumsum(notional, axis=0)])
    bar = np.arange(panel.bars)[:, None]
    columns = np.arange(notional.shape[1])[None, :]
    since = np.minimum(np.maximum(bar - DAY_BARS + 1, panel.first[None, :]), bar)
    short = (total[1:] - total[np.maximum(bar - 4, 0), columns]) / 5.0
    mean = (total[1:] - total[since, columns]) / (bar - since + 1)
    listed = (mean > 0) & ~np.isnan(panel.close)
    ratio: np.ndarray = np.divide(short, mean, out=np.full(mean.shape, np.nan), where=listed)
    return ratio


def change_5m_with_volume(panel: Panel) -> np.ndarray:
    """Return the 5-minute change where the volume ratio is at least 3."""
    return np.where(volume_ratio(panel) >= VOLUME_FACTOR, change_5m(panel), np.nan)


def change_15m_minus_market(panel: Panel) -> np.ndarray:
    """Return the 15-minute change minus the median symbol's."""
    change = log_change(panel.close, 15)
    known = ~np.isnan(change).all(axis=1)
    out = np.full(change.shape, np.nan)
    out[known] = change[known] - np.nanmedian(change[known], axis=1)[:, None]
    return out


def rise_from_low(panel: Panel) -> np.ndarray:
    """Return ln(close / lowest close of 60 minutes)."""
    filled = np.where(np.isnan(panel.close), np.inf, panel.close)
    padded = np.vstack([np.full((60, filled.shape[1]), np.inf), filled])
    lowest = sliding_window_view(padded, 61, axis=0).min(axis=-1)
    rise: np.ndarray = np.log(panel.close / lowest)
    return rise


BASELINES: Final[Mapping[str, Callable[[Panel], np.ndarray]]] = MappingProxyType(
    {
        "change_5m": change_5m,
        "volume_ratio_5m_24h": volume_ratio,
        "change_5m_if_volume_x3": change_5m_with_volume,
        "change_15m_minus_market": change_15m_minus_market,
        "rise_from_60m_low": rise_from_low,
    }
)


def top_of_minute(score: np.ndarray, top: int = TOP) -> np.ndarray:
    """Return the scores with all but the `top` highest of each bar replaced by NaN; ties by column."""
    ranked = np.argsort(np.where(np.isnan(score), np.inf, -score), axis=1, kind="stable")[:, :top]
    out = np.full(score.shape, np.nan)
    np.put_along_axis(out, ranked, np.take_along_axis(score, ranked, axis=1), axis=1)
    return out
