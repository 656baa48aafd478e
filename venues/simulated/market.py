"""The generated market with its memory: history behind, quotes and trades as they come, depth on request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contracts.settings.simulator import GeneratedMarketSettings
from venues.simulated.bars import COLUMNS
from venues.simulated.episodes import Episode, Kind, Schedule, pump
from venues.simulated.generator import STEP_MS, STEPS, Generator, Second
from venues.simulated.halts import Halt, HaltStatus
from venues.simulated.history import draw_history, past_episodes
from venues.simulated.ladder import Ladder
from venues.simulated.tape import PublicTrade, Tape
from venues.simulated.universe import Ints, Universe, build_universe

UPDATES_PER_STEP = 16  # ids of the book's updates advance by this much every 100 ms


@dataclass(frozen=True, slots=True)
class Listing:
    """A coin to come: announced, then shown in exchangeInfo as BREAK, then trading. Times are Unix seconds."""

    row: int
    announced_s: int
    trades_s: int


class GeneratedMarket:
    """All coins, from a seed and a start.

    start_s: Unix seconds at which the market begins to move; the history ends there. Two markets with the same
    settings, seed and start hold the same bytes after the same number of steps, whoever has listened. A halt takes its
    symbol's trades and quotes away and leaves every other symbol as it is.
    """

    def __init__(self, settings: GeneratedMarketSettings, symbols: int, seed: int, start_s: int) -> None:
        self.universe: Universe = build_universe(
            symbols, settings.listings if settings.listing_every_s else 0, seed, start_s
        )
        universe = self.universe
        rng = np.random.default_rng([seed, 4])
        begin_s = (start_s - 60 * settings.history_minutes) // 3600 * 3600
        count = (start_s // 60 * 60 - begin_s) // 60
        end = np.log(universe.start_price)
        past = past_episodes(universe, rng, begin_s, count, settings)
        minutes, before = draw_history(universe, rng, begin_s, 60, count, end, past)
        hours = np.zeros((0, COLUMNS, universe.size), dtype=np.int64)
        if settings.history_days:
            first = begin_s - 86_400 * settings.history_days
            hours, _ = draw_history(universe, rng, first, 3600, 24 * settings.history_days, before, [])
        begin = start_s // 60 * 60
        self.tape = Tape(universe, begin, minutes, hours)
        self.ladder = Ladder(universe, seed)
        self.generator = Generator(universe, end, seed)
        self.schedule = Schedule(settings, universe, seed, start_s)
        self.listings = self._plan_listings(settings, seed, start_s)
        self.past = past
        self.halts: dict[int, Halt] = {}  # by row
        self.second = begin  # the running second
        self.step_index = 0  # of the running second; its quotes are in force
        self.batch: Second = self._next()
        self.trades()
        # The running minute has begun already: its seconds up to the start are made now.
        while self.second < start_s:
            self.close_step()
            self.advance()
            self.trades()

    def _plan_listings(self, settings: GeneratedMarketSettings, seed: int, start_s: int) -> list[Listing]:
        rng = np.random.default_rng([seed, 5])
        at = float(start_s + settings.first_listing_after_s)
        planned = []
        for row in range(self.universe.listed, self.universe.size):
            trades_s = int(at)
            planned.append(Listing(row, trades_s - settings.announce_before_s, trades_s))
            self.generator.born_s[row] = self.tape.born_s[row] = trades_s
            at += settings.listing_every_s * rng.uniform(0.7, 1.3)
        return planned

    def _next(self) -> Second:
        second = self.second
        for row in [row for row, halt in self.halts.items() if halt.until_s is not None and halt.until_s <= second]:
            self.resume(row)
        self.generator.episodes += self.schedule.due(second)
        for listing in self.listings:
            if listing.trades_s == second:
                rng = np.random.default_rng([second, listing.row])
                move = float(np.log1p(rng.uniform(0.1, 0.6)))
                self.generator.episodes.append(
                    Episode(Kind.LISTING, listing.row, second - 30, rng.uniform(300, 900), 60, 1800, move, 0.8, 25.0)
                )
        return self.generator.step(second)

    @property
    def step_count(self) -> int:
        """Steps of 100 ms since the epoch, up to the one in force."""
        return self.second * STEPS + self.step_index

    @property
    def now_ms(self) -> int:
        """End of the step in force."""
        return self.second * 1000 + (self.step_index + 1) * STEP_MS

    @property
    def update_id(self) -> int:
        """Id of the book's newest update; the same for every symbol."""
        return (self.step_count - 16_000_000_000) * UPDATES_PER_STEP

    def quote(self, row: int) -> tuple[int, int, int, int]:
        """Return bid, its lots, ask and its lots; zeros while the symbol is not quoted."""
        bid, ask, step = self._book(row)
        if bid == 0:
            return 0, 0, 0, 0
        lots = [
            int(self.ladder.quantities(row, np.array([best]), best, side, step)[0])
            for side, best in enumerate((bid, ask))
        ]
        return bid, lots[0], ask, lots[1]

    def depth(self, row: int, side: int, levels: int = 400) -> tuple[Ints, Ints]:
        """Return prices and lots of one side of the book (0 bids, 1 asks), best first."""
        *best, step = self._book(row)
        return self.ladder.side(row, best[side], side, step, levels)

    def _book(self, row: int) -> tuple[int, int, int]:
        """Return best bid, best ask, and the step that drew what stands behind them."""
        halt = self.halts.get(row)
        if halt is not None:
            return halt.bid, halt.ask, halt.step
        return int(self.batch.bid[self.step_index, row]), int(self.batch.ask[self.step_index, row]), self.step_count

    def trades(self) -> list[PublicTrade]:
        """Book the trades of the step in force and return them; called once per step."""
        batch = self.batch
        part = slice(int(batch.bounds[self.step_index]), int(batch.bounds[self.step_index + 1]))
        columns = [
            batch.row[part],
            batch.ms[part],
            batch.price[part],
            batch.lots[part],
            batch.maker[part].astype(np.int64),
        ]
        if self.halts:
            goes_on = ~np.isin(batch.row[part], list(self.halts))
            columns = [column[goes_on] for column in columns]
        return self.tape.apply(batch.second, *columns)

    def close_step(self) -> None:
        """Close second and minute where the step in force ends them."""
        if self.step_index == STEPS - 1:
            _, minute_ends = self.tape.close_second(self.second)
            if minute_ends:
                self.tape.close_minute()

    def advance(self) -> None:
        """Go to the next step of 100 ms; at the end of a second, the second must have been closed on the tape."""
        self.step_index += 1
        if self.step_index == STEPS:
            self.step_index = 0
            self.second += 1
            self.batch = self._next()

    def pump(self, row: int, percent: float, minutes: float) -> Episode:
        """Start a pump of `percent` over `minutes` now; returns it."""
        if percent < 0:
            move = float(np.log1p(max(percent, -90.0) / 100))
            build = 60.0 * minutes
            episode = Episode(Kind.DUMP, row, self.second, build, 0.25 * build, 1.2 * build, move, 0.4, 14.0)
        else:
            episode = pump(row, self.second, percent, minutes)
        self.generator.episodes.append(episode)
        return episode

    def halt(self, row: int, status: HaltStatus, until_s: float | None = None) -> Halt:
        """Stop a symbol's trading from the next step on, until `until_s` or `resume`; returns the halt."""
        self.halts[row] = halt = Halt(status, until_s, *self._book(row))
        return halt

    def resume(self, row: int) -> None:
        """Let a halted symbol trade again; its price goes on where it would stand without the halt."""
        self.halts.pop(row, None)
