"""What each way into the catalog gives a reader: what may be read, and of the rest no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import delete

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import StoreError, UnknownNameError
from assistant.store import queries
from assistant.store import writer as writer_module
from assistant.store.catalog import Catalog
from assistant.store.rows import ChunkRow
from assistant.store.types import RejectionPut
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import ChunkId, DocumentId
from tests.assistant.catalogs import CATALOGS, data_dir_on
from tests.assistant.corpora import SOURCE, batch, content, publish

SHARED = content("Shared words.", title="Shared")
PLAN = content("Plan of the board.", "Its second page.\nIts last line.", title="Plan 100%")
PAY = replace(content("Pay of the board.", title="Pay"), media_type="text/csv")
OLD = content("Old leave.", title="Leave")
NEW = content("New leave.", title="Leave")
PLACES = {
    "pay": ("board", "pay.csv"),
    "plan": ("board", "plan.txt"),
    "secret": ("board", "secret.txt"),
    "leave": ("docs", "leave.txt"),
    "open": ("docs", "open.txt"),
}
"""The documents in the order in which they are listed; `secret` and `open` share a content."""


@dataclass(frozen=True)
class Corpus:
    catalog: Catalog
    ids: dict[str, DocumentId]
    readers: dict[str, ReadableSet]

    def chunks(self, *names: str) -> dict[str, ChunkId]:
        """The chunks of some documents' current versions by their text."""
        found = {}
        for name in names:
            only = ReadableSet(documents=frozenset({self.ids[name]}))
            _, ids = self.catalog.live_chunk_ids(only)
            for chunk_id, one in self.catalog.chunks(map(ChunkId, ids.tolist()), only).items():
                found[one.chunk.text] = chunk_id
        return found


READERS = {
    "operator": set(PLACES),
    "docs": {"leave", "open"},
    "pay": {"pay"},
    "docs and pay": {"leave", "open", "pay"},
    "board and pay": {"pay", "plan", "secret"},
    "pay and open": {"pay", "open"},
    "pay and open in docs": {"open"},
    "docs, and pay in board": {"leave", "open", "pay"},
    "pay in docs": set[str](),
    "nobody": set[str](),
    "nothing there": set[str](),
}
"""Who may read which of the documents."""
every_reader = pytest.mark.parametrize("reader", READERS)


@pytest.fixture(scope="module", params=CATALOGS)
def corpus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("readable")
    with data_dir_on(request.param, folder, request), open_writer(folder) as writer:
        docs, board = (writer.people.add_collection(name) for name in ("docs", "board"))
        nothing = writer.people.add_collection("nothing")
        writer.publish(batch("docs", {"open.txt": SHARED, "leave.txt": OLD}))
        writer.publish(batch("docs", {"leave.txt": NEW}))
        writer.publish(batch("board", {"secret.txt": SHARED, "plan.txt": PLAN, "pay.csv": PAY}))
        listed = writer.catalog.list_documents(OPERATOR)
        by_place = {(one.collection, one.document): one.document_id for one in listed}
        ids = {name: by_place[place] for name, place in PLACES.items()}
        pay, open_ = ids["pay"], ids["open"]
        readers = {
            "operator": OPERATOR,
            "docs": ReadableSet(collections=frozenset({docs})),
            "pay": ReadableSet(documents=frozenset({pay})),
            "docs and pay": ReadableSet(collections=frozenset({docs}), documents=frozenset({pay})),
            "board and pay": ReadableSet(
                collections=frozenset({board}), documents=frozenset({pay})
            ),
            "pay and open": ReadableSet(documents=frozenset({pay, open_})),
            "pay and open in docs": ReadableSet(
                documents=frozenset({pay, open_}), documents_in=docs
            ),
            "docs, and pay in board": ReadableSet(
                collections=frozenset({docs}), documents=frozenset({pay}), documents_in=board
            ),
            "pay in docs": ReadableSet(documents=frozenset({pay}), documents_in=docs),
            "nobody": ReadableSet(),
            "nothing there": ReadableSet(collections=frozenset({nothing})),
        }
        yield Corpus(writer.catalog, ids, readers)


def short(place: tuple[str, str]) -> str:
    return {place: name for name, place in PLACES.items()}[place]


# Lists and counts


