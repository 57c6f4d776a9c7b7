"""The tables of the catalog.

`sqlite_autoincrement` has SQLite never give an id a second time; PostgreSQL's sequences never do.

A content (bytes, read one way) is stored once and linked by any number of documents; a chunk is
live while its content is the current one of some document. What may be read follows from
document → source → collection → grant → group → user, or document → document grant → group → user.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON

from assistant.access import Role
from assistant.store.columns import BIG_INTEGER
from assistant.store.review_types import Problem, ReviewOutcome
from assistant.store.types import Feedback, JobKind, JobState, SignInWay


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(repr(value.value) for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Base(DeclarativeBase):
    """Root of the rows; names every constraint so that migrations can."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CollectionRow(Base):
    """Documents that are granted together."""

    __tablename__ = "collections"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    # An id handed to a reader's set must never come to mean another collection.
    __table_args__ = ({"sqlite_autoincrement": True},)


class GroupRow(Base):
    """People who read the same collections."""

    __tablename__ = "groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class UserRow(Base):
    """A person."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str] = mapped_column(unique=True)
    """The name as `people.name_key` folds it: no two people are told apart by capitals alone."""
    role: Mapped[str]
    suspended: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None]
    """argon2id; None: signs in by link or by the identity provider only."""
    subject: Mapped[str | None] = mapped_column(unique=True)
    """Who this is to the identity provider."""
    __table_args__ = (
        _one_of("role", Role),
        # Conversations belong to an id, which must never come to be another person's.
        {"sqlite_autoincrement": True},
    )


class SessionRow(Base):
    """A browser in which somebody is signed in."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the secret in the browser's cookie."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    signed_in_by: Mapped[str]
    browser: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[float]
    """Seconds since 1970, as the next."""
    seen_at: Mapped[float]
    __table_args__ = (_one_of("signed_in_by", SignInWay),)


class SignInLinkRow(Base):
    """A link that signs somebody in once."""

    __tablename__ = "sign_in_links"

    id: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the secret in the link."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[float]


class AuditRow(Base):
    """Something that somebody did; never changed, each bound to the one before by its hash."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str]
    actor: Mapped[str] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    hash: Mapped[str]
    __table_args__ = ({"sqlite_autoincrement": True},)


class OpenQuestionRow(Base):
    """A question that is being answered; gone when the audit log has what became of it."""

    __tablename__ = "open_questions"

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    asked_at: Mapped[str]
    shown: Mapped[list[str]] = mapped_column(JSON)
    """Documents of which something was shown, or was about to be."""
    __table_args__ = ({"sqlite_autoincrement": True},)


class MembershipRow(Base):
    """A person is in a group."""

    __tablename__ = "memberships"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class GrantRow(Base):
    """A group may read a collection."""

    __tablename__ = "grants"

    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True
    )
    collection_id: Mapped[int] = mapped_column(
        ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class DocumentGrantRow(Base):
    """A group may read a document, whatever collection it lies in."""

    __tablename__ = "document_grants"

    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[str] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class SourceRow(Base):
    """A folder ingested into a collection."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    root: Mapped[str]
    __table_args__ = (UniqueConstraint("collection_id", "root"),)


class ContentRow(Base):
    """Bytes, as one recipe read them. Never changed once written."""

    __tablename__ = "contents"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    recipe: Mapped[str]
    name: Mapped[str]
    title: Mapped[str]
    date: Mapped[str | None]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BIG_INTEGER)
    flags: Mapped[list[str]] = mapped_column(JSON)
    n_pages: Mapped[int]
    n_chunks: Mapped[int]
    embedder_fingerprint: Mapped[str]
    # An id in a stored answer must never come to mean another content.
    __table_args__ = (UniqueConstraint("sha256", "recipe", "name"), {"sqlite_autoincrement": True})


class PageRow(Base):
    """A page's text; what citations point into."""

    __tablename__ = "pages"

    content_id: Mapped[int] = mapped_column(
        ForeignKey("contents.id", ondelete="CASCADE"), primary_key=True
    )
    page_index: Mapped[int] = mapped_column(primary_key=True)
    page_number: Mapped[int | None]
    text: Mapped[str]


class ScannedPageRow(Base):
    """A page whose text was read from a picture; others have no row here."""

    __tablename__ = "scanned_pages"

    content_id: Mapped[int] = mapped_column(primary_key=True)
    page_index: Mapped[int] = mapped_column(primary_key=True)
    confidence: Mapped[int]
    """How surely it was read, 0 to 100."""
    words: Mapped[bytes]
    """Where its words stand, as `scans.stored_words` has it."""
    __table_args__ = (
        ForeignKeyConstraint(
            ["content_id", "page_index"],
            ["pages.content_id", "pages.page_index"],
            ondelete="CASCADE",
        ),
    )


