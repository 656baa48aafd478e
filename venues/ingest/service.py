"""The ingest service: feed, reference data, heartbeats and watchlist around one publisher."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from contracts.errors import SettingsError
from contracts.events import Heartbeat, StreamState
from contracts.settings import Settings
from venues.announcements import AnnouncementMonitor
from venues.binance.endpoints import ANNOUNCEMENTS_URL, endpoints
from venues.binance.frames import FrameReader
from venues.binance.history import MINUTE_MS
from venues.binance.rest import BinanceRest
from venues.ingest.account import Account
from venues.ingest.bar_cache import BarCache
from venues.ingest.clock import ReceiveClock
from venues.ingest.connection import Connection
from venues.ingest.detail import Detail
from venues.ingest.feed import Feed
from venues.ingest.intake import Intake
from venues.ingest.long_history import HOUR_MS
from venues.ingest.publisher import Publisher
from venues.ingest.reference import Reference
from venues.ingest.status import IngestStatus, read_status, write_status
from venues.ingest.universe import Universe
from venues.ingest.watchlist import WatchlistFollower
from venues.mentions import Mentions, simulated_feeds

MARKET = "binance.spot"
STATUS_EVERY_S = 2.0
LOG_EVERY_S = 60.0
LONGEST_ABSENCE_NS = 24 * 3600 * 10**9  # an older status file is another life's

log = structlog.get_logger()


class Ingest:
    """Run one venue into the log. `await run()` until `stop()`; whatever happens, what was appended is delivered
    before it ends.

    Raises BrokerError when no broker answers, DeliveryError when the log did not take a message, SettingsError on
    settings that contradict each other.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ingest = settings.ingest
        market = settings.markets.get(MARKET)
        if market is None:
            raise SettingsError(f"markets: expected `{MARKET}`, which ingest writes; add it with a partition")
        self.detail = Detail(self._ingest)
        self._places = endpoints(settings.ingest, settings.simulator)
        self.account = Account()
        self.clock = ReceiveClock()
        self.started = self.clock.now()
        self.publisher = Publisher(settings.broker, MARKET, market.partition, self.stop)
        self.universe = Universe(self._ingest.quote_asset, self._ingest.always_detail)
        self._reader = FrameReader(self._keeps)
        self.intake = Intake(self.publisher, self.clock, self._reader, self.account)
        self.feed = Feed(
            self._ingest,
            self._places,
            self.detail.streams,
            self._frame,
            self._opened,
            self._closed,
            self.intake.ticker_silence,
        )
        self._rest = BinanceRest(self._places, self._ingest.history_weight_per_minute)
        self.reference = Reference(
            self._ingest,
            self._rest,
            self.universe,
            self.clock.now,
            lambda: self.intake.skew_ns,
            self.intake.append,
            self.intake.letter,
            self._table_changed,
            lambda: self.detail.watchlist,
            self._bar_cache(MARKET, 2 * self._ingest.history_bars, MINUTE_MS),
            self._bar_cache(f"{MARKET}.1h", 2 * self._ingest.history_hours, HOUR_MS),
        )
        self.announcements = AnnouncementMonitor(
            settings.announcements,
            self._places.rest_url if self._ingest.venue == "simulated" else ANNOUNCEMENTS_URL,
            self.clock.now,
            self.intake.append,
            self.intake.letter,
            on_loopback=self._places.on_loopback,
        )
        self.mentions = Mentions(
            settings.mentions,
            self.clock.now,
            self.universe.has_base,
            self.intake.append,
            self.intake.letter,
            simulated_feeds(self._places.rest_url) if self._ingest.venue == "simulated" else (),
        )
        self.heartbeats = 0
        self._connected_since = 0
        self._folder = Path(settings.run.folder)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End `run` in order. Safe to call more than once; only from the event loop."""
        self._stopped.set()

    def watch(self, symbols: list[str]) -> None:
        """The desk asks for these symbols, most wanted first."""
        self.detail.watchlist = symbols
        self._choose_detail()

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Run until `stop`. `ready` is called as soon as the log takes messages."""
        loop = asyncio.get_running_loop()
        follower = WatchlistFollower(
            self.settings.broker.address,
            MARKET,
            lambda symbols: _soon(loop, lambda: self.watch(symbols)),
        )
        previous = read_status(self._folder)
        offset = await self.publisher.open(self._heartbeat())
        if offset > 0 and previous is not None and 0 < self.started - previous.ts < LONGEST_ABSENCE_NS:
            self.intake.missed(previous.ts, "ingest was not running")
        follower.start()
        if ready is not None:
            ready()
        tasks: list[asyncio.Task[Any]] = []
        feed = asyncio.create_task(self.feed.run())
        try:
            async with self._rest:
                jobs: list[Coroutine[Any, Any, None]] = [
                    self.publisher.poll_forever(),
                    self._beat(),
                    self._tell(),
                    self.reference.run(),
                    self._hear(),
                ]
                if self.settings.announcements.enabled:
                    jobs.append(self.announcements.run())
                tasks = [asyncio.create_task(job) for job in jobs]
                stopped = asyncio.create_task(self._stopped.wait())
                done, _ = await asyncio.wait([stopped, feed, *tasks], return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                self.feed.stop()
                await asyncio.wait([feed], timeout=10.0)
                for task in [feed, *tasks]:
                    task.cancel()
                await asyncio.gather(feed, *tasks, return_exceptions=True)
                for task in done - {stopped}:
                    task.result()  # a task that ended by itself says why
        finally:
            await asyncio.to_thread(follower.stop)
            try:
                await self.publisher.close()
            finally:
                write_status(self._folder, self.status())
                log.info("ingest_stopped", **self._figures())

    def status(self) -> IngestStatus:
        """How things stand now."""
        now = self.clock.now()
        total = self.account.total()
        self.account.rollovers = self.feed.rollovers
        connected = self.feed.current is not None
        return IngestStatus(
            pid=os.getpid(),
            market=MARKET,
            venue=self._ingest.venue,
            started=self.started,
            ts=now,
            connected=connected,
            connected_since=self._connected_since,
            last_frame_age_ms=(now - self.intake.last_frame) // 1_000_000 if self.intake.last_frame else -1,
            last_error=self.feed.last_error,
            streams=sorted(self.feed.current.subscriptions.carried) if self.feed.current is not None else [],
            watchlist=self.detail.watchlist,
            heartbeats=self.heartbeats,
            produced=self.publisher.produced,
            delivered=self.publisher.delivered,
            frames=total,
            unaccounted=total.open,
            account=self.account,
            instruments=len(self.universe.rows),
            history_symbols_done=self.reference.backfill.symbols_done,
            history_symbols_asked=self.reference.backfill.symbols_asked,
            history_bars=self.reference.backfill.bars,
            rest_requests=self._rest.requests,
            rest_throttled=self._rest.throttled,
            clock_skew_ms=self.intake.skew_ns // 1_000_000,
        )

    def _bar_cache(self, name: str, most: int, step_ms: int) -> BarCache | None:
        """None for a simulated market, which is another one at each start."""
        if self._ingest.venue == "simulated":
            return None
        return BarCache(Path(self.settings.run.folder) / "history" / name, most, step_ms)

    def _frame(self, connection: Connection, frame: bytes, repeated: bool) -> None:
        if self.intake.take(connection, frame, repeated):
            self.feed.shutdown_announced()

    def _opened(self) -> None:
        now = self.clock.now()
        self._connected_since = now
        self.intake.last_tickers = 0
        self.account.connections += 1
        self.intake.append(StreamState(ts_recv=now, stream="market", connected=True))
        if self.intake.last_frame:
            self.account.reconnects += 1
            self.reference.gap((now - self.intake.last_frame) / 1e9)

    def _closed(self, reason: str) -> None:
        self.intake.append(StreamState(ts_recv=self.clock.now(), stream="market", connected=False, reason=reason))
        self.intake.away(reason)

    def _keeps(self, symbol: str) -> bool:
        kept = self.universe.keeps(symbol)
        if kept and self.universe.rows and symbol not in self.universe.rows:
            self.reference.unknown_symbol()
        return kept

    def _table_changed(self) -> None:
        self._reader.tickers.forget()
        self._choose_detail()

    def _choose_detail(self) -> None:
        for symbol in self.detail.choose(self.universe.rows):
            self.intake.forget(symbol)
        self.feed.changed()

    def _heartbeat(self) -> Heartbeat:
        self.heartbeats += 1
        return Heartbeat(ts_recv=self.clock.now(), sequence=self.heartbeats)

    async def _beat(self) -> None:
        period = self._ingest.heartbeat_ms / 1000
        due = time.monotonic() + period
        while True:
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            due = max(due + period, time.monotonic())
            beat = self._heartbeat()
            for name, market in self.settings.markets.items():
                self.publisher.append(beat, market.partition, name)

    async def _hear(self) -> None:
        """Mentions from the first table of instruments on: before it, every coin is unknown."""
        await self.universe.known.wait()
        await self.mentions.run()

    async def _tell(self) -> None:
        logged = time.monotonic()
        while True:
            write_status(self._folder, self.status())
            if time.monotonic() - logged >= LOG_EVERY_S:
                logged = time.monotonic()
                log.info("ingest", **self._figures())
            await asyncio.sleep(STATUS_EVERY_S)

    def _figures(self) -> dict[str, Any]:
        total = self.account.total()
        return {
            **{name: getattr(total, name) for name in total.__struct_fields__},
            "unaccounted": total.open,
            "rows_dropped": self.account.ticker_rows.dropped,
            "dead_letters": self.account.dead_letters,
            "produced": self.publisher.produced,
            "undelivered": self.publisher.waiting,
            "reconnects": self.account.reconnects,
            "streams": {name: fates.read for name, fates in self.account.frames.items()},
        }


def serve(settings: Settings, *, ready: Callable[[], None] | None = None) -> None:
    """Run ingest until SIGTERM or SIGINT, then deliver what was appended and return. Raises as `Ingest` does."""
    asyncio.run(_serve(settings, ready))


async def _serve(settings: Settings, ready: Callable[[], None] | None) -> None:
    ingest = Ingest(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ingest.stop)
    await ingest.run(ready)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Call on the loop's thread; nothing happens if the loop has ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
