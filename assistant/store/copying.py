"""All rows of a catalog, from one database into another of the same schema that has none."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, func, insert, select, text

from assistant.store.rows import Base

ROWS_AT_A_TIME = 1000


def copy_rows(
    source: Connection, target: Connection, on_progress: Callable[[], None] = lambda: None
) -> None:
    """Copy the rows, and which ids were given: none of those that are gone comes again.

    Args:
        source: In a transaction that sees one state.
        target: In a transaction that the caller commits.
        on_progress: Called now and then; what it raises ends the copying.
    """
    for table in Base.metadata.sorted_tables:
        selection = select(table).execution_options(yield_per=ROWS_AT_A_TIME)
        with source.execute(selection) as found:
            for rows in found.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in rows])
                on_progress()
        if table.autoincrement_column is not None:
            last_id = _last_id(source, table.autoincrement_column)
            _set_last_id(target, table.autoincrement_column, last_id)


_SEQUENCE = "CAST(pg_get_serial_sequence(:table, 'id') AS regclass)"


def _last_id(connection: Connection, column: Column[int]) -> int:
    """Return the largest id that there is or was, as far as the database knows; 0: none."""
    if connection.dialect.name == "sqlite":
        counter = "SELECT seq FROM sqlite_sequence WHERE name = :table"
    else:
        counter = f"SELECT pg_sequence_last_value({_SEQUENCE})"
    counted = connection.scalar(text(counter), {"table": column.table.name})
    return max(counted or 0, connection.scalar(select(func.max(column))) or 0)


def _set_last_id(connection: Connection, column: Column[int], last_id: int) -> None:
    if not last_id:
        return
    if connection.dialect.name != "sqlite":
        counters = [f"SELECT setval({_SEQUENCE}, :last_id)"]
    elif column.table.dialect_options["sqlite"]["autoincrement"]:
        counters = [
            "DELETE FROM sqlite_sequence WHERE name = :table",
            "INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last_id)",
        ]
    else:
        counters = []  # SQLite promises nothing for this table
    for counter in counters:
        connection.execute(text(counter), {"table": column.table.name, "last_id": last_id})