@every_reader
def test_lists_hold_what_may_be_read_in_order(corpus: Corpus, reader: str) -> None:
    readable, expected = corpus.readers[reader], [n for n in PLACES if n in READERS[reader]]
    listed = corpus.catalog.list_documents(readable)
    assert [short((one.collection, one.document)) for one in listed] == expected
    assert [one.document_id for one in listed] == [corpus.ids[name] for name in expected]
    found = corpus.catalog.find_documents(readable, limit=99)
    assert (found.documents, found.n_total) == (listed, len(expected))
    page = corpus.catalog.find_documents(readable, offset=1, limit=2)
    assert (page.documents, page.n_total) == (listed[1:3], len(expected))
    paths = {PLACES[name][1] for name in expected}
    assert corpus.catalog.document_names(readable) == paths


@every_reader
def test_lists_of_a_collection_hold_what_of_it_may_be_read(corpus: Corpus, reader: str) -> None:
    for collection in ("docs", "board"):
        names = [n for n in PLACES if n in READERS[reader] and PLACES[n][0] == collection]
        if names:
            listed = corpus.catalog.list_documents(corpus.readers[reader], collection)
            assert [one.document_id for one in listed] == [corpus.ids[name] for name in names]
            continue
        with pytest.raises(UnknownNameError) as unreadable:
            corpus.catalog.list_documents(corpus.readers[reader], collection)
        with pytest.raises(UnknownNameError) as missing:
            corpus.catalog.list_documents(corpus.readers[reader], "nonexistent")
        assert str(unreadable.value).replace(collection, "nonexistent") == str(missing.value)


@every_reader
def test_media_types_are_of_what_may_be_read(corpus: Corpus, reader: str) -> None:
    types = {"text/csv" if name == "pay" else "text/plain" for name in READERS[reader]}
    assert corpus.catalog.media_types(corpus.readers[reader]) == tuple(sorted(types))


@every_reader
def test_ids_are_known_of_what_may_be_read(corpus: Corpus, reader: str) -> None:
    asked = [*corpus.ids.values(), "made up"]
    readable = {corpus.ids[name] for name in READERS[reader]}
    assert corpus.catalog.readable_ids(asked, corpus.readers[reader]) == readable
    assert corpus.catalog.readable_ids([], corpus.readers[reader]) == frozenset()


@pytest.mark.parametrize(
    ("text", "media_type", "expected"),
    [
        ("plan", None, ["plan"]),
        ("PLAN board", None, ["plan"]),
        ("plan docs", None, []),
        ("board", None, ["pay", "plan", "secret"]),
        ("board", "text/csv", ["pay"]),
        ("board", "text/plain", ["plan", "secret"]),
        ("shared", None, ["secret", "open"]),
        (".csv", None, ["pay"]),
        ("%", None, ["plan"]),
        ("_", None, []),
        ("  ", "text/csv", ["pay"]),
        ("", "text/html", []),
    ],
)
def test_find_documents_by_words_of_name_title_and_collection(
    corpus: Corpus, text: str, media_type: str | None, expected: list[str]
) -> None:
    for reader, readable in corpus.readers.items():
        found = corpus.catalog.find_documents(readable, text=text, media_type=media_type, limit=9)
        names = [short((one.collection, one.document)) for one in found.documents]
        assert names == [name for name in expected if name in READERS[reader]]
        assert found.n_total == len(names)


def test_documents_of_equal_names_are_listed_by_their_source(data_dir: Path) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        for source in ("/b", "/a"):
            one = content(f"text of {source}", title="A")
            writer.publish(replace(batch("docs", {"a.txt": one}), source=source))
        listed = writer.catalog.list_documents(OPERATOR)
        assert [one.source for one in listed] == ["/a", "/b"]
        shared = content("shared", title="S")
        for source in ("/b", "/a"):
            writer.publish(replace(batch("docs", {"s.txt": shared}), source=source))
        _, ids = writer.catalog.live_chunk_ids(OPERATOR)
        (first, *_) = (
            one for one in writer.catalog.list_documents(OPERATOR) if one.document == "s.txt"
        )
        found = writer.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR)
        assert first.source == "/a"
        assert {one.document.document_id for one in found.values()} >= {first.document_id}


# One document, one page, one passage


@every_reader
def test_documents_open_to_who_may_read_them(corpus: Corpus, reader: str) -> None:
    readable = corpus.readers[reader]
    for name, document_id in corpus.ids.items():
        if name in READERS[reader]:
            detail = corpus.catalog.document(document_id, readable)
            assert detail.summary.document_id == document_id
            continue
        with pytest.raises(UnknownNameError) as unreadable:
            corpus.catalog.document(document_id, readable)
        with pytest.raises(UnknownNameError) as missing:
            corpus.catalog.document(DocumentId("made up"), readable)
        assert str(unreadable.value) == str(missing.value).replace("made up", document_id)
        assert str(unreadable.value) == (
            f"no document {document_id!r}; `plinth docs list` shows the ids"
        )


