"""What went in is accounted for: every frame read has one fate, counted by kind of stream."""

from __future__ import annotations

import msgspec

from venues.binance.tickers import TickerReading


class Fates(msgspec.Struct, kw_only=True):
    """Frames of one kind of stream: read = published + dead_lettered + control + duplicate + filtered."""

    read: int = 0
    published: int = 0
    dead_lettered: int = 0
    control: int = 0  # answers to our requests, shutdown notices
    duplicate: int = 0  # already published, by its id
    filtered: int = 0  # nothing of our market in it

    @property
    def open(self) -> int:
        """Frames without a fate; anything but 0 is a defect."""
        return self.read - self.published - self.dead_lettered - self.control - self.duplicate - self.filtered


class Rows(msgspec.Struct, kw_only=True):
    """Rows of ticker arrays: read = published + dropped + filtered + duplicate. Repaired ones are published."""

    read: int = 0
    published: int = 0
    dropped: int = 0
    repaired: int = 0
    filtered: int = 0
    duplicate: int = 0


class Account(msgspec.Struct, kw_only=True):
    """Counters of one run of ingest."""

    frames: dict[str, Fates] = {}
    ticker_rows: Rows = msgspec.field(default_factory=Rows)
    events: dict[str, int] = {}  # appended to the log, by type
    dead_letters: int = 0
    trade_ids_missing: int = 0
    trade_id_resets: int = 0
    connections: int = 0
    reconnects: int = 0
    rollovers: int = 0
    refused_streams: int = 0

    def of(self, stream: str) -> Fates:
        """The counters of one kind of stream."""
        fates = self.frames.get(stream)
        if fates is None:
            fates = self.frames[stream] = Fates()
        return fates

    def rows(self, read: TickerReading, *, duplicate: bool = False) -> None:
        """Count the rows of one ticker array."""
        rows = self.ticker_rows
        rows.read += read.read
        rows.dropped += read.dropped
        rows.filtered += read.filtered
        if duplicate:
            rows.duplicate += len(read.rows)
        else:
            rows.published += len(read.rows)
            rows.repaired += read.repaired

    def total(self) -> Fates:
        """All frames together."""
        total = Fates()
        for fates in self.frames.values():
            for name in fates.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(fates, name))
        return total
