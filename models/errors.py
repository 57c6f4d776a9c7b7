"""Errors of the models package; each class is something a caller handles differently."""

from __future__ import annotations


class ModelError(Exception):
    """Root of all errors raised by `models`."""


class UnknownModelError(ModelError):
    """The name is not in the catalogue; the message lists the known ones."""


class ModelFileError(ModelError):
    """A weight file is missing, damaged or not what the catalogue says."""


class ModelDownloadError(ModelError):
    """No source could deliver the file; what was fetched so far is kept for the next try."""


class ModelFitError(ModelError):
    """No file could be made for this processor; the original stays as it is, and in use."""


class GeneratorCrashedError(ModelError):
    """The generator's process ended in the middle of a request; the next request restarts it."""


class GeneratorPausedError(ModelError):
    """The generator's process died several times in a row; it is started again later."""


class ContextOverflowError(ModelError):
    """Prompt and reply do not fit the model's context.

    Attributes:
        needed_tokens: prompt tokens plus the reply's budget.
        context_tokens: what the model has.
    """

    def __init__(self, *, needed_tokens: int, context_tokens: int) -> None:
        super().__init__(
            f"the prompt needs {needed_tokens} tokens with its reply, the model's context has "
            f"{context_tokens}; show fewer passages or raise models.context_tokens"
        )
        self.needed_tokens = needed_tokens
        self.context_tokens = context_tokens


class TextTooLongError(ModelError):
    """A text does not fit the embedder's window.

    Attributes:
        index: 0-based position in the given texts.
        n_tokens: its length in tokens, special tokens included.
    """

    def __init__(self, *, index: int, n_tokens: int, max_tokens: int) -> None:
        super().__init__(
            f"text {index} has {n_tokens} tokens, the embedder reads {max_tokens}; "
            "chunk it smaller (ingest.chunk_tokens)"
        )
        self.index = index
        self.n_tokens = n_tokens
