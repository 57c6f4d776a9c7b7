"""Any mix of people and grants: retrieval equals a brute-force model that knows readable text only.

The model shares the tokenizer and the embedder with the program, and nothing else: scores, masks
and rights are computed anew, one chunk at a time.
"""

from __future__ import annotations

import math
import tempfile
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from assistant.access import OPERATOR, ReadableSet, Role
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store import index as index_module
from assistant.store.catalog import Catalog
from assistant.store.terms import indexed_text, indexed_words, query_terms
from assistant.store.writer import open_writer
from assistant.text import stems
from assistant.types import DocumentId, Hit
from tests.assistant.catalogs import set_url
from tests.assistant.corpora import EMBEDDER, batch, content, open_retriever
from tests.postgres import PostgresServer

COLLECTIONS = ("open", "board")
GROUPS = ("staff", "night")
USERS = ("ann", "bob")
ROOT = "root"
EVERYBODY = (*USERS, ROOT)
PATHS = ("a", "b", "c")
WORDS = st.sampled_from(["leave", "leaves", "budget", "travel", "the", "2024", "報告書"])
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3)
QUERIES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
SETTINGS = RetrievalSettings()
TITLE = "Guide"

Seen = tuple[str, str, float, float, float]
"""A document's path and a chunk's text, with the fused, dense and lexical score."""


@dataclass
class Person:
    role: Role = Role.EMPLOYEE
    suspended: bool = False
    groups: set[str] = field(default_factory=set)


@dataclass
class Model:
    """Who may read what, as sets of names; and the text itself."""

    texts: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    people: dict[str, Person] = field(
        default_factory=lambda: {name: Person() for name in USERS} | {ROOT: Person(Role.ADMIN)}
    )
    grants: set[tuple[str, str]] = field(default_factory=set)
    """Collection and group."""
    document_grants: set[tuple[tuple[str, str], str]] = field(default_factory=set)
    """Place and group."""

    def readable(self, user: str) -> dict[tuple[str, str], tuple[str, ...]]:
        person = self.people[user]
        if person.suspended:
            return {}
        if person.role is Role.ADMIN:
            return self.texts
        return {
            place: lines
            for place, lines in self.texts.items()
            if any(
                (place[0], group) in self.grants or (place, group) in self.document_grants
                for group in person.groups
            )
        }

    def search(self, query: str, user: str) -> list[Seen]:
        """Score every readable chunk by itself; equal bytes count once."""
        chunks = {
            (lines, number): (path, line)
            for (collection, path), lines in sorted(
                self.readable(user).items(), key=lambda one: (one[0][1], one[0][0]), reverse=True
            )
            for number, line in enumerate(lines)
        }
        # A content stands in the index once, however many documents link it.
        words = {key: _terms(line) for key, (_, line) in chunks.items()}
        if not chunks or not query.strip():
            return []
        average = sum(map(len, words.values())) / len(words)
        vector = EMBEDDER.embed_query(query)
        found = []
        for key, (path, line) in chunks.items():
            lexical = _bm25(query, words[key], list(words.values()), average)
            embedded = EMBEDDER.embed_documents([indexed_text(TITLE, "", line)])[0]
            dense = float(np.dot(embedded, vector))
            weight = SETTINGS.dense_weight
            fused = weight * min(1.0, max(0.0, dense)) + (1 - weight) * lexical
            found.append((path, line, fused, dense, lexical))
        return found


def _terms(line: str) -> list[str]:
    return list(stems(indexed_words(indexed_text(TITLE, "", line))))


def _bm25(query: str, words: list[str], everything: list[list[str]], average: float) -> float:
    counts, score, most = Counter(words), 0.0, 0.0
    for term in query_terms(query):
        holding = sum(term in one for one in everything)
        idf = math.log(1 + (len(everything) - holding + 0.5) / (holding + 0.5))
        most += idf * (SETTINGS.bm25_k1 + 1)
        frequency = counts[term]
        if frequency:
            length = len(words) / max(average, 1)
            norm = SETTINGS.bm25_k1 * (1 - SETTINGS.bm25_b + SETTINGS.bm25_b * length)
            score += idf * frequency * (SETTINGS.bm25_k1 + 1) / (frequency + norm)
    return score / most if most else 0.0