def test_document_has_its_versions_and_the_pages_of_the_current_one(corpus: Corpus) -> None:
    leave = corpus.catalog.document(corpus.ids["leave"], OPERATOR)
    assert [one.version for one in leave.versions] == [OLD.key.sha256, NEW.key.sha256]
    assert leave.summary.version == NEW.key.sha256
    assert [one.text for one in leave.pages] == ["New leave."]
    plan = corpus.catalog.document(corpus.ids["plan"], OPERATOR)
    assert [(one.page_index, one.page_number, one.text) for one in plan.pages] == [
        (0, 1, "Plan of the board."),
        (1, 2, "Its second page.\nIts last line."),
    ]
    assert (plan.summary.title, plan.summary.document) == ("Plan 100%", "plan.txt")


def test_document_was_added_with_its_current_version(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = ("2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00")
    puts = ({"a.txt": OLD}, {"a.txt": NEW}, {"b.txt": PLAN})
    for time, documents in zip(times, puts, strict=True):
        monkeypatch.setattr(writer_module, "now", lambda time=time: time)
        writer.publish(batch("docs", documents))
    listed = writer.catalog.list_documents(OPERATOR)
    assert [one.added_at for one in listed] == [times[1], times[2]]
    detail = writer.catalog.document(listed[0].document_id, OPERATOR)
    assert [one.added_at for one in detail.versions] == [times[0], times[1]]


@every_reader
def test_pages_open_through_any_document_that_may_be_read(corpus: Corpus, reader: str) -> None:
    readable = corpus.readers[reader]
    for name, document_id in corpus.ids.items():
        twins = {"open", "secret"} if name in ("open", "secret") else {name}
        detail = corpus.catalog.document(document_id, OPERATOR)
        for content_id in (one.content_id for one in detail.versions):
            if twins & READERS[reader]:
                assert corpus.catalog.page_text(content_id, 0, readable)
                continue
            with pytest.raises(UnknownNameError) as unreadable:
                corpus.catalog.page_text(content_id, 0, readable)
            assert str(unreadable.value) == (
                f"no page 0 of content {content_id}; it may have been deleted"
            )


def test_page_text_is_of_that_page_and_that_version(corpus: Corpus) -> None:
    leave, plan = (corpus.catalog.document(corpus.ids[n], OPERATOR) for n in ("leave", "plan"))
    old, new = (one.content_id for one in leave.versions)
    (content_id,) = (one.content_id for one in plan.versions)
    assert corpus.catalog.page_text(old, 0, OPERATOR) == "Old leave."
    assert corpus.catalog.page_text(new, 0, OPERATOR) == "New leave."
    assert corpus.catalog.page_text(content_id, 1, OPERATOR) == "Its second page.\nIts last line."
    with pytest.raises(UnknownNameError):
        corpus.catalog.page_text(content_id, 2, OPERATOR)


@every_reader
def test_citations_open_to_who_may_read_their_document(corpus: Corpus, reader: str) -> None:
    readable = corpus.readers[reader]
    for name, document_id in corpus.ids.items():
        for text, chunk_id in corpus.chunks(name).items():
            if name in READERS[reader]:
                cited = corpus.catalog.cited_page(document_id, chunk_id, readable)
                assert text in cited.page.text
                continue
            with pytest.raises(UnknownNameError) as unreadable:
                corpus.catalog.cited_page(document_id, chunk_id, readable)
            assert str(unreadable.value) == (
                f"no passage {chunk_id} in document {document_id!r}; it may be deleted"
            )


def test_a_citation_is_of_its_own_document_only(corpus: Corpus) -> None:
    # Both may be read; the passage of the one is not in the other.
    for text, chunk_id in corpus.chunks("plan").items():
        assert text in corpus.catalog.cited_page(corpus.ids["plan"], chunk_id, OPERATOR).page.text
        with pytest.raises(UnknownNameError):
            corpus.catalog.cited_page(corpus.ids["pay"], chunk_id, OPERATOR)
    with pytest.raises(UnknownNameError):
        corpus.catalog.cited_page(corpus.ids["plan"], ChunkId(9999), OPERATOR)


def test_cited_page_is_the_one_that_holds_the_passage(corpus: Corpus) -> None:
    chunk_id = corpus.chunks("plan")["Its last line."]
    cited = corpus.catalog.cited_page(corpus.ids["plan"], chunk_id, OPERATOR)
    assert (cited.page.page_index, cited.page.page_number) == (1, 2)
    assert cited.page.text == "Its second page.\nIts last line."
    assert (cited.version, cited.media_type) == (PLAN.key.sha256, "text/plain")
    (pay,) = corpus.chunks("pay").values()
    cited = corpus.catalog.cited_page(corpus.ids["pay"], pay, OPERATOR)
    assert (cited.version, cited.media_type) == (PAY.key.sha256, "text/csv")


def pages_through(catalog: Catalog, document_id: DocumentId, readable: ReadableSet) -> list[str]:
    """The texts of the pages of a document that can be addressed."""
    found = []
    for ordinal in range(4):
        for number in range(4):
            with suppress(UnknownNameError):
                found.append(catalog.page(document_id, ordinal, number, readable).page.text)
    return found


@every_reader
def test_pages_open_to_who_may_read_their_document(corpus: Corpus, reader: str) -> None:
    texts = {
        "plan": ["Plan of the board.", "Its second page.\nIts last line."],
        "leave": ["Old leave.", "New leave."],
        "pay": ["Pay of the board."],
        "secret": ["Shared words."],
        "open": ["Shared words."],
    }
    for name, document_id in corpus.ids.items():
        expected = texts[name] if name in READERS[reader] else []
        assert pages_through(corpus.catalog, document_id, corpus.readers[reader]) == expected


def test_a_citation_names_its_version_as_counted_in_its_document(corpus: Corpus) -> None:
    (leave,) = corpus.chunks("leave").values()
    cited = corpus.catalog.cited_page(corpus.ids["leave"], leave, OPERATOR)
    assert cited.ordinal == 2
    assert corpus.catalog.page(corpus.ids["leave"], 2, 1, OPERATOR) == cited
    detail = corpus.catalog.document(corpus.ids["leave"], OPERATOR)
    assert [one.ordinal for one in detail.versions] == [1, 2]


def test_citation_of_an_earlier_version_stays_open(writer: CatalogWriter) -> None:
    writer.publish(batch("docs", {"a.txt": OLD}))
    (document,) = writer.catalog.list_documents(OPERATOR)
    _, (old,) = writer.catalog.live_chunk_ids(OPERATOR)
    writer.publish(batch("docs", {"a.txt": NEW}))
    docs = OPERATOR.within(writer.catalog.people.collection_id("docs", OPERATOR))
    for readable in (OPERATOR, docs):
        cited = writer.catalog.cited_page(document.document_id, ChunkId(int(old)), readable)
        assert (cited.page.text, cited.version) == ("Old leave.", OLD.key.sha256)
        # Only in citations: nothing finds it any more.
        assert writer.catalog.chunks([ChunkId(int(old))], readable) == {}
        _, live = writer.catalog.live_chunk_ids(readable)
        assert old not in live


def test_citation_of_a_version_that_came_again_opens(writer: CatalogWriter) -> None:
    for one in (OLD, NEW, OLD):
        writer.publish(batch("docs", {"a.txt": one}))
    (document,) = writer.catalog.list_documents(OPERATOR)
    _, (live,) = writer.catalog.live_chunk_ids(OPERATOR)
    cited = writer.catalog.cited_page(document.document_id, ChunkId(int(live)), OPERATOR)
    assert (cited.page.text, cited.ordinal) == ("Old leave.", 3)
    detail = writer.catalog.document(document.document_id, OPERATOR)
    assert [one.version for one in detail.versions] == [one.key.sha256 for one in (OLD, NEW, OLD)]


# Chunks


@every_reader
def test_chunks_are_of_what_may_be_read(corpus: Corpus, reader: str) -> None:
    readable = corpus.readers[reader]
    everything = corpus.chunks(*PLACES)
    expected = corpus.chunks(*READERS[reader])
    generation, live = corpus.catalog.live_chunk_ids(readable)
    assert generation == corpus.catalog.current_generation()
    assert live.tolist() == sorted(expected.values())
    found = corpus.catalog.chunks(everything.values(), readable)
    assert {one.chunk.text: chunk_id for chunk_id, one in found.items()} == expected
    for chunk_id, one in found.items():
        assert one.chunk.chunk_id == chunk_id
        assert short((one.document.collection, one.document.document)) in READERS[reader]
    some = list(expected.values())[:1]
    assert list(corpus.catalog.chunks(some, readable)) == some


@every_reader
def test_page_chunks_are_of_that_page_in_reading_order(corpus: Corpus, reader: str) -> None:
    readable = corpus.readers[reader]
    detail = corpus.catalog.document(corpus.ids["plan"], OPERATOR)
    (version,) = detail.versions
    texts = [
        [one.chunk.text for one in corpus.catalog.page_chunks(version.content_id, i, readable)]
        for i in range(3)
    ]
    pages = [["Plan of the board."], ["Its second page.", "Its last line."], []]
    assert texts == (pages if "plan" in READERS[reader] else [[], [], []])


def test_shared_passage_names_a_document_that_its_reader_may_see(corpus: Corpus) -> None:
    chunks = corpus.chunks("open")
    for reader, readable in corpus.readers.items():
        named = [
            short((one.document.collection, one.document.document))
            for one in corpus.catalog.chunks(chunks.values(), readable).values()
        ]
        first = [name for name in ("open", "secret") if name in READERS[reader]][:1]
        assert named == first


def test_shared_passage_names_its_first_document_by_path_and_collection(
    writer: CatalogWriter,
) -> None:
    for collection in ("docs", "board", "archive"):
        if collection != "docs":
            writer.people.add_collection(collection)
        writer.publish(batch(collection, {"a.txt": SHARED}))
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    (one,) = writer.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR).values()
    assert (one.document.document, one.document.collection) == ("a.txt", "archive")


