"""The generated market: repeatable, consistent with itself, and worth watching."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contracts.settings.simulator import GeneratedMarketSettings
from venues.simulated.bars import CLOSE, COUNT, HIGH, LOW, OPEN, QUOTE, VOLUME
from venues.simulated.episodes import Kind
from venues.simulated.market import GeneratedMarket
from venues.simulated.tape import PublicTrade

START_S = 1_750_000_013
SMALL = GeneratedMarketSettings(history_minutes=1440, history_days=3)


def market(seed: int = 7, symbols: int = 60, **changes: Any) -> GeneratedMarket:
    settings = GeneratedMarketSettings(**{"history_minutes": 180, "history_days": 2, **changes})
    return GeneratedMarket(settings, symbols, seed, START_S)


def run(made: GeneratedMarket, seconds: int) -> list[PublicTrade]:
    trades: list[PublicTrade] = []
    end = made.second + seconds
    while made.second < end:
        made.close_step()
        made.advance()
        trades += made.trades()
    return trades


def test_the_same_seed_and_start_give_the_same_market() -> None:
    first, second = market(), market()
    assert run(first, 40) == run(second, 40)
    assert np.array_equal(first.tape.minutes.bars, second.tape.minutes.bars)
    assert np.array_equal(first.batch.bid, second.batch.bid)
    assert run(market(seed=8), 5) != run(market(), 5)


def test_whoever_looks_changes_nothing() -> None:
    watched, alone = market(), market()
    for _ in range(8):
        watched.depth(3, 0)
        watched.quote(5)
        watched.tape.day()
        assert run(watched, 1) == run(alone, 1)


def test_trades_happen_at_the_quotes() -> None:
    made = market()
    for _ in range(50):
        made.close_step()
        made.advance()
        for trade in made.trades():
            bid, _, ask, _ = made.quote(trade.row)
            assert trade.price == (bid if trade.maker else ask)
            assert 0 < bid < ask


def test_tickers_are_the_sums_of_the_candles() -> None:
    made = GeneratedMarket(SMALL, 30, 7, START_S)
    run(made, 130)
    day, now = made.tape.day(), made.now_ms
    for row in (0, 3, 29):
        candles = np.array([bar for _, bar in made.tape.candles(row, "1m", None, None, 1440, now)])
        assert len(candles) == 1440
        traded = candles[candles[:, COUNT] > 0]
        assert day.volume[row] == candles[:, VOLUME].sum()
        assert day.quote[row] == candles[:, QUOTE].sum()
        assert day.count[row] == candles[:, COUNT].sum()
        assert day.high[row] == traded[:, HIGH].max()
        assert day.low[row] == traded[:, LOW].min()
        assert day.open[row] == traded[0, OPEN]
        assert day.last[row] == candles[-1, CLOSE]


@pytest.mark.parametrize("interval", ["5m", "15m", "1h", "4h", "1d"])
def test_longer_candles_are_made_of_the_minutes(interval: str) -> None:
    made = GeneratedMarket(SMALL, 12, 7, START_S)
    run(made, 70)
    from venues.simulated.bars import close_time

    minutes = dict(made.tape.candles(5, "1m", None, None, 1000, made.now_ms))
    checked = 0
    for opening, bar in made.tape.candles(5, interval, None, None, 20, made.now_ms):
        inside = [m for at, m in sorted(minutes.items()) if opening <= at <= close_time(opening, interval)]
        if not inside or opening not in minutes:
            continue
        checked += 1
        part = np.array(inside)
        assert bar[VOLUME] == part[:, VOLUME].sum()
        assert bar[CLOSE] == part[-1, CLOSE]
        assert bar[HIGH] == part[part[:, COUNT] > 0, HIGH].max()
        assert bar[OPEN] == part[part[:, COUNT] > 0][0, OPEN]
    assert checked or interval == "1d"


def test_seconds_of_the_history_add_up_to_its_minutes() -> None:
    made = market()
    minute_s = made.tape.minute_s - 300
    ((_, minute),) = made.tape.candles(0, "1m", minute_s * 1000, minute_s * 1000, 1, made.now_ms)
    seconds = made.tape.candles(0, "1s", minute_s * 1000, minute_s * 1000 + 59_999, 60, made.now_ms)
    bars = np.array([bar for _, bar in seconds])
    assert [at for at, _ in seconds] == [1000 * (minute_s + i) for i in range(60)]
    assert bars[:, VOLUME].sum() == minute[VOLUME]
    assert bars[:, COUNT].sum() == minute[COUNT]
    assert bars[0, OPEN] == minute[OPEN]
    assert bars[-1, CLOSE] == minute[CLOSE]
    assert bars[:, HIGH].max() == minute[HIGH]
    assert bars[:, LOW].min() == minute[LOW]


def test_candles_by_start_end_and_limit() -> None:
    made = market()
    now = made.now_ms
    last = made.tape.candles(1, "1m", None, None, 5, now)
    assert [at - last[0][0] for at, _ in last] == [60_000 * i for i in range(5)]
    assert last[-1][0] == now // 60_000 * 60_000
    begin = last[0][0] - 3_600_000
    ranged = made.tape.candles(1, "1m", begin + 1, begin + 600_000, 1000, now)
    assert ranged[0][0] == begin + 60_000
    assert ranged[-1][0] == begin + 600_000
    assert len(made.tape.candles(1, "1m", begin, None, 7, now)) == 7


@pytest.mark.parametrize("seed", [1, 7, 11])
def test_a_coin_heats_up_within_ninety_seconds(seed: int) -> None:
    made = market(seed=seed, symbols=300, listing_every_s=0)
    run(made, 21)
    (first,) = [episode for episode in made.generator.episodes if episode.kind is Kind.PUMP]
    before = int(made.tape.last[first.row])
    quiet = made.tape.minutes.bars[-60:, QUOTE, first.row].mean()
    run(made, 70)
    assert made.tape.last[first.row] / before > 1.02
    assert made.tape.minutes.bars[-1, QUOTE, first.row] > 4 * quiet
    run(made, 70)
    peak = made.tape.minutes.bars[-3:, HIGH, first.row].max() / before
    assert 1.04 < peak < 1.25


def test_coins_move_with_the_market() -> None:
    made = market(symbols=60, history_minutes=1440)
    closes = np.log(made.tape.minutes.bars[:, CLOSE, :60].astype(float))
    returns = np.diff(closes[::5], axis=0)
    with_btc = [np.corrcoef(returns[:, 0], returns[:, i])[0, 1] for i in range(1, 60)]
    assert 0.2 < float(np.median(with_btc)) < 0.9


def test_volume_is_heavy_tailed() -> None:
    made = market(symbols=300, history_minutes=1440)
    universe = made.universe
    units = 10.0 ** -(universe.price_decimals + universe.lot_decimals).astype(float)
    quote = np.sort((made.tape.day().quote * units)[:300])[::-1]
    assert quote[0] > 300 * quote[-1]
    assert quote[:10].sum() > 0.4 * quote.sum()


def test_a_listing_trades_from_its_second_on_and_is_sought_after() -> None:
    made = market(first_listing_after_s=30, announce_before_s=20, listing_every_s=600, listings=2)
    listing = made.listings[0]
    assert made.quote(listing.row) == (0, 0, 0, 0)
    trades = run(made, 60)
    own = [trade for trade in trades if trade.row == listing.row]
    assert own
    assert min(trade.time_ms for trade in own) >= 1000 * listing.trades_s
    assert own[0].id == 1
    candles = made.tape.candles(listing.row, "1m", None, None, 1000, made.now_ms)
    assert candles[0][0] == listing.trades_s // 60 * 60_000
    assert made.tape.day().count[listing.row] == len(own)


def test_minutes_close_and_old_ones_leave() -> None:
    made = market(symbols=5, listing_every_s=0)
    size = len(made.tape.minutes)
    opening = made.tape.minute_s
    run(made, 180)
    assert made.tape.minute_s == opening + 180
    assert len(made.tape.minutes) >= size
    assert made.tape.minutes.first_s + 60 * len(made.tape.minutes) == made.tape.minute_s
