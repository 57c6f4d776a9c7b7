"""Rows for every table of the catalog, to be put into any of its schemas, early or late.

A new column needs a value in every row of its table here, and in `ADDED` what a migration gives the
rows that were there before; a new table needs rows.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, Table, inspect, select, text

from assistant.store.audit import FIRST
from assistant.store.stored_chunks import stored_vector
from assistant.store.terms import indexed_text
from tests.assistant.corpora import EMBEDDER, SOURCE

Row = dict[str, Any]
Rows = dict[str, dict[tuple[Any, ...], Row]]
"""By table and primary key."""

AT = "2026-01-02T03:04:05+00:00"
PAGE = "Old words.\nMore words of the guide."
REPLY = {
    "status": "answered",
    "answer": "Old words.",
    "sentences": [{"text": "Old words.", "support": "supported", "citations": [0]}],
    "withheld": [],
    "citations": [{"document": "guide.txt", "document_id": "d1", "quote": "Old words."}],
    "passages": [{"document": "guide.txt", "document_id": "d1", "text": "Old words."}],
}


def _content(number: int, **values: Any) -> Row:
    return {
        "id": number,
        "sha256": f"{number:064x}",
        "recipe": "r1",
        "name": "guide",
        "title": "Guide",
        "date": "2026-01-01",
        "media_type": "text/plain",
        "size_bytes": 40,
        "flags": ["scanned"],
        "n_pages": 1,
        "n_chunks": 1,
        "embedder_fingerprint": EMBEDDER.info.fingerprint,
        **values,
    }


def _chunk(number: int, content_id: int, start: int, end: int, *, embedded: bool = True) -> Row:
    (vector,) = EMBEDDER.embed_documents([indexed_text("Guide", "", PAGE[start:end])])
    return {
        "id": number,
        "content_id": content_id,
        "page_index": 0,
        "span_start": start,
        "span_end": end,
        "heading": "",
        "vector": stored_vector(vector) if embedded else None,
    }


def _user(number: int, name: str, key: str, role: str, **values: Any) -> Row:
    row = {"id": number, "name": name, "key": key, "role": role, "suspended": False}
    return {**row, "password_hash": "$argon2id$v=19$stored", "subject": f"at-{number}", **values}


def _audit_entry() -> Row:
    row = {
        "id": 1,
        "at": AT,
        "actor": "operator",
        "action": "granted",
        "subject": "docs",
        "details": {"group": "staff"},
    }
    chained = json.dumps([FIRST, *row.values()], sort_keys=True)
    return {**row, "hash": hashlib.sha256(chained.encode()).hexdigest()}


def _job(number: int, **values: Any) -> Row:
    return {
        "id": number,
        "kind": "upload",
        "request": {"collection": "docs", "source": ""},
        "requested_by": "Ann",
        "state": "waiting",
        "is_stopping": False,
        "n_attempts": 1,
        "n_bytes": 3_000_000_000,  # more than 32 bits hold
        "n_bytes_done": 2_500_000_000,
        "created_at": AT,
        "started_at": AT,
        "finished_at": None,
        "error": None,
        "doing": "reading a scanned page",
        "in_hand": "sent.txt",
        "n_deaths": {"sent.txt": 2},
        **values,
    }


def _job_file(number: int, document: str, **values: Any) -> Row:
    return {
        "id": number,
        "job_id": 1,
        "document": document,
        "size_bytes": 3_000_000_000,
        "status": None,
        "reason": None,
        "detail": None,
        "n_pages": 0,
        "n_chunks": 0,
        "flags": [],
        **values,
    }


def _turn(number: int, **values: Any) -> Row:
    return {
        "id": number,
        "conversation_id": "c1",
        "question": "Which words?",
        "reply": REPLY,
        "asked_at": AT,
        "feedback": "helpful",
        "comment": "Ωραία – good",
        **values,
    }


def _suite(number: int, **values: Any) -> Row:
    row = {"id": number, "collection_id": 1, "name": "Words", "key": "words"}
    return {**row, "page_tolerance": 1, **values}


def _suite_case(number: int, **values: Any) -> Row:
    return {
        "id": number,
        "suite_id": 1,
        "key": "Ωραία",
        "position": 0,
        "since": 1,
        "until": None,
        "line": {
            "id": "Ωραία",
            "question": "Which words?",
            "answerable": True,
            "answers": ["old"],
            "facts": [],
            "evidence": [{"document": "guide.txt", "page": 1, "quote": "Old words."}],
            "tags": [],
            "history": [],
        },
        "document_ids": ["d1"],
        "review_id": 1,
        **values,
    }


def _review(number: int, **values: Any) -> Row:
    return {
        "id": number,
        "turn_id": 1,
        "problem": "missing",
        "sent_at": AT,
        "taken_by": "bob",
        "taken_at": AT,
        "closed_by": "bob",
        "closed_at": AT,
        "outcome": "case",
        "reason": "",
        "suite_id": 1,
        "case_key": "Ωραία",
        **values,
    }


ROWS: dict[str, list[Row]] = {
    "collections": [{"id": 1, "name": "docs"}, {"id": 2, "name": "board"}],
    "groups": [{"id": 1, "name": "staff"}, {"id": 2, "name": "board"}],
    "users": [
        _user(1, "Ann", "ann", "employee"),
        _user(2, "Bob", "bob", "admin"),
        _user(3, "bob", "bob\n3", "evaluator", suspended=True),
    ],
    "sessions": [
        {
            "id": "5e" * 32,
            "user_id": 1,
            "signed_in_by": "password",
            "browser": "Firefox",
            "address": "127.0.0.1",
            "created_at": 1767323045.25,
            "seen_at": 1767323145.5,
        }
    ],
    "sign_in_links": [{"id": "11" * 32, "user_id": 2, "expires_at": 1767323045.25}],
    "audit": [_audit_entry()],
    "open_questions": [
        {"id": 1, "actor": "ann", "asked_at": "2026-01-02T03:04:05.250000+00:00", "shown": ["d1"]}
    ],
    "memberships": [{"user_id": 1, "group_id": 1}, {"user_id": 2, "group_id": 2}],
    "grants": [{"group_id": 1, "collection_id": 1}, {"group_id": 2, "collection_id": 2}],
    "document_grants": [{"group_id": 1, "document_id": "d2"}],
    "sources": [
        {"id": 1, "collection_id": 1, "root": SOURCE},
        {"id": 2, "collection_id": 2, "root": SOURCE},
    ],
    # The guide, an earlier version of it, and a paper of the board whose vector is to follow.
    "contents": [_content(1, n_chunks=2), _content(2, date=None), _content(3, flags=[])],
    "pages": [
        {"content_id": number, "page_index": 0, "page_number": 1, "text": PAGE}
        for number in (1, 2, 3)
    ],
    "chunks": [
        _chunk(1, 1, 0, 10),
        _chunk(2, 1, 11, len(PAGE)),
        _chunk(3, 2, 0, 10),
        _chunk(4, 3, 0, 10, embedded=False),
    ],
    "scanned_pages": [
        {"content_id": 1, "page_index": 0, "confidence": 91, "words": b"\x00\x01\x02\xff"}
    ],
    "hidden_texts": [
        {
            "content_id": 2,
            "ordinal": number,
            "page_index": 0,
            "kind": "covered",
            "text": "Words that nobody sees: Ωραία.",
            "span_start": start,
        }
        for number, start in enumerate((None, 36))
    ],
    "documents": [
        {"id": "d1", "source_id": 1, "path": "guide.txt", "content_id": 1, "batch": "b1"},
        {"id": "d2", "source_id": 2, "path": "Straße/paper.txt", "content_id": 3, "batch": "b1"},
    ],
    "document_versions": [
        {"document_id": "d1", "ordinal": 1, "content_id": 2, "added_at": AT},
        {"document_id": "d1", "ordinal": 2, "content_id": 1, "added_at": AT},
        {"document_id": "d2", "ordinal": 1, "content_id": 3, "added_at": AT},
    ],
    "rejections": [
        {
            "source_id": 1,
            "path": "locked.pdf",
            "sha256": None,
            "recipe": "r1",
            "reason": "encrypted",
            "detail": "it needs a password",
        }
    ],
    "generations": [
        {"id": number, "created_at": AT, "embedder_fingerprint": EMBEDDER.info.fingerprint}
        for number in (1, 2)
    ],
    "segments": [
        {"id": 1, "vectors_sha256": "b" * 64, "postings_sha256": "c" * 64, "n_chunks": 3},
        {"id": 2, "vectors_sha256": None, "postings_sha256": "d" * 64, "n_chunks": 1},
    ],
    "conversations": [{"id": "c1", "owner": "user:1", "title": "Which words?", "updated_at": AT}],
    "turns": [_turn(1), _turn(2, feedback=None, comment="")],
    "turn_documents": [{"turn_id": 1, "document_id": "d1"}, {"turn_id": 2, "document_id": "d1"}],
    "runs": [
        {
            "id": "20260102T030405Z-0a1b2c",
            "plan": {"suites": {"hr": "0" * 64}, "sample": None, "seed": 0, "subject": {}},
            "suites": [{"name": "hr", "page_tolerance": 1}],
            "starts": [{"at": AT, "commit": None}],
            "started": AT,
            "finished": None,
            "n_changes": 2,
        }
    ],
    "run_cases": [
        {
            "run_id": "20260102T030405Z-0a1b2c",
            "position": position,
            "suite_index": 0,
            "case": {"id": str(position), "question": "Which words?", "answerable": False},
            "reply": reply,
            "error": error,
        }
        for position, (reply, error) in enumerate(
            ((REPLY, None), (None, "ValueError: Ωραία \x00"), (None, None))
        )
    ],
    "run_documents": [{"run_id": "20260102T030405Z-0a1b2c", "position": 0, "document_id": "d1"}],
    "jobs": [_job(1), _job(2, kind="ingest", state="failed", finished_at=AT, error="no disk")],
    "job_files": [
        _job_file(1, "sent.txt"),
        _job_file(2, "bad.pdf", status="rejected", reason="damaged", detail="no pages"),
    ],
    "queue_pauses": [{"id": 1, "paused_by": "Ann", "paused_at": AT}],
    "watched_folders": [
        {
            "folder": "/srv/Straße",
            "collection": "docs",
            "looked_at": AT,
            "n_files": 3,
            "n_unsettled": 1,
            "error": None,
        }
    ],
    "deletions": [
        {
            "id": 1,
            "document_id": "d9",
            "document": "old.txt",
            "collection": "docs",
            "deleted_by": "Ann",
            "deleted_at": AT,
            "contents": [[7, 70, 72]],
            "versions": ["e" * 64],
            "is_tidied": True,  # in earlier schemas
        }
    ],
    "suites": [_suite(1)],
    "suite_versions": [
        {
            "suite_id": 1,
            "ordinal": number,
            "sha256": "f" * 64,
            "n_cases": 1,
            "saved_by": "bob",
            "saved_at": AT,
            "change": "case 'Ωραία' changed",
            "has_lost": number == 1,
        }
        for number in (1, 2)
    ],
    "suite_cases": [
        _suite_case(1, until=2, review_id=None),
        _suite_case(2, since=2, document_ids=[None]),
    ],
    "reviews": [
        _review(1),
        _review(2, turn_id=None, outcome="dismissed", suite_id=None, reason="Ωραία"),
    ],
}

SPENT: dict[str, Row] = {
    "suites": _suite(90, name="gone", key="gone"),
    "suite_cases": _suite_case(90),
    "reviews": _review(90, turn_id=None),
    "collections": {"id": 90, "name": "gone"},
    "users": _user(90, "Gone", "gone", "employee"),
    "contents": _content(90),
    "chunks": _chunk(90, 1, 4, 9),
    "generations": {"id": 90, "created_at": AT, "embedder_fingerprint": "gone"},
    "turns": _turn(90),
    "jobs": _job(90),
    "job_files": _job_file(90, "gone.txt"),
    "deletions": {
        "id": 90,
        "document_id": "d90",
        "document": "gone.txt",
        "collection": "docs",
        "deleted_by": "Ann",
        "deleted_at": AT,
        "contents": [],
        "versions": [],
        "is_tidied": False,
    },
}
"""Rows that were there and were deleted: their ids must not come again."""

ADDED: dict[tuple[str, str], Any] = {
    ("users", "password_hash"): None,
    ("users", "subject"): None,
    ("documents", "batch"): "",
    ("jobs", "doing"): "",
    ("jobs", "in_hand"): None,
    ("jobs", "n_deaths"): {},
}
"""What a migration gives earlier rows in a new column, where it is not what stands in `ROWS`."""


def fill(connection: Connection) -> Rows:
    """Put what the schema at hand can hold into it, spend some ids, and return what it holds."""
    for table in _tables(connection).sorted_tables:
        if table.name == "alembic_version":
            continue
        spent = SPENT.get(table.name)
        for row in [*_rows(table), *([spent] if spent else [])]:
            values = {name: value for name, value in row.items() if name in table.columns}
            if all(values[one.name] is not None or one.nullable for one in table.columns):
                connection.execute(table.insert(), values)
        if spent:
            _set_counter(connection, table.name, spent["id"])
            connection.execute(table.delete().where(table.c.id == spent["id"]))
    return read(connection)


def _rows(table: Table) -> list[Row]:
    rows = ROWS.get(table.name)
    if not rows:
        pytest.fail(f"catalog_rows.py needs rows of the table {table.name!r}")
    for row in rows:
        lacking = {column.name for column in table.columns} - row.keys()
        if lacking:
            pytest.fail(f"catalog_rows.py needs values of {table.name} for {sorted(lacking)}")
    return rows


def read(connection: Connection) -> Rows:
    """Return all rows of all tables, whatever the schema."""
    found: Rows = {}
    for name, table in _tables(connection).tables.items():
        keys = [column.name for column in table.primary_key]
        rows = [dict(row) for row in connection.execute(select(table)).mappings()]
        found[name] = {tuple(row[key] for key in keys): row for row in rows}
    return found


def gives_no_id_twice(connection: Connection, table: str) -> bool:
    """Tell whether the schema at hand promises it for a table."""
    if connection.dialect.name != "sqlite":
        return True
    made = text("SELECT sql FROM sqlite_master WHERE name = :table")
    return "AUTOINCREMENT" in str(connection.scalar(made, {"table": table}))


def insert_again(connection: Connection, table: str) -> int:
    """Insert the row of a spent id without an id, and return the one that it gets."""
    into = _tables(connection).tables[table]
    values = {name: value for name, value in SPENT[table].items() if name != "id"}
    inserted = connection.execute(into.insert().returning(into.c.id), values)
    return int(inserted.scalar_one())


def _set_counter(connection: Connection, table: str, last_id: int) -> None:
    # SQLite counts what is inserted with an id of its own choice; PostgreSQL does not.
    if connection.dialect.name != "sqlite":
        counter = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last_id)")
        connection.execute(counter, {"table": table, "last_id": last_id})


def _tables(connection: Connection) -> MetaData:
    assert inspect(connection).get_table_names()
    metadata = MetaData()
    metadata.reflect(connection)
    if "data_dir" in metadata.tables:  # whose catalog it is, which no migration touches
        metadata.remove(metadata.tables["data_dir"])
    return metadata
