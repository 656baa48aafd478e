from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from confluent_kafka import Producer
from msgspec.structs import replace

from contracts.errors import DeliveryError
from contracts.events import (
    Announcement,
    Heartbeat,
    Instruments,
    Klines,
    Quote,
    StreamGap,
    StreamState,
    Tickers,
    Trade,
)
from contracts.facts import Watchlist, encode_fact
from contracts.settings import Settings, parse_settings
from infra.broker import LocalBroker
from tests.venues.log_reader import of, read_letters, read_log
from tests.venues.scripted_venue import ScriptedVenue, scripted_venue, ticker, trade
from venues.ingest import Ingest
from venues.ingest.status import read_status


def settings(venue: ScriptedVenue, broker: LocalBroker, var: Path, **ingest: Any) -> Settings:
    given = {
        "stream_url": f"ws://127.0.0.1:{venue.port}",
        "rest_url": f"http://127.0.0.1:{venue.port}",
        "backoff_first_s": 0.05,
        "history_bars": 5,
        "history_hours": 0,
        "detail_streams": ["trade", "bookTicker"],
        **ingest,
    }
    return parse_settings(
        {
            "broker": {"address": broker.address},
            "ingest": given,
            "run": {"folder": str(var)},
            "markets": {"binance.spot": {"partition": 2}, "xshg": {"partition": 5}},
        },
        "test",
    )


