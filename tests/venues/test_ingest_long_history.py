"""A month of hourly bars: one request a coin, no bar asked for twice, not even after a restart, refusals tolerated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.events import Klines
from contracts.settings.services import IngestSettings
from tests.venues.scripted_venue import ScriptedVenue, scripted_venue
from tests.venues.test_ingest_backfill import Clock, client, opens
from venues.binance.rest import BinanceRest
from venues.ingest.bar_cache import BarCache
from venues.ingest.long_history import HOUR_MS, LongHistory

THIS_HOUR = 1_700_000_000_000 // HOUR_MS * HOUR_MS
NOW = THIS_HOUR + 1_234_567


def long_history(
    rest: BinanceRest, clock: Clock, told: list[Klines], cache: BarCache | None = None, **over: Any
) -> LongHistory:
    settings = IngestSettings(history_bytes_per_second=1e12, **over)
    return LongHistory(settings, rest, clock, lambda: 1, told.append, cache)


def asked(venue: ScriptedVenue) -> int:
    return sum("interval=1h" in question for question in venue.asked)


async def test_a_month_comes_with_one_request_and_later_only_what_is_new() -> None:
    told: list[Klines] = []
    clock = Clock(NOW)
    async with scripted_venue() as venue, client(venue) as rest:
        hours = long_history(rest, clock, told)
        await hours.fetch(["AUSDT", "BUSDT"])
        await hours.fetch(["AUSDT"])
        assert asked(venue) == 2
        clock.ms += 2 * HOUR_MS
        await hours.fetch(["AUSDT"])
        assert asked(venue) == 3
    assert {event.interval for event in told} == {"1h"}
    assert max(len(event.rows) for event in told) <= 500
    assert opens(told, "BUSDT") == list(range(THIS_HOUR - 720 * HOUR_MS, THIS_HOUR, HOUR_MS))
    assert opens(told, "AUSDT") == list(range(THIS_HOUR - 720 * HOUR_MS, THIS_HOUR + 2 * HOUR_MS, HOUR_MS))


async def test_after_a_restart_only_the_hours_since_are_asked_for(tmp_path: Path) -> None:
    cache = BarCache(tmp_path, 1440, HOUR_MS)
    first: list[Klines] = []
    second: list[Klines] = []
    async with scripted_venue() as venue, client(venue) as rest:
        await long_history(rest, Clock(NOW), first, cache).fetch(["AUSDT"])
        await long_history(rest, Clock(NOW), second, cache).fetch(["AUSDT"])
        assert asked(venue) == 1
        assert opens(second, "AUSDT") == opens(first, "AUSDT")
        second.clear()
        await long_history(rest, Clock(NOW + 3 * HOUR_MS), second, cache).fetch(["AUSDT"])
        assert "limit=3" in venue.asked[-1]
    assert opens(second, "AUSDT") == list(range(THIS_HOUR - 717 * HOUR_MS, THIS_HOUR + 3 * HOUR_MS, HOUR_MS))


async def test_none_is_asked_for_where_the_setting_is_zero() -> None:
    async with scripted_venue() as venue, client(venue) as rest:
        await long_history(rest, Clock(NOW), [], history_hours=0).fetch(["AUSDT"])
        assert asked(venue) == 0


def test_more_hours_than_one_request_gives_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="history_hours"):
        msgspec.convert({"history_hours": 1001}, IngestSettings)
