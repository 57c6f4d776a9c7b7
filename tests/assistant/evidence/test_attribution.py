from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.evidence.attribution import ShownEvidence, Verdict
from assistant.evidence.sentences import StemWeights, read_sentences
from assistant.passages import label
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


def test_verdict_of_an_invented_name_is_unsupported(judge: Callable[[str], Verdict]) -> None:
    verdict = judge("Employees of Northgate receive 25 days of annual leave.")
    assert verdict.support is Support.UNSUPPORTED
    assert verdict.unstated == ("northgate",)


def test_verdict_of_a_name_that_only_another_sentence_states_is_partial(
    judge: Callable[[str], Verdict],
) -> None:
    verdict = judge("All the Contractors can use parking that is free for visitors.")
    assert verdict.support is Support.PARTIAL
    assert verdict.unstated == ("contractors",)


@pytest.mark.parametrize(
    ("text", "support"),
    [
        ("The plan does not cover glasses and contact lenses.", Support.SUPPORTED),
        ("The plan covers glasses and contact lenses.", Support.UNSUPPORTED),
        ("The plan covers braces and retainers.", Support.SUPPORTED),
    ],
)
def test_verdict_reads_a_lists_item_with_the_line_that_announces_it(
    make_hit: Callable[..., Hit], text: str, support: Support
) -> None:
    embedder = FakeEmbedder()
    page = (
        "The plan covers:\n\n- Braces and retainers\n- Fillings\n\n"
        "The plan does not cover:\n\n- Glasses and contact lenses\n- Cosmetic care\n\nAsk us."
    )
    hits = [make_hit(page)]
    sentences = read_sentences(hits, embedder)
    weights = StemWeights(sentence.stems for sentence in sentences)
    shown = ShownEvidence(sentences, weights, "What is covered?", (label(hits[0]),))
    verdict = shown.verdict(text, embedder.embed_query(text))
    assert verdict.support is support
    if "not" in text:
        assert "The plan does not cover:" in [sentence.text for sentence in verdict.evidence]
    assert sentences[-1].leads == ()


def test_verdict_of_a_list_told_in_one_sentence_cites_its_items(
    make_hit: Callable[..., Hit],
) -> None:
    embedder = FakeEmbedder()
    duties = [
        "- Leading the annual planning of budgets",
        "- Monitoring cash flow and investments",
        "- Supervising external auditors",
        "- Negotiating contracts with banks",
        "- Preparing quarterly statements",
    ]
    hits = [make_hit("Duties:\n" + "\n".join(duties))]
    sentences = read_sentences(hits, embedder)
    weights = StemWeights(sentence.stems for sentence in sentences)
    shown = ShownEvidence(sentences, weights, "What are the duties?", (label(hits[0]),))
    text = "The duties are " + ", ".join(duty[2:].lower() for duty in duties) + "."
    verdict = shown.verdict(text, embedder.embed_query(text))
    assert verdict.support is Support.SUPPORTED
    assert {sentence.text for sentence in verdict.evidence} >= set(duties)


LOG = (
    "Log of the night\n\n00:22 | Warning in the control system, nobody in the building\n"
    "06:16 | Water seen under the door, shift leader called\n"
    "06:40 | Refrigeration engineer in the building"
)
HOUSES = (
    "There were 158,349 households, of which 30,547 (19.3%) had a female householder with no "
    "husband present, 11,698 (7.4%) had a male householder with no wife present."
)
FEES = (
    "The late fee is 25 dollars for each started week. "
    "The yearly fee of 90 dollars is due in January."
)


@pytest.mark.parametrize(
    ("page", "text", "support"),
    [
        (
            LOG,
            "Water was seen under the door at 06:16, and the refrigeration engineer was in the "
            "building at 06:40.",
            Support.SUPPORTED,
        ),
        (
            LOG,
            "The refrigeration engineer was in the building at 06:16, and water was seen under the "
            "door at 06:40.",
            Support.UNSUPPORTED,
        ),
        (
            "In event 50 the choir of 6 sang the anthem. Event 50 and event 51 were in the hall.",
            "The choir sang the anthem in event 50.",
            Support.SUPPORTED,
        ),
        (
            "In 2014, the register compiled data in nine segments. It was sold in 2016.",
            "The register compiled data in nine segments in 2014.",
            Support.SUPPORTED,
        ),
        (
            "It would be occupied by the allies, until 1935, and after that it would be free. "
            "The allies occupied the coast in 1944.",
            "The allies occupied it until 1935.",
            Support.SUPPORTED,
        ),
        (HOUSES, "30,547 households had a female householder with no husband.", Support.SUPPORTED),
        (
            HOUSES,
            "There were 11,698 (7.4%) households with a female householder and no husband present.",
            Support.UNSUPPORTED,
        ),
        (FEES, "The yearly fee is 90 dollars, and the late fee is 25 dollars.", Support.SUPPORTED),
        (
            FEES,
            "The yearly fee is 25 dollars and the late fee is 90 dollars.",
            Support.UNSUPPORTED,
        ),
    ],
)
def test_verdict_of_exchanged_values_is_unsupported(
    make_hit: Callable[..., Hit], page: str, text: str, support: Support
) -> None:
    embedder = FakeEmbedder()
    hits = [make_hit(page)]
    sentences = read_sentences(hits, embedder)
    weights = StemWeights(sentence.stems for sentence in sentences)
    shown = ShownEvidence(sentences, weights, "What happened when in event 50?", (label(hits[0]),))
    assert shown.verdict(text, embedder.embed_query(text)).support is support


