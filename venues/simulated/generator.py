"""The generated market: every quote and every trade of every coin, one second at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from venues.simulated.episodes import MARKET, Episode
from venues.simulated.universe import SECTORS, Floats, Ints, Universe

STEPS = 10  # quotes may change every 100 ms
STEP_MS = 1000 // STEPS
_HALF_HOUR_DECAY = 0.5 ** (1 / 1800)
_TEN_MINUTE_DECAY = 0.5 ** (1 / 600)


@dataclass(frozen=True, slots=True, eq=False)
class Second:
    """One second of the whole market.

    second: Unix seconds of its opening. bid, ask: (STEPS, S) ticks at the end of each step. row, ms, price, lots:
    (N,) int64 of the trades in time order, `ms` 0..999; maker: (N,) bool, True when the buyer was the maker.
    bounds: (STEPS + 1,) positions in the trades where each step begins.
    """

    second: int
    bid: Ints
    ask: Ints
    row: Ints
    ms: Ints
    price: Ints
    lots: Ints
    maker: np.ndarray[tuple[int], np.dtype[np.bool_]]
    bounds: Ints


def intraday(second: float) -> float:
    """Return how busy the hour of the day is, 1.0 on average: quiet at 05:00 UTC, busiest at 15:00, a peak at 00:00."""
    hour = (second % 86_400) / 3600.0
    return float(1.0 + 0.38 * np.cos(2 * np.pi * (hour - 15) / 24) + 0.16 * np.cos(4 * np.pi * hour / 24))


class Generator:
    """Walk all coins forward by one second per `step`, from a seed and nothing else.

    Log prices move with a BTC factor, a factor per sector and noise of their own; volatility and activity cluster;
    episodes push price and volume. Trades happen at the quotes, so what is traded agrees with what is quoted.
    Symbols whose second of birth has not come neither quote nor trade (bid = ask = 0).
    """

    def __init__(self, universe: Universe, log_price: Floats, seed: int) -> None:
        self.universe = universe
        self.episodes: list[Episode] = []
        self.born_s: Ints = universe.born_s.copy()
        self._rng = np.random.default_rng([seed, 3])
        self._log_price = log_price.copy()
        self._tick = 10.0 ** -universe.price_decimals.astype(np.float64)
        self._lot = 10.0 ** -universe.lot_decimals.astype(np.float64)
        self._log_volatility = np.zeros(universe.size)
        self._log_activity = np.zeros(universe.size)
        self._market_volatility = 0.0
        self._bid: Ints = np.zeros(universe.size, dtype=np.int64)
        self._ask: Ints = np.zeros(universe.size, dtype=np.int64)
        # A liquid book requotes in every step, an illiquid one now and then.
        self._requote = np.clip(0.08 + 0.3 * universe.trade_rate, 0.0, 1.0)

    def step(self, second: int) -> Second:
        """Return the market of `[second, second + 1)`."""
        rng, universe = self._rng, self.universe
        size = universe.size
        drift, busier, tilt = self._pushes(second)
        self._cluster()
        listed = self.born_s <= second
        volatility = np.exp(self._log_volatility + self._market_volatility) * np.minimum(busier, 9.0) ** 0.35
        sigma = universe.sigma * volatility / np.sqrt(STEPS)
        factors = rng.standard_normal((STEPS, 1 + len(SECTORS)))
        own = rng.standard_normal((STEPS, size))
        fat = rng.random(size) < 0.01
        moves = (
            (0.55 * factors[:, :1]) * universe.beta
            + 0.35 * factors[:, 1:][:, universe.sector]
            + (0.75 + 2.0 * fat) * own
        ) * sigma + drift / STEPS
        moves[:, 0] = 0.75 * sigma[0] * factors[:, 0] + 0.25 * sigma[0] * own[:, 0] + drift[0] / STEPS
        path = self._log_price + np.cumsum(moves, axis=0)
        self._log_price = path[-1].copy()
        bid, ask = self._quotes(path, volatility, listed)
        rate = universe.trade_rate * intraday(second) * np.exp(self._log_activity) * busier * listed
        count = rng.poisson(np.minimum(rate, 200.0))
        return self._trades(second, count, bid, ask, moves / np.maximum(sigma, 1e-12), tilt)

    def _pushes(self, second: int) -> tuple[Floats, Floats, Floats]:
        """Return what the episodes add to each log price, multiply volume by, and tilt buyers by, in this second."""
        size = self.universe.size
        drift, busier, tilt = np.zeros(size), np.ones(size), np.zeros(size)
        self.episodes = [episode for episode in self.episodes if episode.end_s > second]
        for episode in self.episodes:
            change = episode.level(second + 1) - episode.level(second)
            multiple = episode.volume_multiple(second + 0.5)
            if episode.row == MARKET:
                drift += change * self.universe.beta
                busier *= multiple
                tilt += 0.2 * np.sign(change)
            else:
                drift[episode.row] += change
                busier[episode.row] *= multiple
                tilt[episode.row] += 0.18 * np.sign(change)
        return drift, busier, tilt

    def _cluster(self) -> None:
        rng, size = self._rng, self.universe.size
        noise = rng.standard_normal((2, size))
        self._log_volatility = _HALF_HOUR_DECAY * self._log_volatility + 0.010 * noise[0]
        self._log_activity = _TEN_MINUTE_DECAY * self._log_activity + 0.022 * (0.4 * noise[0] + 0.9 * noise[1])
        self._market_volatility = _HALF_HOUR_DECAY * self._market_volatility + 0.006 * float(rng.standard_normal())

    def _quotes(
        self, path: Floats, volatility: Floats, listed: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> tuple[Ints, Ints]:
        middle = np.exp(path) / self._tick
        half = middle * self.universe.half_spread * np.clip(volatility, 0.7, 5.0)
        bid = np.maximum(np.floor(middle - half), 1.0).astype(np.int64)
        ask = np.maximum(np.ceil(middle + half).astype(np.int64), bid + 1)
        stays = self._rng.random(bid.shape) >= self._requote
        stays[:, self._bid == 0] = False  # a first quote is always given
        previous_bid, previous_ask = self._bid, self._ask
        for i in range(STEPS):
            np.copyto(bid[i], previous_bid, where=stays[i])
            np.copyto(ask[i], previous_ask, where=stays[i])
            previous_bid, previous_ask = bid[i], ask[i]
        bid[:, ~listed] = 0
        ask[:, ~listed] = 0
        self._bid, self._ask = bid[-1].copy(), ask[-1].copy()
        return bid, ask

    def _trades(self, second: int, count: Ints, bid: Ints, ask: Ints, surprise: Floats, tilt: Floats) -> Second:
        rng, universe = self._rng, self.universe
        row = np.repeat(np.arange(universe.size), count)
        ms = rng.integers(0, 1000, len(row))
        order = np.argsort(ms, kind="stable")
        row, ms = row[order], ms[order]
        step = ms // STEP_MS
        buys = rng.random(len(row)) < np.clip(0.5 + 0.15 * np.tanh(surprise[step, row]) + tilt[row], 0.08, 0.92)
        price = np.where(buys, ask[step, row], bid[step, row])
        notional = universe.trade_notional[row] * np.exp(rng.standard_normal(len(row)))
        lots = np.rint(np.maximum(notional, 5.5) / (price * self._tick[row] * self._lot[row])).astype(np.int64)
        bounds = np.searchsorted(ms, np.arange(0, 1001, STEP_MS)).astype(np.int64)
        return Second(second, bid, ask, row, ms, price, np.maximum(lots, 1), ~buys, bounds)
