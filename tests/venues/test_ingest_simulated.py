"""Ingest against the simulated exchange: recorded sessions to the message, faults, and a broker that goes away."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contracts.events import Depth, Heartbeat, Klines, Quote, StreamGap, StreamState, Tickers, Trade
from contracts.settings import Settings, parse_settings
from contracts.settings.simulator import SimulatorSettings
from infra.broker import LocalBroker
from tests.recorded import recorded
from tests.venues.log_reader import of, read_letters, read_log
from venues.ingest import Ingest
from venues.simulated.faults import Dirt, Fault, FaultRequest
from venues.simulated.server import SimulatedExchange


@contextlib.asynccontextmanager
async def exchange(**settings: Any) -> AsyncIterator[SimulatedExchange]:
    simulated = SimulatedExchange(SimulatorSettings(port=0, **settings))
    await simulated.start()
    try:
        yield simulated
    finally:
        await simulated.stop()


def made(simulated: SimulatedExchange, broker: LocalBroker, var: Path, **ingest: Any) -> Settings:
    return parse_settings(
        {
            "broker": {"address": broker.address},
            "simulator": {"port": simulated.port},
            "ingest": {"backoff_first_s": 0.05, "history_bars": 10, **ingest},
            "run": {"folder": str(var)},
        },
        "test",
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Ingest]:
    ingest = Ingest(settings)
    ready = asyncio.Event()
    task = asyncio.create_task(ingest.run(ready.set))
    await asyncio.wait([task, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield ingest
    finally:
        ingest.stop()
        await asyncio.wait_for(task, 60.0)


async def until(condition: Any, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is a counter of the program under test
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("path", "symbols", "streams", "speed"),
    [
        (
            "hftbacktest_raw_binance/spot_btcusdt_20240808.wsraw.gz",
            ["BTCUSDT"],
            ["trade", "bookTicker", "depth@100ms"],
            60.0,
        ),
        (
            "cryptofeed_raw/BINANCE.jsonl.gz",
            ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"],
            ["aggTrade", "bookTicker", "depth@100ms", "kline_1m"],
            20.0,
        ),
    ],
)
async def test_a_recorded_session_is_accounted_for_to_the_message(
    broker: LocalBroker, var: Path, path: str, symbols: list[str], streams: list[str], speed: float
) -> None:
    async with exchange(recording=str(recorded(path)), speed=speed) as simulated:
        settings = made(simulated, broker, var, always_detail=symbols, detail_streams=streams)
        async with running(settings) as ingest:
            assert simulated.player is not None
            await until(simulated.player.done.is_set, 60.0)
            sent = sum(simulated.hub.sent.values())
            await until(lambda: ingest.account.total().read == sent)
        frames = simulated.player.recording.counts
        assert sent == sum(frames.values())
    total = ingest.account.total()
    assert (total.published, total.dead_lettered, total.open) == (sent, 0, 0)
    kinds = {"trade": Trade, "aggTrade": Trade, "bookTicker": Quote, "depth": Depth, "kline": Klines}
    expected = Counter(kinds[stream.split("@")[1].split("_")[0]] for stream in frames.elements())
    events = read_log(broker.address)
    assert {kind: len(of(kind, events)) for kind in expected} == expected
    assert ingest.publisher.delivered == len(events)


async def test_dirty_frames_of_every_kind_are_counted_and_the_feed_goes_on(
    embedded_broker: LocalBroker, var: Path
) -> None:
    async with exchange(symbols=20) as simulated:
        settings = made(simulated, embedded_broker, var, always_detail=["BTCUSDT", "ETHUSDT"])
        async with running(settings) as ingest:
            await until(lambda: ingest.account.of("!miniTicker@arr").read >= 1)
            simulated.faults.set(FaultRequest(fault=Fault.DIRTY_FRAMES, count=60, dirt=list(Dirt)))
            await until(lambda: simulated.faults.used.get(Fault.DIRTY_FRAMES, 0) == 60)
            seen = ingest.account.total().published
            await until(lambda: ingest.account.total().published > seen + 50)
        assert ingest.account.connections == 1
    total = ingest.account.total()
    assert total.open == 0
    assert total.dead_lettered > 20  # a bad `E` of a trade or quote is no harm: their time is another field
    letters = read_letters(embedded_broker.address)
    assert len(letters) == ingest.account.dead_letters
    assert all(letter.reason and letter.raw for letter in letters)


async def test_faults_of_the_venue_leave_gaps_that_are_told(embedded_broker: LocalBroker, var: Path) -> None:
    async with exchange(symbols=20) as simulated:
        settings = made(simulated, embedded_broker, var, always_detail=["BTCUSDT"], silence_s=2.0)
        async with running(settings) as ingest:
            await until(lambda: ingest.account.total().published > 20)
            simulated.drop_sockets()
            await until(lambda: ingest.account.reconnects == 1)
            await until(lambda: ingest.feed.current is not None and ingest.feed.current.frames > 20)
            simulated.faults.set(FaultRequest(fault=Fault.FREEZE_FEED, seconds=3.0))
            await until(lambda: ingest.account.reconnects >= 2)
            await until(lambda: not simulated.faults.frozen)
            await until(lambda: ingest.feed.current is not None and ingest.feed.current.frames > 20)
            simulated.announce_shutdown()
            simulated.drop_later(1.0)
            await until(lambda: ingest.feed.rollovers == 1)
            seen = ingest.account.total().published
            await until(lambda: ingest.account.total().published > seen + 20)
        assert ingest.account.total().open == 0
    events = read_log(embedded_broker.address)
    ids = [trade.trade_id for trade in of(Trade, events)]
    assert ids == sorted(set(ids))
    skipped = sum(later - earlier - 1 for earlier, later in pairwise(ids))
    assert skipped == ingest.account.trade_ids_missing
    market_gaps = [gap for gap in of(StreamGap, events) if gap.stream == "market"]
    assert len(market_gaps) == ingest.account.reconnects
    assert any("silent" in gap.reason for gap in market_gaps)
    states = [state.connected for state in of(StreamState, events)]
    assert states == [True, False] * (ingest.account.reconnects + 1)
    beats = of(Heartbeat, events)
    assert [beat.sequence for beat in beats] == list(range(1, len(beats) + 1))


async def test_a_storm_of_429_delays_history_and_loses_none_of_it(embedded_broker: LocalBroker, var: Path) -> None:
    async with exchange(symbols=20) as simulated:
        simulated.faults.set(FaultRequest(fault=Fault.RATE_LIMIT, seconds=2.0))
        async with running(made(simulated, embedded_broker, var)) as ingest:
            await until(lambda: ingest.reference.backfill.symbols_done == 20)
            assert ingest.status().rest_throttled >= 1
            assert ingest.reference.backfill.failed == 0
            await until(lambda: ingest.reference.long_history.bars == 20 * 720)  # a month of hours behind the minutes
    bars = of(Klines, read_log(embedded_broker.address))
    assert sum(len(event.rows) for event in bars if event.interval == "1m") == 200
    opens = Counter((event.symbol, event.interval, row[0]) for event in bars for row in event.rows)
    assert max(opens.values()) == 1


@pytest.mark.kafka
async def test_a_broker_away_for_seconds_loses_and_doubles_nothing(kafka_broker: LocalBroker, var: Path) -> None:
    async with exchange(symbols=20) as simulated:
        settings = made(simulated, kafka_broker, var, always_detail=["BTCUSDT", "ETHUSDT", "SOLUSDT"])
        async with running(settings) as ingest:
            await until(lambda: ingest.account.total().published > 50)
            await asyncio.to_thread(kafka_broker.stop)
            before = ingest.account.total().published
            await asyncio.sleep(3.0)
            assert ingest.account.total().published > before  # the feed is read on while the broker is away
            await asyncio.to_thread(kafka_broker.start)
            await until(lambda: ingest.publisher.waiting < 50, 60.0)
        assert ingest.publisher.waiting == 0
    events = read_log(kafka_broker.address)
    published = ingest.account.of("trade").published + ingest.account.of("bookTicker").published
    assert len(of(Trade, events)) + len(of(Quote, events)) == published
    # The last one was already appended when the account was closed.
    assert len(of(Tickers, events)) == ingest.account.events["tickers"]
    ids = [(trade.symbol, trade.trade_id) for trade in of(Trade, events)]
    assert len(ids) == len(set(ids))
    beats = of(Heartbeat, events)
    assert [beat.sequence for beat in beats] == list(range(1, len(beats) + 1))
    stamps = [event.ts_recv for event in events]
    assert stamps == sorted(stamps)
