from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from assistant.reply_json import (
    REMOVED,
    document_ids,
    with_document_ids,
    without_documents,
    without_resolution,
)

IDS = ("a", "b", "c")
SETS = st.sets(st.sampled_from(IDS))


def quote_of(one: str) -> str:
    return f"words of {one}"


def reply_of(cited: list[str], shown: list[str], sentences: list[list[int]]) -> dict[str, Any]:
    """A reply with citations and passages of documents, and sentences that rest on citations."""
    texts = [
        f"{number}: " + " and ".join(quote_of(cited[i]) for i in numbers)
        for number, numbers in enumerate(sentences)
    ]
    return {
        "status": "answered",
        "question": "What rises?",
        "resolved_question": "What rises?",
        "answer": " ".join(texts) or "I looked for: What rises?",
        "sentences": [
            {"text": text, "support": "supported", "citations": numbers}
            for text, numbers in zip(texts, sentences, strict=True)
        ],
        "citations": [
            {"document": f"{one}.txt", "document_id": one, "quote": quote_of(one)} for one in cited
        ],
        "passages": [
            {"document": f"{one}.txt", "document_id": one, "text": quote_of(one), "score": 0.5}
            for one in shown
        ],
        "withheld": [quote_of(one) for one in shown],
    }


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    cited = draw(st.lists(st.sampled_from(IDS), max_size=4))
    shown = draw(st.lists(st.sampled_from(IDS), max_size=4))
    numbers = st.lists(st.sampled_from(range(len(cited)) if cited else [None]), max_size=2)
    sentences = draw(st.lists(numbers, max_size=3)) if cited else []
    return reply_of(cited, shown, sentences)


def test_document_ids_are_those_cited_and_those_shown() -> None:
    assert document_ids(reply_of(["a"], ["b", "a"], [])) == {"a", "b"}
    assert document_ids(reply_of([], [], [])) == frozenset()


@given(replies(), SETS)
def test_without_documents_nothing_is_left_of_them_and_all_of_the_others(
    reply: dict[str, Any], gone: set[str]
) -> None:
    before = copy.deepcopy(reply)
    left = without_documents(reply, gone)
    assert reply == before
    assert left.keys() == reply.keys()
    for one in gone:
        assert quote_of(one) not in str(left)
        assert f"{one}.txt" not in str(left)
    if not document_ids(reply) & gone:
        assert left == reply
        return
    lost = [item["document_id"] in gone for item in reply["citations"]]
    for part, text in (("citations", "quote"), ("passages", "text")):
        assert left[part] == [
            item | {"document": REMOVED, text: REMOVED} if item["document_id"] in gone else item
            for item in reply[part]
        ]
    assert left["sentences"] == [
        one | {"text": REMOVED} if any(lost[i] for i in one["citations"]) else one
        for one in reply["sentences"]
    ]
    texts = [one["text"] for one in left["sentences"]]
    assert left["answer"] == (" ".join(texts) if texts else reply["answer"])
    assert left["withheld"] == [REMOVED] * len(reply["withheld"])


def test_without_resolution_says_the_question_as_it_was_asked() -> None:
    understood = "Is it nine percent for interns?"
    abstained = {
        "status": "abstained",
        "resolved_question": understood,
        "answer": f"The documents do not say. I looked for: {understood}",
        "passages": [],
    }
    assert without_resolution(abstained, "And interns?") == {
        "status": "abstained",
        "resolved_question": "And interns?",
        "answer": "The documents do not say. I looked for: And interns?",
        "passages": [],
    }
    # An answer's text was proven by documents: it stays, whatever it has in common.
    answered = abstained | {"status": "answered"}
    assert without_resolution(answered, "And interns?") == answered | {
        "resolved_question": "And interns?"
    }


def test_with_document_ids_names_documents_otherwise_and_changes_nothing_else() -> None:
    reply = reply_of(["a", "b"], ["b", "c"], [[0, 1]])
    before = copy.deepcopy(reply)
    renamed = with_document_ids(reply, {"a": "x", "c": "y"})
    assert reply == before
    assert [one["document_id"] for one in renamed["citations"]] == ["x", "b"]
    assert [one["document_id"] for one in renamed["passages"]] == ["b", "y"]
    assert with_document_ids(renamed, {"x": "a", "y": "c"}) == before
