"""A model file opened by llama.cpp: its weights and its vocabulary."""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from pathlib import Path
from typing import Any

import llama_cpp

from models.errors import ModelFileError
from models.llama.prompt_formats import PromptFormat
from models.llama.rotation import Rotation

_ROTATIONS = {
    llama_cpp.LLAMA_ROPE_TYPE_NORM: False,
    llama_cpp.LLAMA_ROPE_TYPE_NEOX: True,
}
"""Kinds of rotation, and whether a value's partner is half a head away."""
_USUAL_BASE = 10_000.0
_DESCRIPTION_BYTES = 128
_WARNING_LEVEL = 3
_ERROR_LEVEL = 4
_last_errors: deque[str] = deque(maxlen=2)


def _log(level: int, text: bytes, _: object) -> None:
    line = text.decode("utf-8", errors="replace").strip()
    if level in (_WARNING_LEVEL, _ERROR_LEVEL):
        print(line, file=sys.stderr, flush=True)
    if level == _ERROR_LEVEL:
        _last_errors.append(line)


_LOG_CALLBACK: Any = llama_cpp.llama_log_callback(_log)


def log_problems_only() -> None:
    """Have llama.cpp write warnings and errors to stderr, and nothing else."""
    llama_cpp.llama_log_set(_LOG_CALLBACK, None)


class LlamaModel:
    """Weights mapped into memory, and the vocabulary, which any thread may use.

    Raises:
        ModelFileError: the file is missing, damaged or of a kind that llama.cpp cannot read.
    """

    def __init__(self, path: Path, *, vocabulary_only: bool = False) -> None:
        log_problems_only()
        if not path.is_file():
            raise ModelFileError(
                f"cannot open the model {str(path)!r}: there is no such file; "
                "get it with `plinth models pull`"
            )
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = vocabulary_only
        _last_errors.clear()
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise ModelFileError(
                f"cannot read the model {str(path)!r}: {'; '.join(_last_errors)}; "
                "check it with `plinth models verify`"
            )
        self.path = path
        self.trained_context_tokens = int(llama_cpp.llama_model_n_ctx_train(self.handle))
        self._vocabulary: Any = llama_cpp.llama_model_get_vocab(self.handle)
        self.n_tokens = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))

    def close(self) -> None:
        """Free the weights; no context of this model may be in use."""
        llama_cpp.llama_model_free(self.handle)

    def tokenise(self, text: str) -> list[int]:
        """Return the tokens of text by others; none of them is a control token."""
        return [
            spelled
            for token in self._tokenise(text, parse_special=False)
            for spelled in (self._spell(token) if self.is_control(token) else (token,))
        ]

    def tokenise_control(self, text: str) -> list[int]:
        """Return the tokens of one of our own control strings."""
        return self._tokenise(text, parse_special=True)

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """Return the bytes of a token, possibly half a character; of a control token, none.

        Args:
            token: Of this vocabulary.
            special: Return the text of control tokens as well.
        """
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n_bytes = llama_cpp.llama_token_to_piece(
                self._vocabulary, token, buffer, size, 0, special
            )
            if n_bytes >= 0:
                return buffer.raw[:n_bytes]
            size = -n_bytes

    def is_control(self, token: int) -> bool:
        """Tell whether a token means something other than its text to the model."""
        return bool(llama_cpp.llama_vocab_is_control(self._vocabulary, token))

    def is_end(self, token: int) -> bool:
        """Tell whether a token ends a reply."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))

    def rotation(self) -> Rotation | None:
        """Return how the model turns its keys by position; None if that is not known here."""
        architecture = self._described("general.architecture")
        heads = self._described(f"{architecture}.attention.head_count")
        width = self._described(f"{architecture}.embedding_length")
        kind = llama_cpp.llama_model_rope_type(self.handle)
        if kind not in _ROTATIONS or not heads or not width:
            return None
        head_size = self._described(f"{architecture}.attention.key_length")
        return Rotation(
            head_size=int(head_size or int(width) // int(heads)),
            base=float(self._described(f"{architecture}.rope.freq_base") or _USUAL_BASE),
            is_halved=_ROTATIONS[kind],
        )

    def _described(self, key: str) -> str | None:
        """Return what the file says of itself under a key."""
        buffer = ctypes.create_string_buffer(_DESCRIPTION_BYTES)
        found = llama_cpp.llama_model_meta_val_str(
            self.handle, key.encode(), buffer, _DESCRIPTION_BYTES
        )
        return buffer.value.decode() if found >= 0 else None

    def check_format(self, name: str, prompt_format: PromptFormat) -> None:
        """Check that the model knows every control token of its prompt format.

        Raises:
            ModelFileError: it does not, so turns would be plain text that documents can imitate.
        """
        for text in prompt_format.control:
            tokens = self.tokenise_control(text)
            if len(tokens) != 1 or not self.is_control(tokens[0]):
                raise ModelFileError(
                    f"cannot use the prompt format {name!r} with the model {str(self.path)!r}: "
                    f"it has no control token {text!r}; give the model its own format"
                )

    def _spell(self, token: int) -> list[int]:
        """Return a control token's text character by character.

        Merging can build one from plain text even where special tokens are off: `</s>` does in
        Qwen's vocabulary.
        """
        text = self.piece(token, special=True).decode("utf-8", errors="replace")
        return [part for char in text for part in self._tokenise(char, parse_special=False)]

    def _tokenise(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode("utf-8", errors="replace")
        room = len(data) + 2  # a token is a byte or more; some vocabularies put a space in front
        tokens = (llama_cpp.llama_token * room)()
        n_tokens = llama_cpp.llama_tokenize(
            self._vocabulary, data, len(data), tokens, room, False, parse_special
        )
        return list(tokens[:n_tokens])
