from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evals.benchmarks.plain_chat import PlainChatEndedError, open_plain_chat

SMALL = "smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"


def test_ask_times_the_first_text_and_counts_the_whole_prompt(
    weights: Callable[[str], Path],
) -> None:
    with open_plain_chat(weights(SMALL), threads=1) as chat:
        short = chat.ask("Who hosts?", ["Anna hosts the show."], max_tokens=4)
        long = chat.ask("Who hosts?", ["Anna hosts the show. " * 20] * 2, max_tokens=4)
    assert 0 < short.first_s <= short.total_s
    assert short.text
    assert long.tokens > short.tokens + 100


def test_ask_when_the_process_has_ended_says_how(tmp_path: Path) -> None:
    with (
        open_plain_chat(tmp_path / "none.gguf", threads=1) as chat,
        pytest.raises(PlainChatEndedError, match="ended with 1"),
    ):
        chat.ask("Who?", [], max_tokens=1)
