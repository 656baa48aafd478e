"""Frames into events: read, tell repetitions and gaps, append, and keep account of every one."""

from __future__ import annotations

from contracts.events import LogEvent, StreamGap, Tickers, Trade
from venues.binance.frames import CONTROL, FrameReader, Reading
from venues.binance.tickers import Dirt
from venues.ingest.account import Account
from venues.ingest.clock import ReceiveClock
from venues.ingest.connection import Connection
from venues.ingest.publisher import Publisher
from venues.ingest.sequences import NewestOnly, Order, TradeSequence


class Intake:
    """The way of a frame. `take` never raises for what the venue sent."""

    def __init__(self, publisher: Publisher, clock: ReceiveClock, reader: FrameReader, account: Account) -> None:
        self._publisher = publisher
        self._clock = clock
        self._reader = reader
        self._account = account
        self._trades = TradeSequence()
        self._newest = NewestOnly()
        self._away_since = 0
        self._away_reason = ""
        self.last_frame = 0  # ns; the last frame of market data
        self.last_tickers = 0  # ns; the last ticker array of this connection, 0 before its first
        self.skew_ns = 0  # venue's clock minus ours, at the newest ticker array
        self.unknown: set[str] = set()  # symbols that traded and were not looked up in the table yet

    def append(self, event: LogEvent) -> None:
        """Append an event of the market and count it."""
        kind = str(type(event).__struct_config__.tag)
        self._account.events[kind] = self._account.events.get(kind, 0) + 1
        self._publisher.append(event)

    def letter(self, source: str, dirt: Dirt) -> None:
        """Put dirt on record and count it."""
        self._account.dead_letters += 1
        self._publisher.dead_letter(f"{self._publisher.market}:{source}", dirt.reason, dirt.raw, self._clock.now())

    def away(self, reason: str) -> None:
        """The feed broke: the next frame closes a gap that begins with the last one."""
        if self._away_since == 0 and self.last_frame:
            self._away_since, self._away_reason = self.last_frame, reason

    def ticker_silence(self) -> float:
        """Seconds since the connection's last ticker array, which comes each second; 0 before its first."""
        return (self._clock.now() - self.last_tickers) / 1e9 if self.last_tickers else 0.0

    def missed(self, since: int, reason: str) -> None:
        """Nothing was received since this time (ns): the next frame closes the gap."""
        self._away_since, self._away_reason = since, reason

    def forget(self, symbol: str) -> None:
        """The symbol's own streams were given up."""
        self._trades.forget(symbol)
        self._newest.forget(symbol)

    def take(self, connection: Connection, frame: bytes, repeated: bool) -> bool:
        """Give one frame its fate. True if it was the venue's notice that it will close the connection.

        repeated: another connection may have brought the same already.
        """
        ts_recv = self._clock.now()
        reading = self._reader.read(frame, ts_recv)
        fates = self._account.of(reading.stream)
        fates.read += 1
        if reading.stream == CONTROL:
            fates.control += 1
            if reading.control is not None:
                connection.subscriptions.answered(reading.control)
            return reading.shutdown
        event = reading.event
        if event is None:
            if reading.tickers is not None:
                self._account.rows(reading.tickers)
            if reading.filtered:
                fates.filtered += 1
            else:
                fates.dead_lettered += 1
                self.letter(reading.stream, reading.dirt or Dirt("unreadable", frame))
            return False
        if self._away_since:
            self._close_gap(ts_recv)
        self.last_frame = ts_recv
        if reading.tickers is not None:
            self.last_tickers = ts_recv
        if self._repeats(reading, event, repeated):
            fates.duplicate += 1
            if reading.tickers is not None:
                self._account.rows(reading.tickers, duplicate=True)
            return False
        fates.published += 1
        self.append(event)
        if reading.tickers is not None:
            self._account.rows(reading.tickers)
            self.skew_ns = reading.tickers.newest - ts_recv
            if reading.dirt is not None:
                self.letter(reading.stream, reading.dirt)
        return False

    def _repeats(self, reading: Reading, event: LogEvent, repeated: bool) -> bool:
        """Whether this was published before. Notes what it brings, and publishes the gap that a jump of trade ids
        shows.
        """
        if not isinstance(event, Trade):
            symbol = "" if isinstance(event, Tickers) else event.symbol  # type: ignore[union-attr]
            return self._newest.repeats(reading.stream, symbol, reading.sequence, overlapping=repeated)
        order = self._trades.judge(reading.stream, event)
        if order is Order.REPEATED:
            return True
        if order is Order.JUMPED:
            last = self._trades.last[reading.stream, event.symbol]
            missing = event.trade_id - last.trade_id - 1
            self._account.trade_ids_missing += missing
            self.append(
                StreamGap(
                    ts_recv=event.ts_recv,
                    stream=reading.stream,
                    symbols=[event.symbol],
                    ts_from=last.ts_recv,
                    ts_until=event.ts_recv,
                    reason=f"{missing} ids missing after {last.trade_id}",
                )
            )
        elif order is Order.RESET:
            self._account.trade_id_resets += 1
        self._trades.remember(reading.stream, event)
        return False

    def _close_gap(self, ts_recv: int) -> None:
        self.append(
            StreamGap(
                ts_recv=ts_recv,
                stream="market",
                symbols=[],
                ts_from=self._away_since,
                ts_until=ts_recv,
                reason=self._away_reason,
            )
        )
        self._away_since = 0