def seen(hits: tuple[Hit, ...]) -> list[Seen]:
    return [
        (hit.document.document, hit.chunk.text, hit.score, hit.dense, hit.lexical) for hit in hits
    ]


def assert_same(hits: tuple[Hit, ...], expected: list[Seen], top_k: int) -> None:
    """The hits are the best of what the model found; among equals, any."""
    actual = seen(hits)
    assert len(actual) == min(top_k, len(expected))
    scores = sorted((one[2] for one in expected), reverse=True)[:top_k]
    assert [one[2] for one in actual] == pytest.approx(scores, abs=1e-6)
    known = [(path, text) for path, text, *_ in expected]
    for path, text, *numbers in actual:
        assert (path, text) in known
        same = [one for one in expected if one[:2] == (path, text)]
        assert any(numbers == pytest.approx(one[2:], abs=1e-6) for one in same)


class Machine(RuleBasedStateMachine):
    """Documents come and go, people and grants change, and everybody asks in between."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._choose_catalog(folder)
        self._writer = self._stack.enter_context(open_writer(folder))
        self._editor = self._writer.people
        for name in COLLECTIONS:
            self._editor.add_collection(name)
        for name in GROUPS:
            self._editor.add_group(name)
        for name in USERS:
            self._editor.add_user(name)
        self._editor.add_user(ROOT, role=Role.ADMIN)  # so that no other is the last one
        self._retriever: HybridRetriever = self._stack.enter_context(open_retriever(folder))
        self._model = Model()

    def _choose_catalog(self, folder: Path) -> None:
        """Leave it to the data dir, which is SQLite's."""

    def teardown(self) -> None:
        self._stack.close()

    @property
    def _catalog(self) -> Catalog:
        return self._writer.catalog

    def _id(self, place: tuple[str, str]) -> DocumentId:
        return next(
            one.document_id
            for one in self._catalog.list_documents(OPERATOR, place[0])
            if one.document == place[1]
        )

    @rule(
        collection=st.sampled_from(COLLECTIONS),
        path=st.sampled_from(PATHS),
        lines=TEXTS.map(tuple),
    )
    def put(self, collection: str, path: str, lines: tuple[str, ...]) -> None:
        self._writer.publish(batch(collection, {path: content("\n".join(lines), title=TITLE)}))
        self._model.texts[collection, path] = lines

    @precondition(lambda self: self._model.texts)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self._model.texts)))
        self._writer.delete_document(self._id(place))
        del self._model.texts[place]
        self._model.document_grants = {
            grant for grant in self._model.document_grants if grant[0] != place
        }

    @rule(
        collection=st.sampled_from(COLLECTIONS), group=st.sampled_from(GROUPS), is_on=st.booleans()
    )
    def grant(self, collection: str, group: str, is_on: bool) -> None:
        change = self._editor.grant if is_on else self._editor.revoke
        change(collection, group)
        keep = self._model.grants.add if is_on else self._model.grants.discard
        keep((collection, group))

    @precondition(lambda self: self._model.texts)
    @rule(data=st.data(), group=st.sampled_from(GROUPS), is_on=st.booleans())
    def grant_document(self, data: st.DataObject, group: str, is_on: bool) -> None:
        place = data.draw(st.sampled_from(sorted(self._model.texts)))
        change = self._editor.grant_document if is_on else self._editor.revoke_document
        change(self._id(place), group)
        grants = self._model.document_grants
        keep = grants.add if is_on else grants.discard
        keep((place, group))

    @rule(
        user=st.sampled_from(USERS),
        role=st.sampled_from(Role),
        suspended=st.booleans(),
        groups=st.sets(st.sampled_from(GROUPS)),
    )
    def change(self, user: str, role: Role, suspended: bool, groups: set[str]) -> None:
        self._editor.change_user(user, role=role, suspended=suspended, groups=groups)
        self._model.people[user] = Person(role, suspended, groups)

    @rule(query=QUERIES, top_k=st.integers(1, 8))
    def ask(self, query: str, top_k: int) -> None:
        for user in EVERYBODY:
            readable = self._catalog.people.readable_set(user)
            hits = self._retriever.retrieve(query, top_k, readable)
            assert_same(hits, self._model.search(query, user), top_k)

    @rule(collection=st.sampled_from(COLLECTIONS), query=QUERIES)
    def ask_within(self, collection: str, query: str) -> None:
        collection_id = self._catalog.people.collection_id(collection, OPERATOR)
        whole = self._model.texts
        inside = {place: lines for place, lines in whole.items() if place[0] == collection}
        for user in EVERYBODY:
            wanted = self._catalog.people.readable_set(user).within(collection_id)
            self._model.texts = inside
            try:
                expected = self._model.search(query, user)
            finally:
                self._model.texts = whole
            assert_same(self._retriever.retrieve(query, 8, wanted), expected, 8)

    @invariant()
    def lists_and_lookups_agree(self) -> None:
        """What is listed, counted and opened by id is what may be read, and nothing else."""
        everything = self._catalog.list_documents(OPERATOR)
        for user in EVERYBODY:
            readable = self._catalog.people.readable_set(user)
            expected = sorted(self._model.readable(user))
            listed = self._catalog.list_documents(readable)
            assert sorted((one.collection, one.document) for one in listed) == expected
            assert self._catalog.find_documents(readable, limit=1).n_total == len(expected)
            assert self._catalog.readable_ids(
                [one.document_id for one in everything], readable
            ) == {one.document_id for one in listed}


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class PostgresMachine(Machine):
    """The same, with the catalog in PostgreSQL."""

    server: ClassVar[PostgresServer]

    def _choose_catalog(self, folder: Path) -> None:
        set_url(folder, self.server.url(self._stack.enter_context(self.server.database())))


