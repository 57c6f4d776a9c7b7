"""Suites of gold questions, for those who may evaluate and read all of their collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.access import Person, Who
from assistant.errors import QuoteError, UnknownNameError
from assistant.store.catalog import Catalog
from assistant.store.suite_types import NewCase, StoredCase, StoredSuite, SuiteVersion
from assistant.store.types import AuditAction, DocumentsFound
from assistant.types import DocumentId
from evals.errors import SuiteError
from evals.stored_suites import (
    MAX_BYTES,
    export_suite,
    import_suite,
    require_name,
    stored_suite,
    suite_name,
)
from evals.suite_files import SuiteFiles
from evals.suites import SAMPLE, Suite, case_to_json, checked_case, load_suite, parse_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Gold evidence of a case."""

    document: str
    page: int | None
    quote: str | None
    """None: the whole page."""
    document_id: str | None
    """The document it was picked from; None: it is only named."""


class OwnSuites:
    """The suites that the person who asks may see.

    Args:
        who: Who asks, as of now.
        catalog: Where they are kept.
        earlier: Files that were uploaded when suites were files.
    """

    def __init__(self, who: Who, catalog: Catalog, earlier: SuiteFiles) -> None:
        self._who = who
        self._catalog = catalog
        self._suites = catalog.suites
        self._earlier = earlier

    def collections(self) -> tuple[str, ...]:
        """Return the collections that can have suites of this person: readable as a whole."""
        readable = self._who().readable
        found = self._catalog.people.collections()
        return tuple(one.name for one in found if readable.holds(one.collection_id))

    def list(self) -> tuple[StoredSuite, ...]:
        """Return the suites, by collection and name."""
        return self._suites.list(self._who().readable)

    def suite(self, suite_id: int) -> StoredSuite:
        """Return a suite in its newest version; see `Suites.suite`."""
        return self._suites.suite(suite_id, self._who().readable)

    def versions(self, suite_id: int) -> tuple[SuiteVersion, ...]:
        """Return the versions of a suite, latest first; see `Suites.versions`."""
        return self._suites.versions(suite_id, self._who().readable)

    def cases(self, suite_id: int) -> tuple[StoredCase, ...]:
        """Return the cases of a suite; see `Suites.cases`."""
        return self._suites.cases(suite_id, self._who().readable)

    def load(self, name: str) -> Suite:
        """Return a suite as it is asked: the shipped one, or one by its full name.

        Raises:
            SuiteError: it holds no case.
            UnknownNameError: there is none.
        """
        readable = self._who().readable
        if name == SAMPLE.name:
            return load_suite(SAMPLE / "suite.jsonl")
        return stored_suite(self._suites, self._suites.find(name, readable), readable)

    def add(self, name: str, collection: str) -> StoredSuite:
        """Add a suite without cases.

        Raises:
            SuiteError: nothing can be called that.
            NameTakenError: the collection has one of the name.
            UnknownNameError: no such collection that the person may read as a whole.
        """
        person = self._who()
        name = require_name(name.strip())
        return self._suites.add(name, collection, person.readable, by=person.name)

    def import_file(self, file_name: str, data: bytes, collection: str) -> StoredSuite:
        """Check a file and make it a suite, or the next version of the one of its name.

        Raises:
            SuiteError: it is none; names file and line.
            UnknownNameError: no such collection that the person may read as a whole.
        """
        person = self._who()
        name = suite_name(file_name)
        if len(data) > MAX_BYTES:
            message = f"{file_name!r} is larger than {MAX_BYTES // 1_000_000} MB; split it up"
            raise SuiteError(message)
        return self._import(person, parse_suite(data, Path(file_name)), name, collection)

    def export(self, suite_id: int, version: int | None = None) -> bytes:
        """Return a version of a suite as a file; None: the newest."""
        return export_suite(self._suites.cases(suite_id, self._who().readable, version))

    def put_case(
        self,
        suite_id: int,
        values: Mapping[str, Any],
        passages: tuple[Passage, ...],
        *,
        opened: StoredCase | None,
        review_id: int | None,
    ) -> StoredSuite:
        """Save a case; see `Suites.put_case`.

        Args:
            suite_id: Of the suite.
            values: A line of a suite file but for its evidence. Without an id it is given one.
            passages: Its evidence.
            opened: What it replaces.
            review_id: The feedback it is made of.

        Raises:
            SuiteError: it is no case; says why.
        """
        person = self._who()
        key = values.get("id") or self._new_key(suite_id, person, review_id)
        evidence = [
            {"document": one.document, "page": one.page, "quote": one.quote} for one in passages
        ]
        case = checked_case({**values, "id": key, "evidence": evidence})
        new = NewCase(
            values=case_to_json(case), document_ids=tuple(one.document_id for one in passages)
        )
        return self._suites.put_case(
            suite_id, new, person.readable, by=person.name, opened=opened, review_id=review_id
        )

    def remove_case(self, suite_id: int, key: str) -> StoredSuite:
        """Take a case out; see `Suites.remove_case`."""
        person = self._who()
        return self._suites.remove_case(suite_id, key, person.readable, by=person.name)

    def restore(self, suite_id: int, version: int, *, latest: int) -> StoredSuite:
        """Make an earlier version the newest again; see `Suites.restore`."""
        person = self._who()
        return self._suites.restore(
            suite_id, version, person.readable, by=person.name, latest=latest
        )

    def delete(self, suite_id: int) -> None:
        """Delete a suite with all its versions; see `Suites.delete`."""
        person = self._who()
        self._suites.delete(suite_id, person.readable, by=person.name)

    # Gold passages

    def find_documents(self, suite_id: int, text: str, limit: int) -> DocumentsFound:
        """Return documents of the suite's collection whose name or title holds every word."""
        readable = self._who().readable
        suite = self._suites.suite(suite_id, readable)
        in_it = readable.within(suite.collection_id)
        return self._catalog.find_documents(in_it, text=text, limit=limit)

    def holds_all(self, suite_id: int, ids: Iterable[str]) -> bool:
        """Tell whether all these documents are of the suite's collection."""
        readable, wanted = self._who().readable, frozenset(ids)
        in_it = readable.within(self._suites.suite(suite_id, readable).collection_id)
        return self._catalog.readable_ids(wanted, in_it) == wanted

    def pick(
        self, document_id: DocumentId, page_index: int, start: int, end: int, shown: str
    ) -> Passage:
        """Return the passage that was selected in the text of a page.

        Args:
            document_id: A document that the person may read.
            page_index: 0-based.
            start: Of the passage, in characters of the page's text.
            end: Behind it. Equal to `start`: the whole page.
            shown: What was selected, as the browser has it.

        Raises:
            UnknownNameError: no such document, or page, that the person may see.
            QuoteError: that is not what stands there now.
        """
        detail = self._catalog.document(document_id, self._who().readable)
        if not 0 <= page_index < len(detail.pages):
            raise UnknownNameError("the document has no such page; open it again")
        page = detail.pages[page_index]
        quote = page.text[start:end]
        if not 0 <= start <= end <= len(page.text) or quote.replace("\r", " ") != shown:
            message = "the page says something else by now; open it again and select anew"
            raise QuoteError(message)
        return Passage(
            document=detail.summary.document,
            page=page.page_number,
            quote=quote or None,
            document_id=document_id,
        )

    # Files from when suites were files

    def earlier_files(self) -> tuple[str, ...]:
        """Return the names of suites that were uploaded as files and belong to no collection.

        Nobody knows what they quote: who may not read everything sees none.
        """
        return self._earlier.names() if self._who().readable.everything else ()

    def adopt(self, file_name: str, collection: str) -> StoredSuite:
        """Move such a file into the catalog; see `import_file`."""
        person = self._who()
        self._require_earlier(file_name)
        file = self._earlier.load(file_name)
        stored = self._import(person, file, suite_name(file_name), collection)
        self._earlier.delete(file_name)
        return stored

    def drop_earlier(self, file_name: str) -> None:
        """Delete such a file.

        Raises:
            UnknownNameError: there is none of this name that the person may see.
        """
        person = self._who()
        self._require_earlier(file_name)
        self._earlier.delete(file_name)
        self._catalog.audit.note(person.name, AuditAction.SUITE_CHANGED, file_name, deleted=True)

    def _require_earlier(self, file_name: str) -> None:
        if file_name not in self.earlier_files():
            raise UnknownNameError(f"no suite {file_name!r}; reload the page")

    def _import(self, person: Person, file: Suite, name: str, collection: str) -> StoredSuite:
        return import_suite(
            self._suites,
            file,
            person.readable,
            name=name,
            collection=collection,
            by=person.name,
        )

    def _new_key(self, suite_id: int, person: Person, review_id: int | None) -> str:
        """Return an id that no case of the suite has."""
        if review_id is not None:
            return f"feedback-{review_id}"
        taken = {one.key for one in self._suites.cases(suite_id, person.readable)}
        number = len(taken) + 1
        while f"q{number}" in taken:
            number += 1
        return f"q{number}"
