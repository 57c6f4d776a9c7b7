from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest

from assistant.context import (
    WHOLE_PASSAGES,
    Context,
    build_context,
    choose_hits,
    score_rest,
)
from assistant.evidence.sentences import StemWeights, read_sentences
from assistant.passages import label, write_block
from assistant.settings import AnswerSettings
from assistant.types import Hit
from models.fakes import FakeEmbedder, FakeGenerator

SETTINGS = AnswerSettings(passages=3, passages_per_document=2)


def test_choose_hits_limits_one_document_when_others_have_something(
    make_hit: Callable[..., Hit],
) -> None:
    hits = [make_hit(f"Text {name} here.", document="a.md") for name in ("one", "two", "three")]
    hits.append(make_hit("Another source.", document="b.md"))
    assert choose_hits(hits, SETTINGS) == (0, 1, 3)


def test_choose_hits_of_the_only_document_takes_more(make_hit: Callable[..., Hit]) -> None:
    hits = [make_hit(f"Text {name} here.") for name in ("one", "two", "three", "four")]
    assert choose_hits(hits, SETTINGS) == (0, 1, 2)


def test_choose_hits_limits_one_batch_when_others_have_something(
    make_hit: Callable[..., Hit],
) -> None:
    settings = AnswerSettings(passages=3, passages_per_batch=2)
    hits = [
        make_hit(f"Text {name} here.", document=f"{name}.md", batch="first")
        for name in ("one", "two", "three")
    ]
    assert choose_hits(hits, settings) == (0, 1, 2)
    weak = make_hit("Hardly a word.", document="b.md", batch="second", score=0.2)
    assert choose_hits([*hits, weak], settings) == (0, 1, 2)
    hits.append(make_hit("Another source.", document="b.md", batch="second"))
    assert choose_hits(hits, settings) == (0, 1, 3)


def test_choose_hits_merges_near_copies_but_not_with_other_numbers(
    make_hit: Callable[..., Hit],
) -> None:
    text = "The plan covers hospital stays of up to {} days in any year and in every region."
    hits = [
        make_hit(text.format(10), document="a.md"),
        make_hit(text.format(10) + " ", document="b.md"),
        make_hit(text.format(20), document="c.md"),
    ]
    assert choose_hits(hits, SETTINGS) == (0, 2)


@pytest.fixture
def contextualise() -> Callable[..., Context]:
    embedder, generator = FakeEmbedder(), FakeGenerator()

    def make(
        hits: Sequence[Hit],
        question: str,
        *,
        budget: int,
        whole_passages: bool = False,
        kept: Collection[int] = (),
    ) -> Context:
        sentences = read_sentences(hits, embedder)
        weights = StemWeights(sentence.stems for sentence in sentences)
        query = embedder.embed_query(question)
        cosines = np.stack([sentence.vector for sentence in sentences]) @ query
        scores = (score_rest(question, hits, sentences, weights) + cosines).tolist()
        return build_context(
            hits,
            sentences,
            scores,
            generator,
            budget_tokens=budget,
            whole_passages=whole_passages,
            kept=kept,
        )

    return make


def test_build_context_keeps_the_answer_and_drops_what_does_not_fit(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    hit = make_hit(
        "The canteen opens at noon. Bikes go to the cellar. "
        "Leave is requested from your manager. The roof is closed."
    )
    context = contextualise([hit], "Who approves leave requests by a manager?", budget=20)
    assert context.best.text == "Leave is requested from your manager."
    assert context.passages == (
        "[Handbook]\nBikes go to the cellar. Leave is requested from your manager.",
    )
    assert sum(FakeGenerator().count_tokens(context.passages)) <= 20


def test_build_context_shows_what_follows_the_best_sentence_where_it_fits(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    hit = make_hit(
        "The canteen opens at noon. The travel board decides on flights. It is led by Ruth Vance. "
        "The roof is closed."
    )
    context = contextualise([hit], "Who leads the travel board that decides on flights?", budget=30)
    assert context.best.text == "The travel board decides on flights."
    assert "It is led by Ruth Vance." in context.passages[0]
    without = contextualise([hit], "Who leads the travel board that decides on flights?", budget=22)
    assert "Ruth Vance" not in without.passages[0]
    assert "The canteen opens at noon." in without.passages[0]


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("When did the depot in Lund open?", "The depot in Lund opened in 2012."),
        ("How many people does the depot in Lund employ?", "The depot in Lund employs 40 people."),
        ("What does the depot in Lund do?", "The depot in Lund opened: the depot in Lund is ours."),
    ],
)
def test_score_rest_prefers_what_states_a_value_of_the_kind_asked_for(
    question: str, best: str, make_hit: Callable[..., Hit]
) -> None:
    embedder = FakeEmbedder()
    hits = [
        make_hit(
            "The depot in Lund opened: the depot in Lund is ours. "
            "The depot in Lund opened in 2012. The depot in Lund employs 40 people."
        )
    ]
    sentences = read_sentences(hits, embedder)
    weights = StemWeights(sentence.stems for sentence in sentences)
    asked, plain = (
        score_rest(q, hits, sentences, weights) for q in (question, "the depot in Lund")
    )
    assert sentences[(asked - plain).argmax()].text == best


