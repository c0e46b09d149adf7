"""Rows as they come out of SQLite: tuples of what the columns of a STRICT table hold."""

from typing import Any

import apsw

Row = tuple[Any, ...]


def first(db: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> Row | None:
    """The first row of a query, if it has any."""
    return db.execute(sql, values).fetchone()


def every(db: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> list[Row]:
    """All rows of a query."""
    return db.execute(sql, values).fetchall()


def only(db: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> Any:
    """The value of a query that always has one row of one column."""
    return db.execute(sql, values).get
