"""How a computing process ended, in words."""

from __future__ import annotations

import signal

import pytest

from models.llama.ending import how_it_ended


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-signal.SIGKILL, "signal SIGKILL"),
        (
            -signal.SIGILL,
            "signal SIGILL (this llama.cpp was compiled for another processor, "
            "run `make clean setup`)",
        ),
    ],
)
def test_an_ending_says_what_it_means(status: int, words: str) -> None:
    assert how_it_ended(status) == words