def test_stored_chunks_are_those_of_earlier_versions_too(writer: CatalogWriter) -> None:
    for text in ("one\ntwo", "three\nfour\nfive", "six"):
        publish(writer, "docs", a=text)
    with writer.catalog._database.reading() as session:
        assert queries.stored_chunk_ids(session).tolist() == [1, 2, 3, 4, 5, 6]
    _, live = writer.catalog.live_chunk_ids(OPERATOR)
    assert live.tolist() == [6]


def test_chunk_is_as_long_as_its_span(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one\ntwo\nthree")
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    found = writer.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR)
    assert [one.chunk.text for one in found.values()] == ["one", "two", "three"]


def test_chunk_has_all_that_a_citation_needs(writer: CatalogWriter) -> None:
    one = replace(content("First.\nSecond.", name="leave"), date="2025-03-01")
    heading = replace(one.chunks[1], heading="Rules > Leave")
    one = replace(one, chunks=(one.chunks[0], heading))
    writer.publish(batch("docs", {"x/leave.txt": one}))
    (document,) = writer.catalog.list_documents(OPERATOR)
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    second = writer.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR)[ChunkId(int(ids[1]))]
    chunk, ref = second.chunk, second.document
    assert (chunk.text, chunk.heading, chunk.title) == ("Second.", "Rules > Leave", "leave")
    assert (chunk.page_index, chunk.page_number) == (0, 1)
    assert (chunk.span.start, chunk.span.end) == (7, 14)
    assert (ref.document, ref.document_id) == ("x/leave.txt", document.document_id)
    assert (ref.collection, ref.version, ref.effective_date) == (
        "docs",
        one.key.sha256,
        "2025-03-01",
    )
    assert (document.title, document.date, document.source) == ("leave", "2025-03-01", SOURCE)


