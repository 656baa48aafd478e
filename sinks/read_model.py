"""The read model: facts as tables for the cockpit, in SQLite (WAL) or PostgreSQL.

Rows and the positions they were read up to are written in one transaction, so that a crash neither loses nor doubles
anything. Everything here follows from the topics: a read model may be deleted, the projector makes it anew from what
the topics still hold.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    delete,
    func,
    inspect,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from contracts import facts
from contracts import read_model as model
from contracts.errors import StateError
from sinks.database import open_engine
from sinks.read_model_rows import Gathered, Row, candidate_rows, clip, map_rows, merge_order, snapshot_row
from sinks.upserts import Condition, insert_new, upsert

MOST_TOLD = 5_000  # announcements and mentions kept per market: a talkative feed does not fill the disk within `keep_days`
CHUNK = 500  # keys in one IN (...), rows in one deletion step of a few milliseconds
PRUNED = {
    model.bars: "ts_open",
    model.indicators: "ts_open",
    model.heat_history: "ts_event",
    model.happenings: "ts_event",
    model.announcements: "ts_event",
    model.mentions: "ts_event",
    model.decisions: "ts_event",
    model.order_events: "ts_event",
    model.fills: "ts_event",
    model.orders: "ts_event",
    model.positions: "closed_at",
    model.equity: "ts_event",
    model.alerts: "ts_event",
    model.commands: "ts_event",
}


SIGNALS_KEPT_H = 12.0  # evaluations come once a minute for every coin in the pool


class ReadModel:
    """One writer's view of the tables. Raises StateError when a second writer moves the positions.

    A failing database raises sqlalchemy.exc.DBAPIError: nothing of that batch was written, starting again repeats it.
    For the person on call: is the disk full, is the database up? Then start the projector again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_engine(url)
        self._dialect = self._engine.dialect.name
        try:
            self._create()
        except BaseException:
            self._engine.dispose()
            raise
        self._upserts = {table: upsert(self._dialect, table, when) for table, when in _WHEN.items()}
        self._inserts = {table: insert_new(self._dialect, table) for table in _ONCE}
        # What was written as a bar closed stays: the past of a chart fills in what is missing.
        self._past_indicators = upsert(self._dialect, model.indicators, lambda old, _: ~old.closed)
        self._sequence = self._last_sequence()
        self.rows = 0

    def _create(self) -> None:
        shown = make_url(self.url).render_as_string()
        try:
            known = set(inspect(self._engine).get_table_names())
            if known & set(model.metadata.tables) and model.meta.name not in known:
                raise StateError(f"read model {shown}: tables without a version; {_ANEW}")
            model.metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                version = self._meta(connection, "schema_version")
                if version is None:
                    self._set_meta(connection, "schema_version", str(model.SCHEMA_VERSION))
        except DBAPIError as e:
            raise StateError(f"read model {shown}: {str(e.orig).splitlines()[0]}") from e
        if version not in (None, str(model.SCHEMA_VERSION)):
            raise StateError(f"read model {shown}: version {version}, expected {model.SCHEMA_VERSION}; {_ANEW}")

    def _last_sequence(self) -> int:
        with self._engine.begin() as connection:
            found = [
                connection.execute(select(func.max(table.c.sequence))).scalar()
                for table in (model.bars, model.order_events, model.fills)
            ]
        return max((value for value in found if value is not None), default=0)

    def positions(self) -> dict[tuple[str, int], int]:
        """Next offset to read by (topic, partition)."""
        with self._engine.begin() as connection:
            return self._positions(connection)

    def _positions(self, connection: Connection) -> dict[tuple[str, int], int]:
        rows = connection.execute(select(model.offsets.c.topic, model.offsets.c.partition, model.offsets.c.offset))
        return {(topic, partition): offset for topic, partition, offset in rows}

    def adopt_log(self, log_id: str) -> bool:
        """Say which log is being read. Returns True when the tables held another one and were emptied for it.

        Positions of one log mean nothing in another, and ids made of them would collide.
        """
        with self._engine.begin() as connection:
            known = self._meta(connection, "log_id")
            if known == log_id:
                return False
            self._set_meta(connection, "log_id", log_id)
            if known is None:
                return False
            for table in model.metadata.sorted_tables:
                if table is not model.meta:
                    connection.execute(delete(table))
        return True

    def write(
        self, batch: Gathered, moved: Mapping[tuple[str, int], int], expected: Mapping[tuple[str, int], int]
    ) -> int:
        """Write a batch and the positions it `moved` to, in one transaction; returns the number of rows.

        expected: positions as this writer knows them. Raises StateError if the tables hold others: then somebody else
        writes too.
        """
        sequence = self._sequence
        try:
            rows = self._write(batch, moved, expected)
        except BaseException:
            self._sequence = sequence  # only a committed transaction uses numbers up
            raise
        self.rows += rows
        return rows

    def _write(
        self, batch: Gathered, moved: Mapping[tuple[str, int], int], expected: Mapping[tuple[str, int], int]
    ) -> int:
        with self._engine.begin() as connection:
            stored = self._positions(connection)
            for place in moved:
                if stored.get(place) != expected.get(place):
                    raise StateError(
                        f"read model {make_url(self.url).render_as_string()}: {place[0]} is at {stored.get(place)}, "
                        f"expected {expected.get(place)}: another projector writes here; stop one of them"
                    )
            rows = self._write_all(connection, batch)
            now = time.time_ns()
            marks = [
                {"topic": topic, "partition": partition, "offset": offset, "ts_written": now}
                for (topic, partition), offset in moved.items()
            ]
            self._put(connection, model.offsets, marks)
        return rows

    def _write_all(self, connection: Connection, batch: Gathered) -> int:
        rows = self._put(connection, model.bars, self._numbered(batch.bars.values()))
        for snapshot in batch.snapshots.values():
            rows += self._snapshot(connection, snapshot)
        for market_map in batch.maps.values():
            rows += self._market_map(connection, market_map)
        rows += self._put(connection, model.announcements, list(batch.announcements.values()))
        rows += self._put(connection, model.mentions, list(batch.mentions.values()))
        rows += self._put(connection, model.heat_history, list(batch.heat.values()))
        rows += self._put(connection, model.happenings, list(batch.happenings.values()))
        rows += self._put(connection, model.indicators, list(batch.indicators.values()))
        past = list(batch.past_indicators.values())
        if past:
            connection.execute(self._past_indicators, past)
        rows += len(past)
        rows += self._put(connection, model.signal_history, list(batch.signal_history.values()))
        rows += self._put(connection, model.signals, list(batch.signals.values()))
        rows += self._put(connection, model.decisions, list(batch.decisions.values()))
        rows += self._put(connection, model.order_events, self._numbered(batch.order_events.values()))
        rows += self._put(connection, model.fills, self._numbered(batch.fills.values()))
        rows += self._orders(connection, batch)
        rows += self._put(connection, model.positions, list(batch.positions.values()))
        rows += self._put(connection, model.equity, list(batch.equity.values()))
        rows += self._put(connection, model.engine, list(batch.engine.values()))
        rows += self._put(connection, model.model_health, list(batch.model_health.values()))
        rows += self._put(connection, model.alerts, list(batch.alerts.values()))
        rows += self._put(connection, model.commands, list(batch.commands.values()))
        return rows + self._letters(connection, batch.letters)

    def _put(self, connection: Connection, table: Any, rows: list[Row]) -> int:
        if rows:
            connection.execute(self._upserts[table] if table in self._upserts else self._inserts[table], rows)
        return len(rows)

    def _numbered(self, rows: Any) -> list[Row]:
        numbered = []
        for row in rows:
            self._sequence += 1
            numbered.append(row | {"sequence": self._sequence})
        return numbered

    def _snapshot(self, connection: Connection, fact: facts.CandidateSnapshot) -> int:
        stored = connection.execute(
            select(model.snapshots.c.ts_event).where(model.snapshots.c.market == fact.market)
        ).scalar()
        if stored is not None and stored > fact.ts_event:
            return 0
        table = model.candidates
        rows = candidate_rows(fact)
        self._put(connection, table, rows)
        # Every row of this snapshot carries its time now: the others are coins that left.
        connection.execute(delete(table).where(table.c.market == fact.market, table.c.ts_event != fact.ts_event))
        if stored == fact.ts_event:
            names = {row["symbol"] for row in rows}
            of_market = connection.execute(select(table.c.symbol).where(table.c.market == fact.market)).scalars()
            for name in [name for name in of_market if name not in names]:
                connection.execute(delete(table).where(table.c.market == fact.market, table.c.symbol == name))
        self._put(connection, model.snapshots, [snapshot_row(fact)])
        return len(rows) + 1

    def _market_map(self, connection: Connection, fact: facts.MarketMap) -> int:
        table = model.market_map
        of_market = table.c.market == fact.market
        stored = connection.execute(select(func.max(table.c.ts_event)).where(of_market)).scalar()
        if stored is not None and stored > fact.ts_event:
            return 0
        connection.execute(delete(table).where(of_market))
        return self._put(connection, table, map_rows(fact))

    def _orders(self, connection: Connection, batch: Gathered) -> int:
        table, fills = model.orders, model.fills
        ids = list(batch.orders)
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            known = {
                row["client_order_id"]: dict(row)
                for row in connection.execute(select(table).where(table.c.client_order_id.in_(chunk))).mappings()
            }
            paid = select(fills.c.client_order_id, func.sum(fills.c.fee)).where(fills.c.client_order_id.in_(chunk))
            fees = {row[0]: row[1] for row in connection.execute(paid.group_by(fills.c.client_order_id))}
            rows = [merge_order(known.get(key), batch.orders[key]) | {"fee": fees.get(key, 0.0)} for key in chunk]
            self._put(connection, table, rows)
        return len(ids)

    def _letters(self, connection: Connection, letters: list[facts.DeadLetter]) -> int:
        table = model.dead_letters
        known: dict[tuple[str, str], Row] = {}
        for letter in letters:
            key = (clip(letter.source, 80), clip(letter.reason, 200))
            if key not in known:
                where = (table.c.source == key[0], table.c.reason == key[1])
                found = connection.execute(select(table).where(*where)).mappings().first()
                fresh = {"source": key[0], "reason": key[1], "count": 0, "ts_recv": 0, "last_offset": None}
                known[key] = dict(found) if found is not None else fresh
            row = known[key]
            if letter.offset is not None:
                # A desk that resumes tells of the same messages again.
                if row["last_offset"] is not None and letter.offset <= row["last_offset"]:
                    continue
                row["last_offset"] = letter.offset
            row["count"] += 1
            row["ts_recv"] = max(row["ts_recv"], letter.ts_recv)
        return self._put(connection, table, list(known.values()))

    def prune(self, keep_days: float, steps: int = 20) -> int:
        """Delete what is older than `keep_days` before the newest event, a few thousand rows at most; returns how many.

        Time is the log's, not the clock's, so that a recorded week stays readable. Open positions and the newest
        states are kept.
        """
        deleted = 0
        with self._engine.begin() as connection:
            newest = {
                market: ts_event
                for table in (model.engine, model.snapshots)
                for market, ts_event in connection.execute(select(table.c.market, table.c.ts_event))
            }
        row_id: Any = literal_column("ctid" if self._dialect == "postgresql" else "rowid")
        if not newest:
            return 0
        keep = int(keep_days * 86_400e9)
        for table, column in PRUNED.items():
            if "market" not in table.c:
                deleted += self._delete(
                    table, select(row_id).where(table.c[column] < min(newest.values()) - keep), steps
                )
                continue
            for market, ts_event in newest.items():
                old = select(row_id).where(table.c.market == market, table.c[column] < ts_event - keep)
                deleted += self._delete(table, old, steps)
        for table in (model.announcements, model.mentions):
            for market in newest:
                kept = select(table.c.ts_event).where(table.c.market == market).order_by(table.c.ts_event.desc())
                last = kept.offset(MOST_TOLD - 1).limit(1).scalar_subquery()
                old = select(row_id).where(table.c.market == market, table.c.ts_event < last)
                deleted += self._delete(table, old, steps)
        history = model.signal_history
        for market, ts_event in newest.items():
            # What led to a decision is kept as long as the decision.
            waits = min(keep, int(SIGNALS_KEPT_H * 3600e9))
            for where in (
                (history.c.action == "wait") & (history.c.ts_event < ts_event - waits),
                history.c.ts_event < ts_event - keep,
            ):
                old = select(row_id).select_from(history).where(history.c.market == market, where)
                deleted += self._delete(history, old, steps)
        return deleted

    def _delete(self, table: Table, old: Select[Any], steps: int) -> int:
        row_id: Any = old.selected_columns[0]
        deleted = 0
        for _ in range(steps):
            # One transaction each, so that a long clearing does not hold up what comes in.
            with self._engine.begin() as connection:
                count = connection.execute(delete(table).where(row_id.in_(old.limit(CHUNK)))).rowcount
            deleted += count
            if count < CHUNK:
                break
        return deleted

    def close(self) -> None:
        """Close every connection; SQLite folds its write-ahead log in."""
        self._engine.dispose()

    def _meta(self, connection: Connection, key: str) -> str | None:
        return connection.execute(select(model.meta.c.value).where(model.meta.c.key == key)).scalar()

    def _set_meta(self, connection: Connection, key: str, value: str) -> None:
        if connection.execute(update(model.meta).where(model.meta.c.key == key).values(value=value)).rowcount == 0:
            connection.execute(model.meta.insert().values(key=key, value=value))


