"""History: paged, in order, no bar asked for twice, not even after a restart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from contracts.events import Klines
from contracts.settings.services import IngestSettings
from tests.venues.scripted_venue import MINUTE_MS, ScriptedVenue, scripted_venue
from venues.binance.endpoints import Endpoints
from venues.binance.rest import BinanceRest, WeightBudget
from venues.ingest.backfill import Backfill
from venues.ingest.bar_cache import BarCache, CachedBars


class Clock:
    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


def client(venue: ScriptedVenue) -> BinanceRest:
    places = Endpoints(stream_url="ws://127.0.0.1:1", rest_url=f"http://127.0.0.1:{venue.port}")
    return BinanceRest(places, weight_per_minute=100_000)


def backfill(
    rest: BinanceRest, clock: Clock, told: list[Klines], cache: BarCache | None = None, **over: Any
) -> Backfill:
    settings = IngestSettings(history_bytes_per_second=1e12, **over)
    return Backfill(settings, rest, clock, lambda: 1, told.append, cache)


def bars_asked(venue: ScriptedVenue) -> Counter[tuple[str, int]]:
    asked: Counter[tuple[str, int]] = Counter()
    for question in venue.asked:
        query = {key: values[0] for key, values in parse_qs(urlsplit(question).query).items()}
        if query.get("interval") == "1m":
            start = int(query["startTime"])
            asked.update((query["symbol"], start + i * MINUTE_MS) for i in range(int(query["limit"])))
    return asked


def opens(told: list[Klines], symbol: str) -> list[int]:
    return [row[0] // 1_000_000 for event in told if event.symbol == symbol for row in event.rows]


NOW = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS + 20_000
THIS_MINUTE = NOW // MINUTE_MS * MINUTE_MS


async def test_history_is_whole_in_order_and_asked_for_once() -> None:
    told: list[Klines] = []
    async with scripted_venue() as venue, client(venue) as rest:
        fill = backfill(rest, Clock(NOW), told, history_bars=2500)
        await fill.history(["AUSDT", "BUSDT"])
        await fill.history(["AUSDT", "BUSDT"])
    wanted = list(range(THIS_MINUTE - 2500 * MINUTE_MS, THIS_MINUTE, MINUTE_MS))
    assert opens(told, "AUSDT") == wanted
    assert opens(told, "BUSDT") == wanted
    assert max(len(event.rows) for event in told) <= 500
    assert max(bars_asked(venue).values()) == 1


async def test_charts_get_their_longer_bars_as_the_venue_has_them() -> None:
    told: list[Klines] = []
    async with scripted_venue() as venue, client(venue) as rest:
        await backfill(rest, Clock(NOW), told, history_bars=300).charts(["AUSDT", "BUSDT"])
        asked = [{key: v[0] for key, v in parse_qs(urlsplit(question).query).items()} for question in venue.asked]
    assert [(a["symbol"], a["interval"], a["limit"]) for a in asked] == [
        ("AUSDT", "5m", "60"), ("AUSDT", "15m", "20"), ("BUSDT", "5m", "60"), ("BUSDT", "15m", "20")
    ]  # fmt: skip
    assert all(int(a["startTime"]) % (5 * MINUTE_MS) == 0 for a in asked)
    assert {(event.symbol, event.interval) for event in told} == {(a["symbol"], a["interval"]) for a in asked}


async def test_a_gap_fetches_only_what_is_missing() -> None:
    told: list[Klines] = []
    clock = Clock(NOW)
    async with scripted_venue() as venue, client(venue) as rest:
        fill = backfill(rest, clock, told, history_bars=10)
        await fill.history(["AUSDT"])
        told.clear()
        clock.ms += 30 * MINUTE_MS
        await fill.gap(["AUSDT", "NEVERUSDT"], clock.ms - 5 * MINUTE_MS)
        await fill.gap(["AUSDT"], clock.ms - 20 * MINUTE_MS)
        last = THIS_MINUTE + 30 * MINUTE_MS
    assert opens(told, "AUSDT") == list(range(last - 5 * MINUTE_MS, last, MINUTE_MS))
    assert max(bars_asked(venue).values()) == 1


async def test_a_young_coin_tells_when_it_was_listed() -> None:
    told: list[Klines] = []
    async with scripted_venue() as venue, client(venue) as rest:
        venue.history_from_ms = THIS_MINUTE - 7 * MINUTE_MS
        fill = backfill(rest, Clock(NOW), told, history_bars=100)
        await fill.history(["NEWUSDT"])
        assert len(opens(told, "NEWUSDT")) == 7
        day = THIS_MINUTE // 86_400_000 * 86_400_000
        venue.history_from_ms = day
        assert await fill.listed("NEWUSDT") == (THIS_MINUTE - 7 * MINUTE_MS) * 1_000_000
        venue.history_from_ms = day - 30 * 86_400_000
        assert await fill.listed("OLDERUSDT") == (day - 30 * 86_400_000) * 1_000_000
        venue.history_from_ms = day - 4000 * 86_400_000
        assert await fill.listed("ANCIENTUSDT") is None


async def test_after_a_restart_the_bars_on_disk_are_handed_on_and_not_asked_for_again(tmp_path: Path) -> None:
    cache = BarCache(tmp_path, most=200)
    first: list[Klines] = []
    second: list[Klines] = []
    async with scripted_venue() as venue, client(venue) as rest:
        await backfill(rest, Clock(NOW), first, cache, history_bars=100).history(["AUSDT"])
        again = backfill(rest, Clock(NOW + 10 * MINUTE_MS), second, cache, history_bars=100)
        await again.history(["AUSDT"])
        assert again.cached_bars == 90
        third: list[Klines] = []
        await backfill(rest, Clock(NOW + 10_000 * MINUTE_MS), third, cache, history_bars=100).history(["AUSDT"])
    last = THIS_MINUTE + 10 * MINUTE_MS
    assert opens(second, "AUSDT") == list(range(last - 100 * MINUTE_MS, last, MINUTE_MS))
    assert max(bars_asked(venue).values()) == 1
    assert len(opens(third, "AUSDT")) == 100


def test_a_cache_file_that_cannot_be_read_counts_as_absent(tmp_path: Path) -> None:
    cache = BarCache(tmp_path, most=3)
    rows = [(i * MINUTE_MS * 1_000_000, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0) for i in range(5)]
    cache.store("AUSDT", CachedBars(from_ms=0, until_ms=5 * MINUTE_MS, rows=rows))
    kept = cache.load("AUSDT", 2 * MINUTE_MS)
    assert kept is not None
    assert kept.rows == rows[2:]
    assert cache.load("AUSDT", 0) is None  # only the newest three minutes are kept
    (tmp_path / "AUSDT.bars").write_bytes(b"\xc1 not a cache")
    assert cache.load("AUSDT", 2 * MINUTE_MS) is None


async def test_the_weight_budget_counts_in_the_venues_minutes() -> None:
    now = 30.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    budget = WeightBudget(10, lambda: now, sleep)
    for _ in range(5):
        await budget.take(2)
    assert slept == []
    await budget.take(2)
    assert slept == [pytest.approx(30.05)]
    budget.observed(9)  # somebody else spends from the same address
    await budget.take(2)
    assert len(slept) == 2
    await budget.take(500)  # more than a minute holds goes alone
    assert len(slept) == 3


async def test_what_is_urgent_goes_a_little_beyond_the_budget_and_no_further() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        budget.used = 0

    budget = WeightBudget(100, lambda: 30.0, sleep)
    await budget.take(100)
    await budget.take(20, urgent=True)
    assert slept == []
    await budget.take(20, urgent=True)
    assert len(slept) == 1
    budget.observed(100)
    await budget.take(1)
    assert len(slept) == 2
