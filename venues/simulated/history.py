"""What lies behind the start: candles drawn from the same laws as the market that follows them."""

from __future__ import annotations

import numpy as np

from contracts.settings.simulator import GeneratedMarketSettings
from venues.simulated.bars import (
    BUY_QUOTE,
    BUY_VOLUME,
    CLOSE,
    COLUMNS,
    COUNT,
    FIRST_ID,
    HIGH,
    LOW,
    OPEN,
    QUOTE,
    VOLUME,
)
from venues.simulated.episodes import Episode, pump
from venues.simulated.generator import intraday
from venues.simulated.universe import SECTORS, Floats, Ints, Universe


def draw_history(
    universe: Universe,
    rng: np.random.Generator,
    first_s: int,
    step_s: int,
    count: int,
    end_log_price: Floats,
    episodes: list[Episode],
) -> tuple[Ints, Floats]:
    """Draw `count` bars of `step_s` seconds whose last close is `end_log_price`.

    Returns the bars (count, COLUMNS, S), without ids, and the log price at their beginning. A bar without trades
    repeats the close before it with zero volume, as the exchange's own do.
    """
    size = universe.size
    seconds = first_s + step_s * np.arange(count)
    sigma = universe.sigma * np.sqrt(step_s)
    volatility = np.exp(0.3 * _smooth(rng, count, 1 + int(1800 / step_s)))[:, None]
    factors = rng.standard_normal((count, 1 + len(SECTORS)))
    own = rng.standard_t(4, (count, size)) / np.sqrt(2.0)
    drift, busier = np.zeros((count, size)), np.ones((count, size))
    for episode in episodes:
        levels = np.array([episode.level(s) for s in (*seconds, seconds[-1] + step_s)])
        drift[:, episode.row] += np.diff(levels)
        busier[:, episode.row] *= [episode.volume_multiple(s + step_s / 2) for s in seconds]
    moves = (0.55 * factors[:, :1] * universe.beta + 0.35 * factors[:, 1:][:, universe.sector] + 0.75 * own) * sigma
    moves = moves * volatility * np.minimum(busier, 9.0) ** 0.35 + drift
    path = np.cumsum(moves, axis=0)
    begin = end_log_price - path[-1]
    path += begin
    hours = np.array([intraday(float(s)) for s in seconds])[:, None]
    activity = np.exp(0.35 * _smooth(rng, count, 1 + int(1200 / step_s)))[:, None] * hours * busier
    bars = _bars(universe, rng, path, moves, sigma * volatility, activity * step_s)
    return bars, begin


def past_episodes(
    universe: Universe, rng: np.random.Generator, first_s: int, count_minutes: int, settings: GeneratedMarketSettings
) -> list[Episode]:
    """Draw the pumps of the minutes behind the start, as often as slow ones come later, all of them over before it."""
    listed = universe.listed
    low, high = min(8, listed - 1), listed
    episodes = []
    every_s = settings.slow_pump_every_s
    for _ in range(int(60 * count_minutes / every_s) if every_s else 0):
        minutes = rng.uniform(5, 40)
        at = first_s + rng.uniform(0, 60 * count_minutes)
        percent = rng.uniform(0.5, 2.0) * settings.pump_percent_max
        episode = pump(int(rng.integers(low, high)), at, percent, minutes, rng.uniform(8, 30))
        if episode.end_s < first_s + 60 * count_minutes:
            episodes.append(episode)
    return episodes


def _smooth(rng: np.random.Generator, count: int, length: int) -> Floats:
    """Return standard normal noise with a memory of `length` steps."""
    weights = 0.5 ** (np.arange(4 * length) / length)
    noise = np.convolve(rng.standard_normal(count + len(weights) - 1), weights, mode="valid")
    return np.asarray(noise / np.sqrt((weights**2).sum()))


def _bars(
    universe: Universe, rng: np.random.Generator, path: Floats, moves: Floats, sigma: Floats, busy_s: Floats
) -> Ints:
    count, size = path.shape
    tick = 10.0 ** -universe.price_decimals.astype(np.float64)
    lot = 10.0 ** -universe.lot_decimals.astype(np.float64)
    trades = rng.poisson(np.minimum(universe.trade_rate * busy_s, 1e7))
    close = np.maximum(np.rint(np.exp(path) / tick), 1.0)
    # Where nothing traded, the last close stands.
    index = np.where(trades > 0, np.arange(count)[:, None], 0)
    close = np.take_along_axis(close, np.maximum.accumulate(index, axis=0), axis=0)
    first = np.maximum(np.rint(np.exp(path[0] - moves[0]) / tick), 1.0)
    opened = np.vstack([first, close[:-1]])
    reach = close * sigma * 0.45
    wick = np.abs(rng.standard_normal((2, count, size)))
    high = np.maximum(opened, close) + np.rint(wick[0] * reach) * (trades > 0)
    low = np.maximum(np.minimum(opened, close) - np.rint(wick[1] * reach) * (trades > 0), 1.0)
    mean = universe.trade_notional * np.exp(0.5)
    spread = np.exp(rng.standard_normal((count, size)) / np.sqrt(np.maximum(trades, 1)))
    lots = np.rint(trades * mean * spread / (close * tick * lot)).astype(np.int64)
    lots = np.where(trades > 0, np.maximum(lots, trades), 0)
    typical = (opened + high + low + close) / 4.0
    share = np.clip(
        0.5 + 0.15 * np.tanh(moves / np.maximum(sigma, 1e-12)) + rng.normal(0, 0.05, close.shape), 0.05, 0.95
    )
    bars = np.zeros((count, COLUMNS, size), dtype=np.int64)
    bars[:, OPEN], bars[:, HIGH], bars[:, LOW], bars[:, CLOSE] = opened, high, low, close
    bars[:, VOLUME], bars[:, COUNT], bars[:, FIRST_ID] = lots, trades, -1
    bars[:, QUOTE] = np.rint(lots * typical)
    bars[:, BUY_VOLUME] = np.rint(lots * share)
    bars[:, BUY_QUOTE] = np.rint(bars[:, BUY_VOLUME] * typical)
    return bars
