from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.retrieval.recency import newest_first
from assistant.types import Hit

MakeHit = Callable[..., Hit]
QUESTION = "What is the hotel limit?"


def policy(make_hit: MakeHit, year: int, score: float, **more: str) -> Hit:
    title = f"Travel policy {year}"
    return make_hit(f"Hotels {year}", document=f"{year}.pdf", title=title, score=score, **more)


def titles(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.title for hit in hits]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("Travel policy 2023", "Travel policy 2025"),
        ("Travel policy v1.9", "Travel policy v1.10"),
        ("travel-policy-2024-11", "travel-policy-2025-03"),
        ("Price list December 2024", "Price list January 2025"),
        ("Price list Feb. 2025", "Price list Mar. 2025"),
        ("Results Q3 2024", "Results Q1 2025"),
        ("Results FY2023/24", "Results FY2024/25"),
        ("Manual, edition 2", "Manual, edition 3"),
        ("20241231 price list", "20250101 price list"),
    ],
)
def test_newest_first_puts_the_later_edition_before_the_earlier(
    make_hit: MakeHit, older: str, newer: str
) -> None:
    hits = (make_hit("Old.", title=older, score=0.6), make_hit("New.", title=newer, score=0.55))
    assert titles(newest_first(QUESTION, hits)) == [newer, older]
    assert newest_first(QUESTION, hits[::-1]) == hits[::-1]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Travel policy 2023", "Security policy 2025"),
        ("Health plan 1", "Health plan 2"),
        ("20071229X02007", "20080102X00002"),
        ("2023", "2025"),
        ("Travel policy", "Travel policy 2025"),
        ("Travel policy v2", "Travel policy 2025"),
        ("Travel policy 2025", "Travel policy 2025"),
    ],
)
def test_newest_first_leaves_what_are_no_editions_of_one_document(
    make_hit: MakeHit, left: str, right: str
) -> None:
    hits = (make_hit("One.", title=left), make_hit("Two.", title=right))
    assert newest_first(QUESTION, hits) == hits


def test_newest_first_goes_by_the_date_where_labels_are_alike(make_hit: MakeHit) -> None:
    older = make_hit("Old.", title="Travel policy", date="2023-02-01")
    newer = make_hit("New.", title="Travel policy", date="2025-03-01")
    assert [hit.chunk for hit in newest_first(QUESTION, (older, newer))] == [
        newer.chunk,
        older.chunk,
    ]


def test_newest_first_trusts_the_label_more_than_the_date(make_hit: MakeHit) -> None:
    hits = (policy(make_hit, 2025, 0.5, date="2025-01-01"), policy(make_hit, 2023, 0.5))
    saved_again = policy(make_hit, 2023, 0.5, date="2026-01-01")
    assert newest_first(QUESTION, (hits[0], saved_again)) == (hits[0], saved_again)


def test_newest_first_takes_no_dates_of_pages_with_one_word_for_editions(
    make_hit: MakeHit,
) -> None:
    hits = tuple(make_hit("x", title="Index", date=f"20{year}-01-01") for year in (23, 25))
    assert newest_first(QUESTION, hits) == hits


def test_newest_first_leaves_places_of_others_and_their_scores(make_hit: MakeHit) -> None:
    old = policy(make_hit, 2023, 0.6)
    other = make_hit("Other.", title="Handbook", score=0.58)
    new = policy(make_hit, 2025, 0.55)
    ordered = newest_first(QUESTION, (old, other, new))
    assert titles(ordered) == ["Travel policy 2025", "Handbook", "Travel policy 2023"]
    assert [(hit.rank, hit.score) for hit in ordered] == [(1, 0.6), (2, 0.58), (3, 0.55)]


def test_newest_first_keeps_the_order_of_passages_of_one_edition(make_hit: MakeHit) -> None:
    hits = [policy(make_hit, year, 0.5) for year in (2023, 2025, 2025, 2024)]
    ordered = newest_first(QUESTION, hits)
    assert [hit.chunk.chunk_id for hit in ordered] == [
        hits[index].chunk.chunk_id for index in (1, 2, 3, 0)
    ]


def test_newest_first_leaves_a_newer_edition_that_says_little_on_the_question(
    make_hit: MakeHit,
) -> None:
    hits = (policy(make_hit, 2023, 0.6), policy(make_hit, 2025, 0.3))
    assert newest_first(QUESTION, hits) == hits


@pytest.mark.parametrize(
    "question",
    [
        "What was the hotel limit in 2023?",
        "What did the previous policy allow?",
        "What did the limit used to be?",
    ],
)
def test_newest_first_keeps_the_order_when_an_earlier_edition_is_asked_for(
    make_hit: MakeHit, question: str
) -> None:
    hits = (policy(make_hit, 2023, 0.6), policy(make_hit, 2025, 0.55))
    assert newest_first(question, hits) == hits


@pytest.mark.parametrize(
    "question", ["What is the limit in 2025?", "I came in 2019; what is the limit?"]
)
def test_newest_first_heeds_only_years_of_editions_to_be_passed(
    make_hit: MakeHit, question: str
) -> None:
    hits = (policy(make_hit, 2023, 0.6), policy(make_hit, 2025, 0.55))
    assert titles(newest_first(question, hits))[0] == "Travel policy 2025"


def test_newest_first_knows_an_edition_by_the_year_of_its_date(make_hit: MakeHit) -> None:
    hits = tuple(
        make_hit("x", title="Travel policy", date=f"{year}-02-01") for year in (2023, 2025)
    )
    assert newest_first("What was the limit in 2023?", hits) == hits


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["Plan 2023", "Plan 2024", "Plan", "Rules v2", "Rules v3"]),
                  st.floats(0, 1), st.sampled_from([None, "2023-01-01", "2025-01-01"])),
        max_size=8,
    )
)  # fmt: skip
def test_newest_first_drops_nothing_and_keeps_ranks_and_scores_in_place(
    make_hit: MakeHit, drawn: list[tuple[str, float, str | None]]
) -> None:
    hits = [make_hit("x", title=title, score=score, date=date) for title, score, date in drawn]
    ordered = newest_first(QUESTION, hits)
    assert Counter(hit.chunk.chunk_id for hit in ordered) == Counter(
        hit.chunk.chunk_id for hit in hits
    )
    assert [(hit.rank, hit.score) for hit in ordered] == [(hit.rank, hit.score) for hit in hits]