_ANEW = "delete it or name another in read_model.url; the projector makes it anew from the topics"


def _bars_change(old: Any, new: Any) -> Any:
    differs = old.closed != new.closed
    for name in ("open", "high", "low", "close", "volume", "quote_volume", "trades"):
        differs = differs | (old[name] != new[name])
    return (new.closed | ~old.closed) & differs


_WHEN: dict[Any, Condition | None] = {
    model.bars: _bars_change,
    model.indicators: lambda old, new: new.closed | ~old.closed,
    model.candidates: None,
    model.snapshots: None,
    model.market_map: None,
    model.signals: lambda old, new: new.ts_event >= old.ts_event,
    model.orders: None,  # merged with the stored row before it is written
    model.positions: lambda old, new: (
        (new.status == "closed") | ((old.status == "open") & (new.ts_event >= old.ts_event))
    ),
    model.equity: None,
    model.engine: lambda old, new: new.ts_event >= old.ts_event,
    model.model_health: lambda old, new: new.ts_event >= old.ts_event,
    model.commands: None,
    model.dead_letters: None,
    model.offsets: None,
}
_ONCE = (
    model.signal_history,
    model.heat_history,
    model.announcements,
    model.mentions,
    model.happenings,
    model.decisions,
    model.order_events,
    model.fills,
    model.alerts,
)
