"""The quick look at the status of watched coins, against a venue whose every word the test chooses."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from contracts.errors import SettingsError
from contracts.events import InstrumentRow
from contracts.settings import parse_settings
from contracts.settings.services import IngestSettings
from tests.venues.scripted_venue import ScriptedVenue, listing, scripted_venue
from venues.binance.endpoints import Endpoints
from venues.binance.instruments import read_exchange_info
from venues.binance.rest import BinanceRest
from venues.binance.tickers import Dirt
from venues.ingest.status_watch import StatusWatch
from venues.ingest.universe import Universe


class Looking:
    """A watch over a scripted venue's coins, with what it told."""

    def __init__(self, venue: ScriptedVenue, rest: BinanceRest, watched: list[str]) -> None:
        self.venue = venue
        self.watched = watched
        self.told: list[tuple[str, str]] = []
        self.letters: list[Dirt] = []
        self.hurried = 0
        self.now = 0
        self.universe = Universe("USDT", [])
        self.table()
        self.watch = StatusWatch(
            IngestSettings(),
            rest,
            self.universe,
            lambda: self.watched,
            self._tick,
            self._publish,
            lambda _, dirt: self.letters.append(dirt),
            self._hurry,
        )

    def table(self) -> None:
        """The whole table is looked at."""
        body = json.dumps({"symbols": self.venue.symbols}).encode()
        self.universe.update(read_exchange_info(body, self.universe.keeps_listed).rows, self._tick())

    def asked(self) -> list[list[str]]:
        """The symbols of each question so far."""
        return [json.loads(parse_qs(urlsplit(question).query)["symbols"][0]) for question in self.venue.asked]

    def _tick(self) -> int:
        self.now += 1
        return self.now

    def _publish(self, rows: list[InstrumentRow]) -> None:
        self.told += [(row.symbol, row.status) for row in rows]

    def _hurry(self) -> None:
        self.hurried += 1


@contextlib.asynccontextmanager
async def looking(*symbols: str, watched: list[str] | None = None) -> AsyncIterator[Looking]:
    async with scripted_venue() as venue:
        venue.symbols = [listing(symbol) for symbol in symbols]
        places = Endpoints(stream_url="ws://127.0.0.1:1", rest_url=f"http://127.0.0.1:{venue.port}")
        async with BinanceRest(places, weight_per_minute=3000) as rest:
            yield Looking(venue, rest, list(symbols) if watched is None else watched)


def halt(venue: ScriptedVenue, symbol: str, status: str = "HALT") -> None:
    next(row for row in venue.symbols if row["symbol"] == symbol)["status"] = status


async def test_one_question_asks_for_all_watched_coins_and_tells_what_changed() -> None:
    async with looking("AUSDT", "BUSDT", "CUSDT", watched=["BUSDT", "AUSDT", "NOTHERE"]) as it:
        await it.watch.look()
        assert it.told == []
        halt(it.venue, "AUSDT")
        halt(it.venue, "CUSDT")
        await it.watch.look()
        await it.watch.look()
        halt(it.venue, "AUSDT", "TRADING")
        await it.watch.look()
        assert it.told == [("AUSDT", "HALT"), ("AUSDT", "TRADING")]
        assert it.asked() == [["BUSDT", "AUSDT"]] * 4


async def test_nothing_is_asked_while_nothing_is_watched() -> None:
    async with looking("AUSDT", watched=[]) as it:
        await it.watch.look()
        it.watched = ["ELSEWHERE"]
        await it.watch.look()
        assert it.venue.asked == []


FAILURES: dict[str, Any] = {
    "throttled": (429, '{"code":-1003,"msg":"Too much request weight used."}', {"Retry-After": "1"}),
    "broken": (503, "<html>oops</html>", {}),
    "walled off": (403, "<HTML>403 ERROR</HTML>", {}),
    "another refusal": (400, '{"code":-1000,"msg":"An unknown error occurred."}', {}),
    "no table": (200, "[]", {}),
    "no json": (200, "<html>", {}),
    "no symbols": (200, '{"symbols":[]}', {}),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_after_a_failure_the_last_good_answer_stays_and_the_next_look_is_whole(failure: Any) -> None:
    status, text, headers = failure
    async with looking("AUSDT", "BUSDT") as it:
        halt(it.venue, "AUSDT")
        it.venue.answers = [web.Response(status=status, text=text, headers=headers)]
        await it.watch.look()
        assert it.told == []
        assert {row.status for row in it.universe.rows.values()} == {"TRADING"}
        assert len(it.venue.asked) == 1  # a failure is not asked for again at once
        await it.watch.look()
        assert it.told == [("AUSDT", "HALT")]
        assert it.hurried == 0


async def test_a_row_nobody_can_read_goes_to_the_letters_and_costs_no_other() -> None:
    async with looking("AUSDT", "BUSDT") as it:
        it.venue.symbols[0]["filters"] = "x"
        halt(it.venue, "BUSDT")
        await it.watch.look()
        assert it.told == [("BUSDT", "HALT")]
        assert [letter.reason.split(":")[0] for letter in it.letters] == ["instrument"]


async def test_a_symbol_the_venue_does_not_know_any_more_hides_no_other() -> None:
    names = [f"C{n:02d}USDT" for n in range(20)]
    async with looking(*names) as it:
        it.venue.symbols = [row for row in it.venue.symbols if row["symbol"] != "C13USDT"]
        halt(it.venue, "C12USDT")
        halt(it.venue, "C19USDT")
        await it.watch.look()
        assert it.told == [("C12USDT", "HALT"), ("C19USDT", "HALT")]
        assert it.hurried == 1  # the whole table says what became of it
        assert len(it.venue.asked) <= 11
        before = len(it.venue.asked)
        await it.watch.look()
        assert it.asked()[before:] == [[name for name in names if name != "C13USDT"]]
        it.table()
        assert it.universe.rows["C13USDT"].status == "DELISTED"
        it.watch._left_out.clear()
        await it.watch.look()
        assert "C13USDT" not in it.asked()[-1]


@pytest.mark.parametrize("seconds", [-1, 0.5, 3601, "often", float("nan"), float("inf")])
def test_an_interval_out_of_range_is_refused_with_its_place(seconds: Any) -> None:
    with pytest.raises(SettingsError, match="status_refresh_s") as refused:
        parse_settings({"ingest": {"status_refresh_s": seconds}}, "test")
    assert "`ingest.status_refresh_s`" in str(refused.value)


async def test_zero_seconds_mean_never() -> None:
    async with looking("AUSDT") as it:
        it.watch._every_s = 0.0
        await it.watch.run()
        assert it.venue.asked == []
