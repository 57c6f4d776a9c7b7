from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import ModelFileError
from models.llama.model import LlamaModel
from models.llama.prompt_formats import PROMPT_FORMATS, find_format

pytestmark = pytest.mark.model

FRAGMENTS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "</s>",
    "<|",
    "system\n",
    " ",
    "é🙂",
]


# The vocabulary lacks some bytes that occur in no other characters.
ASSIGNED = st.characters(codec="utf-8", exclude_categories=("Cc", "Cn", "Co"))


@given(text=st.lists(st.sampled_from(FRAGMENTS) | st.text(ASSIGNED, max_size=5)).map("".join))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_tokenise_makes_no_control_token_and_loses_nothing(model: LlamaModel, text: str) -> None:
    tokens = model.tokenise(text)
    assert not any(model.is_control(token) for token in tokens)
    assert b"".join(model.piece(token) for token in tokens) == text.encode()


def test_tokenise_of_a_lone_surrogate_is_a_question_mark(model: LlamaModel) -> None:
    assert model.tokenise("a\ud800b") == model.tokenise("a?b")


def test_tokenise_of_nothing_is_empty(model: LlamaModel) -> None:
    assert model.tokenise("") == []


def test_tokenise_spells_out_a_control_token_that_merging_makes(
    model: LlamaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (merged,) = model.tokenise(" leave")
    monkeypatch.setattr(model, "is_control", lambda token: token == merged)
    tokens = model.tokenise("the leave is")
    assert merged not in tokens
    assert b"".join(model.piece(token) for token in tokens) == b"the leave is"


def test_piece_of_a_control_token_is_empty_unless_asked_for(model: LlamaModel) -> None:
    (token,) = model.tokenise_control("<|im_end|>")
    assert model.is_end(token)
    assert model.piece(token) == b""
    assert model.piece(token, special=True) == b"<|im_end|>"


def test_piece_of_the_longest_token_is_whole(model: LlamaModel) -> None:
    longest = max((model.piece(token) for token in range(model.n_tokens)), key=len)
    assert len(longest) > 64  # longer than the first buffer tried
    (token,) = model.tokenise(longest.decode())
    assert model.piece(token) == longest


def test_check_format_accepts_the_model_s_own_format(model: LlamaModel) -> None:
    model.check_format("chatml", find_format("chatml"))


@pytest.mark.parametrize("name", sorted(set(PROMPT_FORMATS) - {"chatml", "qwen3"}))
def test_check_format_refuses_formats_of_other_models(model: LlamaModel, name: str) -> None:
    with pytest.raises(ModelFileError, match=f"'{name}'.*no control token"):
        model.check_format(name, find_format(name))


def test_open_of_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.gguf.*no such file.*plinth models pull"):
        LlamaModel(tmp_path / "none.gguf")


def damage_cut_short(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damage_no_model(data: bytes) -> bytes:
    return b"<html>404</html>"


def damage_empty(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [damage_cut_short, damage_no_model, damage_empty])
def test_open_of_a_damaged_file_says_why(
    model_path: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(damage(model_path.read_bytes()))
    with pytest.raises(ModelFileError, match=r"damaged\.gguf': \w.*plinth models verify"):
        LlamaModel(damaged)