def test_verdict_does_not_take_the_year_of_a_title_for_the_one_in_the_text(
    make_hit: Callable[..., Hit],
) -> None:
    embedder = FakeEmbedder()
    page = "In 2012, the office issued guidance to support modular development."
    hits = [make_hit(page, title="Handbook 2014")]
    sentences = read_sentences(hits, embedder)
    weights = StemWeights(sentence.stems for sentence in sentences)
    shown = ShownEvidence(sentences, weights, "When was guidance issued?", (label(hits[0]),))
    for year, support in (("2012", Support.SUPPORTED), ("2014", Support.UNSUPPORTED)):
        text = f"The office issued guidance to support modular development in {year}."
        assert shown.verdict(text, embedder.embed_query(text)).support is support


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


@pytest.mark.parametrize(
    ("question", "support"),
    [
        ("When was the guidance issued?", Support.UNSUPPORTED),
        ("Who issued the guidance?", Support.SUPPORTED),
    ],
)
def test_a_date_asked_for_is_not_taken_from_the_title(
    question: str, support: Support, make_hit: Callable[..., Hit]
) -> None:
    embedder = FakeEmbedder()
    hits = [make_hit("The board issued the guidance on modular contracts.", title="Guide 2014")]
    sentences = read_sentences(hits, embedder)
    shown = ShownEvidence(
        sentences,
        StemWeights(sentence.stems for sentence in sentences),
        question,
        tuple(label(hit) for hit in hits),
    )
    text = "In 2014 the board issued the guidance on modular contracts."
    assert shown.verdict(text, embedder.embed_query(text)).support is support


def test_a_fact_that_the_nearest_sentence_lacks_is_proven_by_one_about_the_same(
    make_hit: Callable[..., Hit],
) -> None:
    embedder = FakeEmbedder()
    text = "The board issued the guidance to support modular contracts in 2012."
    hits = [
        make_hit("The board issued the guidance to support modular contracts for all."),
        make_hit("The 2012 guidance to support modular contracts of the board names three."),
        make_hit("The canteen opened in 2012."),
    ]
    sentences = read_sentences(hits, embedder)

    def cited(n_sentences: int) -> list[str]:
        shown = ShownEvidence(
            (sentences[0], *sentences[3 - n_sentences :]),
            StemWeights(sentence.stems for sentence in sentences),
            "In which year did the board issue the guidance?",
            tuple(label(hit) for hit in hits),
        )
        return [one.text for one in shown.verdict(text, embedder.embed_query(text)).evidence]

    assert cited(2) == [sentences[0].text, sentences[1].text]
    assert cited(1) == []


@pytest.mark.parametrize(
    ("heading", "support"),
    [("In millions | 2022", Support.SUPPORTED), ("In thousands | 2022", Support.UNSUPPORTED)],
)
def test_a_row_states_its_numbers_in_the_unit_of_its_table(
    heading: str, support: Support, make_hit: Callable[..., Hit]
) -> None:
    embedder = FakeEmbedder()
    hits = [make_hit("Total net sales | $117,154 | $123,945", heading=heading)]
    sentences = read_sentences(hits, embedder)
    shown = ShownEvidence(
        sentences,
        StemWeights(sentence.stems for sentence in sentences),
        "What were the total net sales?",
        tuple(label(hit) for hit in hits),
    )
    text = "Total net sales were $117,154 million."
    assert shown.verdict(text, embedder.embed_query(text)).support is support


def test_a_row_is_led_by_the_label_of_its_group(make_hit: Callable[..., Hit]) -> None:
    page = "Operating income\nCloud | $11,751 | $8,978\nTotal | $26,895\n\nSales | 5"
    sentences = read_sentences([make_hit(page)], FakeEmbedder())
    led = [[lead.text for lead in sentence.leads] for sentence in sentences]
    assert led == [[], ["Operating income"], ["Operating income"], []]