@contextlib.asynccontextmanager
async def running(made: Settings) -> AsyncIterator[Ingest]:
    ingest = Ingest(made)
    ready = asyncio.Event()
    task = asyncio.create_task(ingest.run(ready.set))
    await asyncio.wait([task, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield ingest
    finally:
        ingest.stop()
        await asyncio.wait_for(task, 30.0)


async def test_everything_heard_stands_on_the_log_in_order(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var, always_detail=["BTCUSDT"])
        async with running(made) as ingest:
            await venue.until(lambda: venue.live)
            assert venue.carried[0] == ["!miniTicker@arr", "btcusdt@trade", "btcusdt@bookTicker"]
            await venue.tickers(ticker("BTCUSDT", 5.0), ticker("ETHBTC"), ticker("ETHUSDT", 0.25))
            await venue.say("btcusdt@trade", trade("BTCUSDT", 7, 5.5))
            await venue.say("btcusdt@bookTicker", {"u": 1, "s": "BTCUSDT", "b": "5", "B": "1", "a": "6", "A": "2"})
            await venue.until(lambda: ingest.account.total().published == 3)
            await venue.until(lambda: ingest.reference.backfill.symbols_done == 2)
            await venue.until(lambda: ingest.heartbeats > 3)
        assert ingest.publisher.waiting == 0
    events = read_log(embedded_broker.address, 2)
    stamps = [event.ts_recv for event in events]
    assert stamps == sorted(stamps)
    beats = of(Heartbeat, events)
    assert [beat.sequence for beat in beats] == list(range(1, len(beats) + 1))
    others = of(Heartbeat, read_log(embedded_broker.address, 5))
    assert [beat.sequence for beat in others] == list(
        range(2, len(beats) + 1)
    )  # the first one only opened the producer
    [live] = [t for t in of(Tickers, events) if t.rows[0][2] == 5.0]
    assert [row[0] for row in live.rows] == ["BTCUSDT", "ETHUSDT"]  # ETHBTC is no market of USDT
    [traded] = of(Trade, events)
    assert (traded.symbol, traded.price, traded.quantity, traded.side, traded.trade_id) == ("BTCUSDT", 5.5, 2.0, 1, 7)
    [quote] = of(Quote, events)
    assert (quote.bid, quote.ask, quote.ts_event) == (5.0, 6.0, quote.ts_recv)
    [table] = [i for i in of(Instruments, events) if i.complete]
    assert [(row.symbol, row.tick_size, row.min_notional) for row in table.rows] == [
        ("BTCUSDT", "0.01", "5"),
        ("ETHUSDT", "0.01", "5"),
    ]
    assert [len(k.rows) for k in of(Klines, events)] == [5, 5]
    assert [k.symbol for k in of(Klines, events)] == ["ETHUSDT", "BTCUSDT"]  # the more liquid one first
    states = of(StreamState, events)
    assert [state.connected for state in states] == [True, False]
    status = read_status(var)
    assert status is not None
    assert status.unaccounted == 0
    assert status.frames.read == 3


async def test_dirty_frames_become_dead_letters_and_the_socket_lives_on(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with scripted_venue() as venue, running(settings(venue, embedded_broker, var)) as ingest:
        await venue.until(lambda: venue.live)
        await venue.say("", b"no json at all {")
        await venue.say("!miniTicker@arr", {"not": "a list"})
        await venue.tickers(
            ticker("BTCUSDT", 1.0), "no object", ticker("ETHUSDT", c="NaN"), ticker("XUSDT", 3.0, E=None)
        )
        await venue.say("", b'{"stream":"!miniTicker@arr","data":[{"E":1,"s":"BTCUSDT","c":NaN}]}')
        await venue.say("btcusdt@trade", {"e": "trade", "s": "BTCUSDT"})
        await venue.tickers(ticker("BTCUSDT", 2.0))
        await venue.until(lambda: ingest.account.total().read == 6)
        assert venue.live == [0]
    total = ingest.account.total()
    assert (total.published, total.dead_lettered, total.open) == (2, 4, 0)
    rows = ingest.account.ticker_rows
    assert (rows.read, rows.published, rows.dropped, rows.repaired) == (6, 3, 3, 1)
    letters = read_letters(embedded_broker.address)
    assert len(letters) == ingest.account.dead_letters == 5
    assert letters[0].raw == b"no json at all {"
    assert "payload is no list but an object" in letters[1].reason
    live = [t for t in of(Tickers, read_log(embedded_broker.address, 2)) if t.rows[0][2] != 1.5]
    assert [(row[0], row[2]) for t in live for row in t.rows] == [("BTCUSDT", 1.0), ("XUSDT", 3.0), ("BTCUSDT", 2.0)]
    assert live[0].rows[1][1] == live[0].ts_recv  # the time nobody could read became the receive time


async def test_a_dropped_socket_comes_back_with_its_streams_and_a_gap_event(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var, always_detail=["ETHUSDT"])
        async with running(made) as ingest:
            await venue.until(lambda: venue.live)
            await venue.say("ethusdt@trade", trade("ETHUSDT", 10))
            await venue.until(lambda: ingest.account.total().published == 1)
            venue.refuse_sockets = True
            await venue.drop()
            await venue.until(lambda: ingest.feed.failures >= 3)
            venue.refuse_sockets = False
            await venue.until(lambda: len(venue.live) == 1)
            assert venue.carried[-1] == venue.carried[0]
            await venue.say(
                "ethusdt@trade", trade("ETHUSDT", 10, ms=1_700_000_000_000)
            )  # the venue repeats its last trade
            await venue.say("ethusdt@trade", trade("ETHUSDT", 13))
            await venue.until(lambda: ingest.account.total().read == 3)
    events = read_log(embedded_broker.address, 2)
    assert [t.trade_id for t in of(Trade, events)] == [10, 13]
    gaps = of(StreamGap, events)
    assert [(gap.stream, gap.symbols) for gap in gaps] == [("market", []), ("trade", ["ETHUSDT"])]
    assert gaps[1].reason == "2 ids missing after 10"
    assert gaps[0].ts_from < gaps[0].ts_until == gaps[0].ts_recv
    assert [state.connected for state in of(StreamState, events)] == [True, False, True, False]
    assert ingest.account.of("trade").duplicate == 1
    assert ingest.account.total().open == 0


async def test_a_frozen_feed_is_opened_anew(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue, running(settings(venue, embedded_broker, var, silence_s=0.5)) as ingest:
        await venue.until(lambda: venue.live)
        await venue.tickers(ticker("BTCUSDT"))
        await venue.until(lambda: len(venue.sockets) == 2)
        assert venue.live == [1]
        await venue.tickers(ticker("BTCUSDT"))
        await venue.until(lambda: ingest.account.total().published == 2)
    gaps = of(StreamGap, read_log(embedded_broker.address, 2))
    assert len(gaps) == 1
    assert gaps[0].reason.startswith("silent for")


async def test_tickers_that_fall_silent_beside_talking_trades_open_the_feed_anew(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var, silence_s=1.0, always_detail=["BTCUSDT"])
        async with running(made):
            await venue.until(lambda: venue.live)
            await venue.tickers(ticker("BTCUSDT"))
            number = 0
            while len(venue.sockets) == 1:
                number += 1
                with contextlib.suppress(ConnectionError):
                    await venue.say("btcusdt@trade", trade("BTCUSDT", number), 0)
                await asyncio.sleep(0.05)
            await venue.until(lambda: venue.live == [1])
            await venue.tickers(ticker("BTCUSDT"))
            await venue.until(lambda: venue.live == [1])
    reasons = [state.reason for state in of(StreamState, read_log(embedded_broker.address, 2)) if state.reason]
    assert reasons[0].startswith("tickers silent for")


async def test_the_watchlist_subscribes_and_unsubscribes(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        venue.symbols.extend({**venue.symbols[0], "symbol": f"C{i}USDT"} for i in range(30))
        made = settings(venue, embedded_broker, var, max_detail_symbols=20, always_detail=["BTCUSDT"])
        wish(embedded_broker.address, ["OLDUSDT"])
        async with running(made) as ingest:
            await venue.until(lambda: ingest.universe.rows)
            wish(embedded_broker.address, [f"C{i}USDT" for i in range(30)])
            await venue.until(lambda: len(venue.carried[0]) == 41)
            assert venue.carried[0][-1].startswith("c")
            assert "c18usdt@trade" in venue.carried[0]
            assert "c19usdt@trade" not in venue.carried[0]
            wish(embedded_broker.address, ["C29USDT"])
            await venue.until(lambda: len(venue.carried[0]) == 5)
            await venue.until(lambda: ingest.feed.current is not None and ingest.feed.current.subscriptions.settled)
        assert sorted(venue.carried[0]) == sorted(
            ["!miniTicker@arr", "btcusdt@trade", "btcusdt@bookTicker", "c29usdt@trade", "c29usdt@bookTicker"]
        )
        assert ingest.account.total().control == len(venue.requests)
        sent = [at for at, _ in venue.requests]
        assert all(sent[i + 4] - sent[i] > 0.9 for i in range(len(sent) - 4))


async def test_a_watchlist_that_comes_while_the_connection_opens_is_streamed(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with scripted_venue() as venue:
        venue.admits.clear()
        async with running(settings(venue, embedded_broker, var)) as ingest:
            await venue.until(lambda: ingest.universe.rows)
            wish(embedded_broker.address, ["ETHUSDT"])
            await venue.until(lambda: ingest.detail.symbols)
            assert venue.carried == []
            venue.admits.set()
            await venue.until(lambda: venue.carried and "ethusdt@trade" in venue.carried[0])


async def test_a_rollover_loses_and_repeats_nothing(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var, rollover_s=0.5, always_detail=["BTCUSDT"])
        async with running(made) as ingest:
            await venue.until(lambda: venue.live)
            number, after = 0, 0
            while after < 50:  # trades after the feed has moved
                number += 1
                after += ingest.feed.rollovers > 0
                traded, priced = trade("BTCUSDT", number), ticker("BTCUSDT", number)  # each connection brings the same
                for socket in venue.live:
                    with contextlib.suppress(ConnectionError):
                        await venue.say("btcusdt@trade", traded, socket)
                        await venue.say("!miniTicker@arr", [priced], socket)
                await asyncio.sleep(0.02)
            await venue.until(lambda: ingest.intake.last_frame and ingest.account.of("trade").published == number)
    events = read_log(embedded_broker.address, 2)
    assert [t.trade_id for t in of(Trade, events)] == list(range(1, number + 1))
    live = [t.rows[0][2] for t in of(Tickers, events) if t.rows[0][2] != 1.5 or len(t.rows) == 1]
    assert live == [float(i) for i in range(1, number + 1)]
    assert of(StreamGap, events) == []
    assert ingest.account.total().duplicate > 0
    assert ingest.account.total().open == 0


async def test_a_shutdown_notice_moves_the_feed_before_it_ends(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue, running(settings(venue, embedded_broker, var)) as ingest:
        await venue.until(lambda: venue.live)
        await venue.tickers(ticker("BTCUSDT"))
        await venue.say("!serverShutdown", {"e": "serverShutdown", "E": 1770123456789}, 0)
        await venue.until(lambda: len(venue.live) == 2)
        await venue.tickers(ticker("BTCUSDT"), socket=1)
        await venue.until(lambda: venue.live == [1])
    assert ingest.feed.rollovers == 1
    assert of(StreamGap, read_log(embedded_broker.address, 2)) == []


async def test_a_new_symbol_is_published_announced_and_fetched(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var, instruments_refresh_s=0.2)
        async with running(made) as ingest:
            await venue.until(lambda: ingest.reference.backfill.symbols_done == 2)
            venue.symbols.append({**venue.symbols[0], "symbol": "NEWUSDT", "baseAsset": "NEW"})
            venue.symbols[1] = {**venue.symbols[1], "status": "BREAK"}
            await venue.until(lambda: ingest.reference.backfill.symbols_done == 3)
    events = read_log(embedded_broker.address, 2)
    changes = [
        (row.symbol, row.status) for i in of(Instruments, events)[1:] for row in i.rows if row.symbol != "BTCUSDT"
    ]
    assert ("ETHUSDT", "BREAK") in changes
    assert ("NEWUSDT", "TRADING") in changes
    [announced] = of(Announcement, events)
    assert (announced.source, announced.symbols, announced.category) == ("exchangeInfo", ["NEW"], "listing")
    assert "NEWUSDT" in [k.symbol for k in of(Klines, events)]
    asked = [question for question in venue.asked if "interval=1m" in question]
    assert len(asked) == 3  # one page each, never again


async def test_throttled_rest_waits_as_told_and_goes_on(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        venue.answers = [
            web.Response(status=429, headers={"Retry-After": "1"}, text='{"code":-1003,"msg":"Too many requests."}'),
            web.Response(status=500, text="<html>oops</html>"),
        ]
        async with running(settings(venue, embedded_broker, var)) as ingest:
            await venue.until(lambda: ingest.reference.backfill.symbols_done == 2, 30.0)
            assert ingest.reference.backfill.failed == 0
    assert len(of(Klines, read_log(embedded_broker.address, 2))) == 2


async def test_the_absence_of_ingest_itself_is_a_gap(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var)
        async with running(made):
            await venue.until(lambda: venue.live)
        async with running(made) as ingest:
            await venue.until(lambda: venue.live)
            await venue.tickers(ticker("BTCUSDT"))
            await venue.until(lambda: ingest.account.total().published == 1)
    [gap] = of(StreamGap, read_log(embedded_broker.address, 2))
    assert gap.reason == "ingest was not running"


def wish(address: str, symbols: list[str]) -> None:
    """The desk writes a watchlist."""
    fact = Watchlist(
        id="w",
        trace_id="t",
        market="binance.spot",
        partition=2,
        offset=0,
        ts_event=1,
        settings_hash="h",
        symbols=symbols,
    )
    producer = Producer({"bootstrap.servers": address})
    producer.produce("watchlist.v1", encode_fact(fact), b"binance.spot", partition=0)
    producer.flush(10.0)


async def test_without_a_broker_one_line_says_so(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contracts.errors import BrokerError
    from venues.ingest import publisher

    assert publisher.ANSWER_S <= 5.0
    monkeypatch.setattr(publisher, "ANSWER_S", 0.5)
    made = parse_settings({"broker": {"address": "127.0.0.1:1"}, "run": {"folder": str(var)}}, "test")
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1: no answer within .* start it"):
        await Ingest(made).run()


async def test_a_message_the_log_does_not_take_ends_ingest_with_one_line(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with scripted_venue() as venue:
        made = settings(venue, embedded_broker, var)
        made = replace(made, broker=replace(made.broker, delivery_timeout_ms=2000))
        task = asyncio.create_task(Ingest(made).run())
        await venue.until(lambda: venue.live)
        await asyncio.to_thread(embedded_broker.stop)
        with pytest.raises(DeliveryError, match=r"events\.v1\[\d\] did not take a message: .*; check the broker"):
            await asyncio.wait_for(task, 30.0)
    assert venue.live == []
