from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.retrieval.naming import OTHERWISE_NAMED, named_first
from assistant.types import Hit

MakeHit = Callable[..., Hit]


def titled(make_hit: MakeHit, *titles: str) -> tuple[Hit, ...]:
    """Hits of one document each, scores falling from 0.9."""
    return tuple(
        replace(
            make_hit(f"Text {n}.", document=f"{n}.pdf", title=title, score=0.9 - n / 10), rank=n + 1
        )
        for n, title in enumerate(titles)
    )


def titles(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.title for hit in hits]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Does Acme Care Gold cover glasses?", "Acme Care Gold benefits"),
        ("Does Acme Standard cover glasses?", "Acme Standard benefits"),
    ],
)
def test_named_first_puts_the_named_document_before_its_near_copy(
    make_hit: MakeHit, question: str, first: str
) -> None:
    names = ["Acme Care Gold benefits", "Acme Standard benefits", "Price list"]
    for order in (names, [names[1], names[0], names[2]]):
        found = named_first(question, titled(make_hit, *order))
        assert titles(found)[0] == first
        assert titles(found)[-1] in names[:2]
        assert [hit.rank for hit in found] == [1, 2, 3]


def test_named_first_lowers_the_score_of_what_is_held_back(make_hit: MakeHit) -> None:
    hits = titled(make_hit, "Plan Standard details", "Plan Gold details")
    found = named_first("What does plan Gold pay?", hits)
    assert [hit.score for hit in found] == [0.8, 0.9 * OTHERWISE_NAMED]


@pytest.mark.parametrize(
    ("question", "left", "right"),
    [
        ("Compare Gold with Standard", "Plan Standard details", "Plan Gold details"),
        ("Are glasses covered?", "Plan Standard details", "Plan Gold details"),
        # Half of what sets a name apart is no name: "care" alone may be what is asked about.
        ("Is dental care covered?", "Acme Standard benefits", "Acme Care Gold benefits"),
        ("What is the price of Gold?", "Travel policy", "Gold price list"),
        ("Plan details", "Plan Gold details", "Plan details"),
        ("Plan Gold", "Plan Gold", "Plan Gold"),
    ],
)
def test_named_first_changes_nothing_where_the_question_names_neither_or_both(
    make_hit: MakeHit, question: str, left: str, right: str
) -> None:
    hits = titled(make_hit, left, right)
    assert named_first(question, hits) == hits


def test_named_first_of_nothing_is_nothing() -> None:
    assert named_first("Gold", ()) == ()


@given(
    names=st.lists(
        st.lists(st.sampled_from("plan gold care standard details".split()), min_size=1).map(
            " ".join
        ),
        max_size=6,
    ),
    question=st.lists(st.sampled_from("plan gold care standard pay".split())).map(" ".join),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_named_first_keeps_every_hit_in_the_order_of_scores(
    make_hit: MakeHit, names: list[str], question: str
) -> None:
    hits = titled(make_hit, *names)
    found = named_first(question, hits)
    assert sorted(hit.chunk.text for hit in found) == sorted(hit.chunk.text for hit in hits)
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert [hit.rank for hit in found] == list(range(1, len(hits) + 1))