def test_build_context_marks_gaps(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    filler = "Bikes and dogs and prams go to the cellar next to the old stairs. "
    hit = make_hit(f"Leave is 25 days. {filler * 3}Leave expires in March.")
    context = contextualise([hit], "How many days of leave, when does it expire?", budget=50)
    assert " … Bikes" in context.passages[0]


def test_build_context_puts_the_best_passage_last(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    best, other = make_hit("Leave is 25 days."), make_hit("A verb.", title="Glossary", score=0.1)
    context = contextualise([best, other], "How many days of leave?", budget=100)
    assert context.passages == ("[Glossary]\nA verb.", "[Handbook]\nLeave is 25 days.")
    assert [s.hit_index for s in context.sentences] == [0, 1]


def test_build_context_shows_an_overlong_best_sentence_anyway(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    hit = make_hit("leave " * 300 + "ends.")
    assert len(contextualise([hit], "leave", budget=64).sentences) == 1


@pytest.mark.parametrize("budget", [8, 12, 16, 20, 24, 30, 40])
def test_build_context_shows_an_item_only_with_the_line_that_announces_it(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context], budget: int
) -> None:
    hit = make_hit(
        "Glasses are sold in the shop.\n\nNot covered:\n\n"
        "- Cosmetic care\n- Private rooms\n- Glasses\n\nThe roof is closed on every day."
    )
    context = contextualise([hit], "Are glasses sold in the shop?", budget=budget)
    shown = [sentence.text for sentence in context.sentences]
    assert shown[0] == "Glasses are sold in the shop."
    assert ("Not covered:" in shown) >= any(text.startswith("-") for text in shown)
    assert ("- Glasses" in shown) == (budget >= 20)


def test_build_context_shows_a_kept_passage_whole_once_anything_of_it_is_chosen(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    leave = make_hit("Bikes go to the cellar. Ask early. Leave is requested from your manager.")
    other = make_hit("Zebras graze on grass. They sleep.")
    question = "Who approves leave requests by a manager?"
    chosen = contextualise([leave, other], question, budget=20)
    kept = contextualise([leave, other], question, budget=20, kept=(0, 1))
    assert len(chosen.sentences) == 2
    assert kept.passages == (write_block(leave),)
    assert [one.text for one in kept.sentences] == [
        "Bikes go to the cellar.",
        "Ask early.",
        "Leave is requested from your manager.",
    ]
    assert (kept.best.text, kept.best_score) == (chosen.best.text, chosen.best_score)


def test_build_context_of_whole_passages_takes_them_in_rank_order(
    make_hit: Callable[..., Hit], contextualise: Callable[..., Context]
) -> None:
    hits = [make_hit("First one. And more."), make_hit("Leave is 25 days.")]
    context = contextualise(hits, "leave days", budget=12, whole_passages=True)
    assert [s.text for s in context.sentences] == ["First one.", "And more."]


def test_label_names_title_heading_and_date(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit("x y.", title="Travel policy", heading="Hotels", date="2025-01-01")
    assert label(hit) == "Travel policy > Hotels (2025-01-01)"


@pytest.fixture
def four_rules(make_hit: Callable[..., Hit]) -> list[Hit]:
    """Passages of two sentences that all say something about leave, best first."""
    return [
        make_hit(
            f"Leave in {city} is requested from the manager. Leave in {city} ends in May.",
            document=f"{city}.md",
            score=score,
        )
        for city, score in (("Lund", 0.9), ("Bonn", 0.8), ("Graz", 0.7), ("Metz", 0.6))
    ]


def test_build_context_computes_no_more_than_the_best_passages_whole(
    four_rules: Sequence[Hit], contextualise: Callable[..., Context]
) -> None:
    context = contextualise(four_rules, "When does leave end?", budget=1000)
    assert len(context.passages) == WHOLE_PASSAGES
    assert "Metz" not in "".join(map(str, context.passages))
    everything = contextualise(four_rules, "When does leave end?", budget=1000, whole_passages=True)
    assert len(everything.passages) == len(four_rules)


def test_build_context_shows_no_more_than_the_best_passages_kept(
    four_rules: Sequence[Hit], contextualise: Callable[..., Context]
) -> None:
    context = contextualise(four_rules, "When does leave end?", budget=1000, kept=(0, 1, 2, 3))
    best_last = [write_block(hit) for hit in four_rules[:WHOLE_PASSAGES][::-1]]
    assert list(context.passages) == best_last


def test_build_context_computes_less_beside_kept_passages(
    four_rules: Sequence[Hit], contextualise: Callable[..., Context]
) -> None:
    context = contextualise(four_rules, "When does leave end?", budget=1000, kept=(0, 1, 2, 3))
    assert [block for block in context.passages if isinstance(block, str)] == []
    beside = contextualise(four_rules, "When does leave end?", budget=1000, kept=(0, 1))
    computed = [block for block in beside.passages if isinstance(block, str)]
    assert len(computed) == 1
    assert "Graz" in computed[0]
