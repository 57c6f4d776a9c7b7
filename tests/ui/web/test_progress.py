from __future__ import annotations

from assistant.types import AnswerSentence, ChunkId, Citation, DocumentId, Span, Support, Version
from ui.web.answering import AnswerProgress, CheckedSentence
from ui.web.components.progress import written_so_far
from ui.web.components.reply import PROVISIONAL, sentences_markdown


def cited(quote: str) -> Citation:
    return Citation(
        document="leave.md",
        document_id=DocumentId("d"),
        version=Version("v"),
        chunk_id=ChunkId(1),
        page_number=None,
        span=Span(0, len(quote)),
        quote=quote,
    )


def checked(text: str, support: Support, *citations: Citation) -> CheckedSentence:
    sentence = AnswerSentence(text=text, support=support, citations=tuple(range(len(citations))))
    return CheckedSentence(sentence=sentence, citations=citations)


def test_what_is_not_checked_yet_follows_what_is() -> None:
    progress = AnswerProgress(
        question="How many days?",
        text="You have 25 days. They expire in March. And th",
        checked=(checked("You have 25 days.", Support.SUPPORTED, cited("25 days")),),
    )
    assert written_so_far(progress) == [
        {"text": "You have 25 days.", "support": "supported", "citations": [0]},
        {"text": "They expire in March.", "support": PROVISIONAL, "citations": []},
        {"text": "And th", "support": PROVISIONAL, "citations": []},
    ]


def test_citations_are_numbered_as_the_reply_will_number_them() -> None:
    first, second = cited("25 days"), cited("expires in March")
    progress = AnswerProgress(
        question="How many days?",
        text="A one. B two. C three.",
        checked=(
            checked("A one.", Support.SUPPORTED, first),
            checked("B two.", Support.PARTIAL, second, first),
            checked("C three.", Support.UNSUPPORTED),
        ),
    )
    assert [one["citations"] for one in written_so_far(progress)] == [[0], [1, 0], []]


def test_sentence_that_is_not_proven_is_struck_through_and_says_so() -> None:
    markdown = sentences_markdown([{"text": "No.", "support": "unsupported", "citations": []}])
    assert markdown == ":gray[~~No\\.~~] :gray[*withheld: not proven*]"


def test_sentence_that_is_not_checked_is_grey_also_in_a_list() -> None:
    markdown = sentences_markdown([{"text": "- One", "support": PROVISIONAL, "citations": []}])
    assert markdown == "- :gray[One]"
