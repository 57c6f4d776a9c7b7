"""One source brought into a collection: what is known is skipped, the rest becomes changes.

What comes of it is found by its words; `ingest.vectors` does the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from threading import Event

from assistant.store.terms import document_label
from assistant.store.types import ContentKey, DocumentPut, KnownFile, RejectionPut
from assistant.store.writer import CatalogWriter
from assistant.types import Version
from ingest.batches import Batches, Change, ContentDraft, OnOutcomes, OnProgress
from ingest.care import Care
from ingest.chunking import Chunker
from ingest.errors import RejectedFileError
from ingest.parse_ahead import ParseAhead, Task, crash
from ingest.recipe import Recipes
from ingest.records import SUFFIX as RECORDS_SUFFIX
from ingest.records import read_records
from ingest.settings import IngestSettings
from ingest.sources import Found, FoundFile, hash_file, names_a_topic, unreadable
from ingest.types import FileOutcome, FileStatus, ParsedDocument, Rejection, RejectReason
from models.protocols import Embedder

_LOG = logging.getLogger(__name__)

EARLIER_ANSWERS = "newer-version-rejected"
"""Flag of a document whose file is rejected now: its earlier version keeps answering."""

_TRIED_AGAIN = frozenset({RejectReason.CRASHED, RejectReason.UNREADABLE})
"""Reasons that may lie in the machine rather than in the bytes."""


class SourceRun:
    """Ingests one source once.

    Args:
        found: The folder or files, and what was found there.
        collection: Name of an existing collection.
        writer: Used in the calling thread only.
        embedder: Measures; what is new waits for its vectors.
        settings: How to cut, and what a file may cost.
        cancel: Once set, what is parsed is published and the rest left.
        on_progress: Told of bytes and documents done.
        on_outcomes: Told how files ended, as soon as that is durable.
        care: What it heeds beside that.

    Attributes:
        n_spared: Documents that were not pruned, since their disk may be missing.
    """

    def __init__(
        self,
        found: Found,
        *,
        collection: str,
        writer: CatalogWriter,
        embedder: Embedder,
        settings: IngestSettings,
        cancel: Event,
        on_progress: OnProgress,
        on_outcomes: OnOutcomes,
        care: Care,
    ) -> None:
        self._source = found.source
        self._listing = found.listing
        self._collection = collection
        self._writer = writer
        self._settings = settings
        self._cancel = cancel
        self._on_progress = on_progress
        self._on_outcomes = on_outcomes
        self._care = care
        self.n_spared = 0
        self._chunker = Chunker(embedder, chunk_tokens=settings.chunk_tokens)
        self._recipes = Recipes(settings, embedder.info)
        self._known = self._known_files()
        self._batches = Batches(
            writer,
            embedder_fingerprint=embedder.info.fingerprint,
            collection=collection,
            source=found.source.name,
            on_progress=on_progress,
            on_outcomes=on_outcomes,
            one_by_one=care.is_one_by_one,
        )
        self._settled: list[FileOutcome] = []  # with nothing to publish
        self._found: set[str] = set()
        self._same_bytes: dict[Version, list[Task]] = {}  # behind one that is being parsed
        self._made: set[ContentKey] = set()
        self._made_versions: set[Version] = set()
        self._has_all_records = True

    def run(self, parser: ParseAhead, *, prune: bool) -> tuple[FileOutcome, ...]:
        """Ingest and return the outcome of every file, or of the finished ones after a cancel."""
        for task, parsed in parser.parsed(self._new_tasks()):
            for one in (task, *self._same_bytes.pop(task.version, ())):
                self._complete(one, parsed)
        removals = () if self._cancel.is_set() else self._removals(prune=prune)
        self._batches.publish(removals)
        known = self._known_files()
        removed = [
            FileOutcome(document=path, status=FileStatus.REMOVED)
            for path in removals
            if self._known[path].document_id is not None
        ]
        self._settled.extend(removed)
        self._on_outcomes(removed)
        outcomes = [*self._settled, *self._batches.outcomes]
        counted = (_counted(outcome, known.get(outcome.document)) for outcome in outcomes)
        return tuple(sorted(counted, key=lambda outcome: outcome.document))

    def _known_files(self) -> dict[str, KnownFile]:
        return self._writer.catalog.known_files(self._collection, self._source.name)

    # Files to tasks

    def _new_tasks(self) -> Iterator[Task]:
        """Yield what must be parsed; settle the rest on the way."""
        for file in sorted(self._listing.files, key=lambda file: self._care.rank(file.document)):
            try:
                for task in self._tasks(file):
                    yield from self._if_new(task)
            except OSError as error:
                self._reject_file(file, unreadable(error))
            except RejectedFileError as error:
                reason = RejectReason(error.reason)
                self._reject_file(file, Rejection(reason=reason, detail=error.detail))
            if self._cancel.is_set():
                return

    def _reject_file(self, file: FoundFile, rejection: Rejection) -> None:
        self._has_all_records &= not file.document.endswith(RECORDS_SUFFIX)
        self._found.add(file.document)
        self._reject(file.document, None, rejection, size_bytes=file.size_bytes)

    def _tasks(self, file: FoundFile) -> Iterator[Task]:
        """Yield the documents of a file, which is itself one unless it holds records."""
        if file.rejection is not None:
            self._reject_file(file, file.rejection)
            return
        if file.size_bytes > self._settings.max_file_bytes:
            limit = self._settings.max_file_bytes
            raise RejectedFileError(
                RejectReason.TOO_LARGE,
                f"it has {file.size_bytes:,} bytes, the limit is {limit:,}; divide it or raise "
                "ingest.max_file_bytes",
            )
        is_records = file.document.endswith(RECORDS_SUFFIX)
        if is_records and self._is_put_aside(file):
            return
        if is_records and self._care.begins:
            self._care.begins(file.document)
        if not is_records:
            yield Task(
                document=file.document,
                place=f"./{file.document}",
                version=hash_file(file.path),
                size_bytes=file.size_bytes,
                name=PurePosixPath(file.document).stem,
                file=file.path,
            )
            return
        for record in read_records(file.path, document=file.document):
            yield Task(
                document=record.document,
                place=record.place,
                version=record.version,
                size_bytes=len(record.line),
                name=record.document,
                record=record,
            )

    def _is_put_aside(self, file: FoundFile) -> bool:
        """Reject a file of records that is or was put aside; tell whether it is one."""
        known, verdict = self._known.get(file.document), self._care.verdict(file.document)
        was_aside = known is not None and known.reason == RejectReason.PUT_ASIDE
        if verdict is None and not was_aside:
            return False
        version = hash_file(file.path)
        if verdict is None:
            verdict = self._rejection_if_known(file.document, version)
        if verdict is None:
            return False
        self._has_all_records = False
        self._found.add(file.document)
        self._reject(file.document, version, verdict, size_bytes=file.size_bytes)
        return True

    def _if_new(self, task: Task) -> Iterator[Task]:
        """Yield the task if it must be parsed; else settle it or put it behind its like."""
        if task.document in self._found:
            detail = f"another file or record is called {task.document!r} already; rename one"
            rejection = Rejection(reason=RejectReason.UNREADABLE, detail=detail)
            self._reject(task.place, None, rejection, size_bytes=task.size_bytes)
            return
        self._found.add(task.document)
        if task.record and task.record.rejection:
            self._reject(task.document, None, task.record.rejection, size_bytes=task.size_bytes)
        elif outcome := self._outcome_if_known(task):
            self._settled.append(outcome)
            self._on_outcomes([outcome])
            self._on_progress(task.size_bytes, 1)
        elif task.file is not None and (verdict := self._care.verdict(task.document)):
            self._reject(task.document, task.version, verdict, size_bytes=task.size_bytes)
        elif key := self._stored_content(task):
            self._begin(task)
            self._put(task, key)
        elif task.version in self._same_bytes:
            self._same_bytes[task.version].append(task)
        else:
            self._begin(task)
            if task.file is not None:
                copy, version = self._writer.keep_original(task.file)
                task = replace(task, file=copy, version=version)
            self._same_bytes.setdefault(task.version, [])
            yield task

    def _begin(self, task: Task) -> None:
        """Say which file is in hand; records are in hand with their file."""
        if task.file is not None and self._care.begins:
            self._care.begins(task.document)

    def _outcome_if_known(self, task: Task) -> FileOutcome | None:
        known = self._known.get(task.document)
        if known is None or known.sha256 != task.version:
            return None
        if known.reason is None:
            is_current = known.recipe in self._recipes.current()
            status = FileStatus.UNCHANGED
            return FileOutcome(document=task.document, status=status) if is_current else None
        rejection = self._rejection_if_known(task.document, task.version)
        return None if rejection is None else self._rejected(task.document, rejection)

    def _rejection_if_known(self, document: str, version: Version) -> Rejection | None:
        """Return why these bytes were rejected, if they would be again."""
        known = self._known.get(document)
        if known is None or known.reason is None or known.sha256 != version:
            return None
        reason = RejectReason(known.reason)
        if known.recipe != self._recipes.rejection(reason) or reason in _TRIED_AGAIN:
            return None
        if reason is RejectReason.PUT_ASIDE and self._care.tries_again:
            return None
        return Rejection(reason=reason, detail=known.detail or "")

    def _stored_content(self, task: Task) -> ContentKey | None:
        if not self._has_bytes(task.version):
            return None
        names = (task.name,) if names_a_topic(task.name) else ("", task.name)
        for recipe in self._recipes.current():
            for name in names:
                key = ContentKey(sha256=task.version, recipe=recipe, name=name)
                if key in self._made:
                    return key
            if stored := self._writer.catalog.find_content(task.version, recipe, names):
                return stored
        return None

    # Tasks to changes

    def _complete(self, task: Task, parsed: ParsedDocument | Rejection) -> None:
        """Turn a parsed task into a change."""
        if not isinstance(parsed, Rejection):
            try:
                content = self._content(task, parsed)
            except Exception as error:  # noqa: BLE001 - the boundary: one file fails alone
                parsed = crash(error, task.document)
            else:
                self._put(task, content.key, content)
                return
        self._reject(task.document, task.version, parsed, size_bytes=task.size_bytes)

    def _content(self, task: Task, parsed: ParsedDocument) -> ContentDraft:
        speaks = names_a_topic(task.name)
        title = "" if parsed.title_is_guess and speaks else parsed.title
        name = task.name if speaks or not title else ""
        chunks = self._chunker.chunk(parsed, title=document_label(title, name))
        return ContentDraft(
            key=ContentKey(sha256=task.version, recipe=self._recipes.content(parsed), name=name),
            title=title,
            parsed=parsed,
            size_bytes=task.size_bytes,
            chunks=chunks,
            hidden=self._chunker.cut_hidden(parsed),
        )

    def _put(self, task: Task, key: ContentKey, content: ContentDraft | None = None) -> None:
        known = self._known.get(task.document)
        if known is not None and known.document_id is not None:
            status = FileStatus.REPLACED
        elif content is None or self._has_bytes(task.version):
            status = FileStatus.LINKED
        else:
            status = FileStatus.INGESTED
        change = Change(
            outcome=FileOutcome(
                document=task.document,
                status=status,
                n_pages=len(content.parsed.pages) if content else 0,
                n_chunks=len(content.chunks) if content else 0,
            ),
            size_bytes=task.size_bytes,
            put=DocumentPut(path=task.document, content=key),
            content=content if key not in self._made else None,
        )
        self._made.add(key)
        self._made_versions.add(key.sha256)
        self._batches.add(change)

    def _has_bytes(self, version: Version) -> bool:
        return version in self._made_versions or self._writer.catalog.has_version(version)

    def _reject(
        self, document: str, version: Version | None, rejection: Rejection, *, size_bytes: int
    ) -> None:
        put = RejectionPut(
            path=document,
            sha256=version,
            recipe=self._recipes.rejection(rejection.reason),
            reason=rejection.reason.value,
            detail=rejection.detail,
        )
        outcome = self._rejected(document, rejection)
        self._batches.add(Change(outcome=outcome, size_bytes=size_bytes, put=put))

    def _rejected(self, document: str, rejection: Rejection) -> FileOutcome:
        known = self._known.get(document)
        has_earlier = known is not None and known.document_id is not None
        return FileOutcome(
            document=document,
            status=FileStatus.REJECTED,
            rejection=rejection,
            flags=(EARLIER_ANSWERS,) if has_earlier else (),
        )

    # What is gone

    def _removals(self, *, prune: bool) -> tuple[str, ...]:
        """Return known paths to forget: rejected files that are gone and, to prune, documents."""
        if self._source.names is not None:
            return ()
        gone = [
            path
            for path in sorted(self._known.keys() - self._found)
            if not self._listing.may_hold(path)
        ]
        if prune and not self._has_all_records:
            _LOG.warning(
                "nothing below %r is removed: a file of records there cannot be read",
                self._source.name,
            )
        are_documents = {path for path in gone if self._known[path].document_id is not None}
        removes_documents = prune and self._has_all_records
        if removes_documents and self._care.spares_many:
            n_documents = sum(one.document_id is not None for one in self._known.values())
            if 2 * len(are_documents) > n_documents:
                self.n_spared, removes_documents = len(are_documents), False
        return tuple(path for path in gone if removes_documents or path not in are_documents)


def _counted(outcome: FileOutcome, known: KnownFile | None) -> FileOutcome:
    """Fill in what the stored version has."""
    if known is None or outcome.status in (FileStatus.REJECTED, FileStatus.REMOVED):
        return outcome
    return replace(outcome, n_pages=known.n_pages, n_chunks=known.n_chunks, flags=known.flags)