class HiddenTextRow(Base):
    """Text of a page that no reader sees, in pieces of which each may become a chunk."""

    __tablename__ = "hidden_texts"

    content_id: Mapped[int] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    page_index: Mapped[int]
    kind: Mapped[str]
    text: Mapped[str]
    span_start: Mapped[int | None]
    """Where it begins in the text of its page; None: it is left out there."""
    __table_args__ = (
        ForeignKeyConstraint(
            ["content_id", "page_index"],
            ["pages.content_id", "pages.page_index"],
            ondelete="CASCADE",
        ),
    )


class ChunkRow(Base):
    """A span of a page with its vector."""

    __tablename__ = "chunks"

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    content_id: Mapped[int]
    page_index: Mapped[int]
    span_start: Mapped[int]
    span_end: Mapped[int]
    heading: Mapped[str]
    vector: Mapped[bytes | None]
    """float32, little-endian, unit norm; None until it is embedded."""
    __table_args__ = (
        ForeignKeyConstraint(
            ["content_id", "page_index"],
            ["pages.content_id", "pages.page_index"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("content_id", "page_index", "span_start"),
        CheckConstraint("0 <= span_start AND span_start < span_end", name="span"),
        # Looking for those few must not read all the vectors.
        Index(
            "ix_chunks_without_vector",
            "content_id",
            sqlite_where=text("vector IS NULL"),
            postgresql_where=text("vector IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


class DocumentRow(Base):
    """A file of a source folder, in its current version."""

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    path: Mapped[str]
    content_id: Mapped[int] = mapped_column(ForeignKey("contents.id"), index=True)
    batch: Mapped[str] = mapped_column(server_default="")
    """The upload or ingest run that brought the current version; empty: an early one."""
    __table_args__ = (UniqueConstraint("source_id", "path"),)


class VersionRow(Base):
    """A version a document has or had."""

    __tablename__ = "document_versions"

    document_id: Mapped[str] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("contents.id"), index=True)
    added_at: Mapped[str]


class RejectionRow(Base):
    """The latest bytes of a file, not taken in; skipped until they change."""

    __tablename__ = "rejections"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True
    )
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str | None]
    recipe: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str]


class GenerationRow(Base):
    """One publish; the newest is current."""

    __tablename__ = "generations"

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[str]
    embedder_fingerprint: Mapped[str]
    __table_args__ = ({"sqlite_autoincrement": True},)


class SegmentRow(Base):
    """The index files of the current generation, named by their hashes."""

    __tablename__ = "segments"

    id: Mapped[int] = mapped_column(primary_key=True)
    vectors_sha256: Mapped[str | None]
    """None: its chunks are not embedded yet."""
    postings_sha256: Mapped[str]
    n_chunks: Mapped[int]


class ConversationRow(Base):
    """Questions and replies of one person in a row."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    title: Mapped[str]
    updated_at: Mapped[str]


class TurnRow(Base):
    """A question with its reply."""

    __tablename__ = "turns"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    question: Mapped[str]
    reply: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked_at: Mapped[str]
    feedback: Mapped[str | None]
    comment: Mapped[str]
    __table_args__ = (
        _one_of("feedback", Feedback),
        # What a reader gave feedback on must never come to be another reply.
        {"sqlite_autoincrement": True},
    )


class TurnDocumentRow(Base):
    """A reply shows text of a document, which has to go with it."""

    __tablename__ = "turn_documents"

    turn_id: Mapped[int] = mapped_column(
        ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[str] = mapped_column(primary_key=True, index=True)


class RunRow(Base):
    """A run of suites: what it measures, and under which circumstances it was asked."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    suites: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Name and properties of each, in the order of `RunCaseRow.suite_index`."""
    starts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Of each start, the first one first: when, by which program, models and machine."""
    started: Mapped[str]
    finished: Mapped[str | None]
    n_changes: Mapped[int]
    """Counts up with every reply that comes or goes."""


class RunCaseRow(Base):
    """A case of a run with what came of it; with neither reply nor error it was not asked yet."""

    __tablename__ = "run_cases"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """Counted through all suites of the run."""
    suite_index: Mapped[int]
    case: Mapped[dict[str, Any]] = mapped_column(JSON)
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None] = mapped_column(JSON(none_as_null=True))
    """JSON, since it may quote anything, also what is no text of the database."""


class RunDocumentRow(Base):
    """A reply of a run shows text of a document, which has to go with it."""

    __tablename__ = "run_documents"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(primary_key=True, index=True)
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "position"],
            ["run_cases.run_id", "run_cases.position"],
            ondelete="CASCADE",
        ),
    )


class JobRow(Base):
    """Work for the one writer; kept after its end until somebody has seen it."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    requested_by: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    is_stopping: Mapped[bool]
    n_attempts: Mapped[int]
    n_bytes: Mapped[int] = mapped_column(BIG_INTEGER)
    n_bytes_done: Mapped[int] = mapped_column(BIG_INTEGER)
    created_at: Mapped[str]
    started_at: Mapped[str | None]
    finished_at: Mapped[str | None]
    error: Mapped[str | None]
    doing: Mapped[str] = mapped_column(server_default="")
    """What takes long just now; empty: nothing in particular."""
    in_hand: Mapped[str | None]
    """The file that is being taken in, where one at a time is."""
    n_deaths: Mapped[dict[str, int]] = mapped_column(JSON, server_default="{}", default=dict)
    """By file: how often the worker ended with it in hand."""
    __table_args__ = (
        _one_of("kind", JobKind),
        _one_of("state", JobState),
        # Its id names the folder of its files, which must never come to be another job's.
        {"sqlite_autoincrement": True},
    )


class JobFileRow(Base):
    """A file of a job; without a status it waits."""

    __tablename__ = "job_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    document: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BIG_INTEGER)
    status: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    n_pages: Mapped[int]
    n_chunks: Mapped[int]
    flags: Mapped[list[str]] = mapped_column(JSON)
    __table_args__ = (
        UniqueConstraint("job_id", "document"),
        {"sqlite_autoincrement": True},
    )


class QueuePauseRow(Base):
    """The queue is paused for as long as there is a row."""

    __tablename__ = "queue_pauses"

    id: Mapped[int] = mapped_column(primary_key=True)
    paused_by: Mapped[str]
    paused_at: Mapped[str]


class WatchedFolderRow(Base):
    """How the last look into a folder of the settings went."""

    __tablename__ = "watched_folders"

    folder: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(primary_key=True)
    looked_at: Mapped[str]
    n_files: Mapped[int]
    n_unsettled: Mapped[int]
    error: Mapped[str | None]


class DeletionRow(Base):
    """A document that was deleted, and what it had: names, ids and hashes, never its text."""

    __tablename__ = "deletions"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(index=True)
    document: Mapped[str]
    collection: Mapped[str]
    deleted_by: Mapped[str]
    deleted_at: Mapped[str]
    contents: Mapped[list[list[int]]] = mapped_column(JSON)
    """Of each content: its id, and the ids of its first and its last chunk."""
    versions: Mapped[list[str]] = mapped_column(JSON)
    __table_args__ = ({"sqlite_autoincrement": True},)


class SuiteRow(Base):
    """Gold questions about the documents of a collection."""

    __tablename__ = "suites"

    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    name: Mapped[str]
    key: Mapped[str]
    """The name as `suites.suite_key` folds it."""
    page_tolerance: Mapped[int]
    __table_args__ = (
        UniqueConstraint("collection_id", "key"),
        # What a page or an address calls a suite must never come to mean another one.
        {"sqlite_autoincrement": True},
    )


class SuiteVersionRow(Base):
    """A suite as somebody saved it; the newest version is the one that is asked."""

    __tablename__ = "suite_versions"

    suite_id: Mapped[int] = mapped_column(
        ForeignKey("suites.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    """Of its cases as they are exported."""
    n_cases: Mapped[int]
    saved_by: Mapped[str]
    saved_at: Mapped[str]
    change: Mapped[str]
    """What is different from the version before, in words."""
    has_lost: Mapped[bool]
    """A quote went with its document since: the hash is of what it was before."""


class ReviewRow(Base):
    """Feedback on a reply that was sent to reviewers, and what they made of it."""

    __tablename__ = "reviews"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int | None] = mapped_column(
        ForeignKey("turns.id", ondelete="SET NULL"), unique=True
    )
    """Question, reply and note stand there alone, so that they go with the conversation."""
    problem: Mapped[str]
    sent_at: Mapped[str]
    taken_by: Mapped[str | None]
    taken_at: Mapped[str | None]
    closed_by: Mapped[str | None]
    closed_at: Mapped[str | None]
    outcome: Mapped[str | None]
    reason: Mapped[str]
    suite_id: Mapped[int | None] = mapped_column(ForeignKey("suites.id", ondelete="SET NULL"))
    case_key: Mapped[str]
    __table_args__ = (
        _one_of("problem", Problem),
        _one_of("outcome", ReviewOutcome),
        {"sqlite_autoincrement": True},
    )


class SuiteCaseRow(Base):
    """A case of a suite in the versions from `since` to before `until`."""

    __tablename__ = "suite_cases"

    id: Mapped[int] = mapped_column(primary_key=True)
    suite_id: Mapped[int] = mapped_column(ForeignKey("suites.id", ondelete="CASCADE"), index=True)
    key: Mapped[str]
    position: Mapped[int]
    since: Mapped[int]
    until: Mapped[int | None]
    """None: it is in the newest version."""
    line: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As a line of a suite file."""
    document_ids: Mapped[list[str | None]] = mapped_column(JSON)
    """By piece of its evidence: the document it was picked from; None: named in a file."""
    review_id: Mapped[int | None] = mapped_column(ForeignKey("reviews.id", ondelete="SET NULL"))
    """The feedback it was made of."""
    __table_args__ = ({"sqlite_autoincrement": True},)
