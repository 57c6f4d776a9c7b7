from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.context import label
from assistant.evidence.attribution import ShownEvidence, Verdict
from assistant.evidence.sentences import StemWeights, read_sentences
from assistant.types import Hit, Support
from models.fakes import FakeEmbedder

PAGE = (
    "Employees receive 25 days of annual leave. Unused leave expires on 31 March. "
    "Parking is free for visitors. Contractors do not receive annual leave."
)


@pytest.fixture
def judge(make_hit: Callable[..., Hit]) -> Callable[[str], Verdict]:
    embedder = FakeEmbedder()
    hits = [make_hit(PAGE), make_hit("The canteen opens at noon.", title="Canteen")]
    sentences = read_sentences(hits, embedder)
    shown = ShownEvidence(
        sentences,
        StemWeights(sentence.stems for sentence in sentences),
        "How much annual leave do employees receive?",
        tuple(label(hit) for hit in hits),
    )
    return lambda text: shown.verdict(text, embedder.embed_query(text))


def test_verdict_of_a_repeated_sentence_is_supported_by_it(
    judge: Callable[[str], Verdict],
) -> None:
    verdict = judge("Employees receive 25 days of annual leave.")
    assert verdict.support is Support.SUPPORTED
    assert [s.text for s in verdict.evidence] == ["Employees receive 25 days of annual leave."]
    assert verdict.coverage == pytest.approx(1.0)


def test_verdict_of_two_facts_cites_both_sentences(judge: Callable[[str], Verdict]) -> None:
    verdict = judge("Employees receive 25 days of annual leave, and unused leave expires 31 March.")
    assert verdict.support is Support.SUPPORTED
    assert {s.text for s in verdict.evidence} == {
        "Employees receive 25 days of annual leave.",
        "Unused leave expires on 31 March.",
    }


@pytest.mark.parametrize(
    "text",
    [
        "Employees receive 30 days of annual leave.",
        "Contractors receive annual leave.",
        "The moon is made of green cheese.",
        "",
    ],
)
def test_verdict_of_what_no_passage_says_is_unsupported(
    judge: Callable[[str], Verdict], text: str
) -> None:
    verdict = judge(text)
    assert verdict.support is Support.UNSUPPORTED
    assert verdict.evidence == ()


def test_verdict_of_an_unknown_name_is_partial(judge: Callable[[str], Verdict]) -> None:
    verdict = judge("Employees of Northgate receive 25 days of annual leave.")
    assert verdict.support is Support.PARTIAL
    assert verdict.unstated == ("northgate",)


def test_verdict_takes_numbers_of_the_question_as_known(make_hit: Callable[..., Hit]) -> None:
    embedder = FakeEmbedder()
    hits = [make_hit("The travel limit is 90 euros a night.", title="Travel policy 2025")]
    sentences = read_sentences(hits, embedder)
    weights = StemWeights(sentence.stems for sentence in sentences)
    shown = ShownEvidence(sentences, weights, "What was the limit in 2025?", (label(hits[0]),))
    text = "In 2025 the travel limit is 90 euros a night."
    assert shown.verdict(text, embedder.embed_query(text)).support is Support.SUPPORTED


def test_read_sentences_slice_back_to_the_page(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(PAGE, offset=40)
    page = "x" * 40 + PAGE
    for sentence in read_sentences([hit], FakeEmbedder()):
        assert sentence.span.slice(page) == sentence.text


def test_read_sentences_over_the_window_are_kept_whole(make_hit: Callable[..., Hit]) -> None:
    text = "word " * 400 + "end."
    (sentence,) = read_sentences([make_hit(text)], FakeEmbedder())
    assert sentence.text == text
