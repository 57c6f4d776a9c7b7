from __future__ import annotations

import pytest

from models.errors import ModelFileError
from models.llama.prompt_formats import PROMPT_FORMATS, find_format


@pytest.mark.parametrize("name", PROMPT_FORMATS)
def test_format_uses_each_of_its_control_tokens(name: str) -> None:
    prompt_format = find_format(name)
    strings = (
        prompt_format.head_start,
        prompt_format.head_end,
        prompt_format.reply_start,
        prompt_format.reply_end,
    )
    for control in prompt_format.control:
        assert any(control in string for string in strings)


def test_chatml_reads_as_its_published_template() -> None:
    form = find_format("chatml")
    rendered = f"{form.head_start}H{form.head_end}Q{form.reply_start}R{form.reply_end}"
    assert rendered == (
        "<|im_start|>system\nH<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"
        "R<|im_end|>\n<|im_start|>user\n"
    )


@pytest.mark.parametrize("name", ["gemma", "mistral"])
def test_format_without_system_role_puts_the_head_into_the_user_turn(name: str) -> None:
    assert find_format(name).head_end == "\n\n"


def test_find_format_of_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelFileError, match=r"'alpaca'.*chatml.*llama3"):
        find_format("alpaca")