@pytest.fixture
def _machines_have_a_server(postgres_server: PostgresServer) -> None:
    PostgresMachine.server = postgres_server


TestPostgresMachine = pytest.mark.usefixtures("_machines_have_a_server")(PostgresMachine.TestCase)
TestPostgresMachine.settings = settings(TestMachine.settings, max_examples=6)


@pytest.fixture(autouse=True, scope="module")
def _merge_often():  # type: ignore[no-untyped-def]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "MAX_SEGMENTS", 3)
        patch.setattr(index_module, "MERGED_SEGMENTS", 2)
        yield


def test_who_cannot_be_resolved_finds_nothing(data_dir: Path) -> None:
    with open_writer(data_dir) as writer, open_retriever(data_dir) as retriever:
        writer.people.add_collection("open")
        writer.publish(batch("open", {"a": content("budget", title=TITLE)}))
        assert retriever.retrieve("budget", 5, OPERATOR)
        assert retriever.retrieve("budget", 5, ReadableSet()) == ()


def test_answers_while_grants_change_are_of_one_state_or_the_other(data_dir: Path) -> None:
    model = Model(texts={("open", "a"): ("budget travel",), ("board", "b"): ("budget 2024",)})
    model.people["ann"].groups = {"staff"}
    with open_writer(data_dir) as writer, open_retriever(data_dir) as retriever:
        editor = writer.people
        editor.add_group("staff")
        editor.add_user("ann", groups=["staff"])
        for (collection, path), lines in model.texts.items():
            editor.add_collection(collection)
            writer.publish(batch(collection, {path: content("\n".join(lines), title=TITLE)}))
        editor.grant("open", "staff")
        model.grants = {("open", "staff")}
        allowed = [seen_texts(model)]
        model.grants.add(("board", "staff"))
        allowed.append(seen_texts(model))
        done = threading.Event()

        def toggle() -> None:
            for _ in range(60):
                editor.grant("board", "staff")
                editor.revoke("board", "staff")
            done.set()

        thread = threading.Thread(target=toggle)
        thread.start()
        found = set()
        while not done.is_set():
            readable = writer.catalog.people.readable_set("ann")
            hits = retriever.retrieve("budget", 5, readable)
            texts = frozenset(hit.chunk.text for hit in hits)
            assert texts in allowed
            found.add(texts)
        thread.join()
        readable = writer.catalog.people.readable_set("ann")
        hits = retriever.retrieve("budget", 5, readable)
        assert frozenset(hit.chunk.text for hit in hits) == allowed[0]
        assert found


def seen_texts(model: Model) -> frozenset[str]:
    return frozenset(text for _, text, *_ in model.search("budget", "ann"))
