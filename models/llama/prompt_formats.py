"""How each family of models marks who speaks: the control strings between the parts of a prompt.

Never taken from a model file: a template that came with a file is a program of strangers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.errors import ModelFileError


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFormat:
    """The strings between head, passages and question, question and reply, reply and next turn.

    Only these are tokenised with special tokens on.
    """

    control: tuple[str, ...]
    """Each must be one control token of the model; they occur in the strings below."""
    head_start: str
    head_end: str
    """Ends the head and opens the user's turn; without a system role, the head stands in it."""
    reply_start: str
    """Ends the user's turn and opens the reply."""
    reply_end: str
    """Ends the reply and opens the user's next turn."""


_CHATML = PromptFormat(
    control=("<|im_start|>", "<|im_end|>"),
    head_start="<|im_start|>system\n",
    head_end="<|im_end|>\n<|im_start|>user\n",
    reply_start="<|im_end|>\n<|im_start|>assistant\n",
    reply_end="<|im_end|>\n<|im_start|>user\n",
)

PROMPT_FORMATS = {
    "chatml": _CHATML,
    # Qwen3 thinks aloud unless its reply opens with an empty thought.
    "qwen3": replace(_CHATML, reply_start=_CHATML.reply_start + "<think>\n\n</think>\n\n"),
    "llama3": PromptFormat(
        control=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        head_start="<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n",
        head_end="<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        reply_start="<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        reply_end="<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
    ),
    "mistral": PromptFormat(
        control=("<s>", "[INST]", "[/INST]", "</s>"),
        head_start="<s>[INST]",
        head_end="\n\n",
        reply_start="[/INST]",
        reply_end="</s>[INST]",
    ),
    "gemma": PromptFormat(
        control=("<bos>", "<start_of_turn>", "<end_of_turn>"),
        head_start="<bos><start_of_turn>user\n",
        head_end="\n\n",
        reply_start="<end_of_turn>\n<start_of_turn>model\n",
        reply_end="<end_of_turn>\n<start_of_turn>user\n",
    ),
    "phi3": PromptFormat(
        control=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        head_start="<|system|>\n",
        head_end="<|end|>\n<|user|>\n",
        reply_start="<|end|>\n<|assistant|>\n",
        reply_end="<|end|>\n<|user|>\n",
    ),
}


def find_format(name: str) -> PromptFormat:
    """Return the format of that name.

    Raises:
        ModelFileError: there is none; the message lists those there are.
    """
    try:
        return PROMPT_FORMATS[name]
    except KeyError:
        raise ModelFileError(
            f"cannot use the prompt format {name!r}: it is not known; "
            f"choose one of {', '.join(PROMPT_FORMATS)}"
        ) from None