def test_a_rejected_newer_file_flags_its_own_document_only(writer: CatalogWriter) -> None:
    writer.people.add_collection("board")
    for collection in ("docs", "board"):
        puts = {"a.txt": content("one", title="A"), "b.txt": content("two", title="B")}
        writer.publish(batch(collection, puts))
    rejected = RejectionPut(path="a.txt", sha256=None, recipe="r1", reason="damaged", detail="")
    writer.publish(replace(batch("docs", {}), rejections=(rejected,)))
    assert [
        (one.collection, one.document)
        for one in writer.catalog.list_documents(OPERATOR)
        if one.flags
    ] == [("docs", "a.txt")]


def test_chunks_that_are_not_numbered_in_a_row_are_damage(writer: CatalogWriter) -> None:
    writer.publish(batch("docs", {"a.txt": content("one\ntwo\nthree", title="A")}))
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    with writer.catalog._database.writing() as session:
        session.execute(delete(ChunkRow).where(ChunkRow.id == int(ids[1])))
    with pytest.raises(StoreError) as damaged:
        writer.catalog.live_chunk_ids(OPERATOR)
    assert "the chunks of a content are not numbered in a row; restore a backup" in str(
        damaged.value
    )


def test_more_documents_may_be_granted_than_a_statement_takes_values(
    writer: CatalogWriter,
) -> None:
    publish(writer, "docs", a="one", b="two")
    first, _ = writer.catalog.list_documents(OPERATOR)
    many = frozenset({first.document_id, *(DocumentId(f"d{i}") for i in range(40_000))})
    assert writer.catalog.list_documents(ReadableSet(documents=many)) == (first,)
