from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.llama.emission import Emission


def emit(data: list[bytes], *stop: str) -> list[str]:
    emission = Emission(stop)
    pieces = []
    for part in data:
        pieces.append(emission.feed(part))
        if emission.is_stopped:
            return pieces
    return [*pieces, emission.flush()]


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def test_feed_without_stop_emits_at_once() -> None:
    assert emit([b"one ", b"two"]) == ["one ", "two", ""]


def test_feed_of_half_a_character_waits_for_the_rest() -> None:
    euro = "€".encode()
    assert emit([b"5 " + euro[:1], euro[1:2], euro[2:] + b"."]) == ["5 ", "", "€.", ""]


def test_flush_drops_an_unfinished_character() -> None:
    assert emit([b"ok" + "🙂".encode()[:3]]) == ["ok", ""]


def test_feed_of_invalid_bytes_emits_a_replacement() -> None:
    assert "".join(emit([b"a\xffb"])) == "a\N{REPLACEMENT CHARACTER}b"


def test_feed_holds_back_what_may_begin_a_stop_string() -> None:
    assert emit([b"one\n", b"two\n", b"\nthree"], "\n\n") == ["one", "\ntwo", ""]


def test_flush_emits_what_was_held_in_vain() -> None:
    assert emit([b"the EN"], "END") == ["the ", "EN"]


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("a.b.c", (".",), "a"),
        ("one STOP two", ("STOP",), "one "),
        ("STOP", ("STOP",), ""),
        ("xaab", ("aab",), "x"),  # the first a of "aaab" must not end the search
        ("xaaab", ("aab",), "xa"),
        ("abc", ("abc", "b"), "a"),  # "b" is complete before "abc"
        ("abc", ("c", "bc"), "a"),  # complete at once: the longer
        ("nothing", ("zzz",), "nothing"),
        ("any", ("",), ""),
    ],
)
def test_feed_ends_before_the_stop_string_that_is_complete_first(
    text: str, stop: tuple[str, ...], expected: str
) -> None:
    for data in ([text.encode()], [bytes([byte]) for byte in text.encode()]):
        assert "".join(emit(data, *stop)) == expected


@given(
    text=st.text("abé🙂\n", max_size=30),
    stop=st.lists(st.text("abé\n", min_size=1, max_size=4), max_size=3),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_emitted_text_does_not_depend_on_the_cuts(
    text: str, stop: list[str], cuts: list[int]
) -> None:
    emitted = "".join(emit(cut(text.encode(), cuts), *stop))
    assert emitted == "".join(emit([bytes([byte]) for byte in text.encode()], *stop))
    assert text.startswith(emitted)
    assert not any(one in emitted for one in stop)
    if not any(one in text for one in stop):
        assert emitted == text
