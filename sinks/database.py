"""Open the read model's database for writing: SQLite in WAL mode, or PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from contracts.errors import SettingsError

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def open_engine(url: str) -> Engine:
    """Open the database for writing. Raises SettingsError for a URL that names no database we write."""
    try:
        parsed = make_url(url)
    except ArgumentError as e:
        raise SettingsError(
            f"read_model.url: expected an SQLAlchemy URL such as sqlite:///var/read_model.db, was {url}"
        ) from e
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        raise SettingsError(f"read_model.url: expected sqlite or postgresql+psycopg, was {parsed.drivername}")
    if backend == "sqlite":
        return _sqlite(parsed)
    try:
        return create_engine(parsed.set(drivername=DRIVERS[backend]), pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as e:
        raise SettingsError(f"read_model.url: {e}; install the driver: pip install 'emberline[postgres]'") from e


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 10.0})

    @event.listens_for(engine, "connect")
    def tune(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not at the first change
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "journal_size_limit=67108864"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
