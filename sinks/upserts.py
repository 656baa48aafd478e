"""Statements that write a row by its primary key, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

Condition: TypeAlias = Callable[[Any, Any], ColumnElement[bool]]  # (columns of the stored row, columns of the new one)


def upsert(dialect: str, table: Table, when: Condition | None = None) -> Insert:
    """Insert a row or, where its key exists and `when` holds, write every other column anew."""
    statement = _insert(dialect, table)
    new = statement.excluded
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=keys,
        set_={column.name: new[column.name] for column in table.columns if column.name not in keys},
        where=when(table.c, new) if when is not None else None,
    )


def insert_new(dialect: str, table: Table) -> Insert:
    """Insert a row unless its key exists."""
    return _insert(dialect, table).on_conflict_do_nothing()  # type: ignore[no-any-return]


def _insert(dialect: str, table: Table) -> Any:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
