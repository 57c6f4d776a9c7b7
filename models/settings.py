"""Settings of the models section: which models, where their files lie, how they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.types import BlockBits

_GIGABYTE = 10**9


Precision = Literal["float32", "bfloat16"]


def _as_number(value: Any) -> Any:
    """The environment gives text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class ModelsSettings(BaseModel):
    """`[models]` in plinth.toml, `PLINTH_MODELS__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dir: Path = Field(default_factory=lambda: user_cache_path("plinth") / "models")
    """Weight files, shared by every data dir; `PLINTH_MODELS_DIR` overrides."""
    generator: str = "qwen2.5-coder-1.5b-instruct"
    """A catalogue name of task `generate`, or a name given with `plinth models import`."""
    embedder: str = "all-minilm-l6-v2"
    """A catalogue name of task `embed`."""
    embedder_precision: Literal["auto"] | Precision = "auto"
    """What the embedder computes in; `auto`: bfloat16 where the processor multiplies it natively,
    else float32. There it gives 1.7 times as many chunks as float32; the vectors agree to a cosine
    over 0.9999, and an index made with one fits both."""
    context_tokens: int = Field(default=4096, ge=512, le=131_072)
    """Context of the generator: prompt and reply together. Takes memory for good: 28,672 bytes a
    token with the default generator (2 x 28 layers x 256 numbers x 2 bytes), 117 MB for 4096."""
    parallel: int = Field(default=4, ge=1, le=8)
    """Most answers that are generated at a time. They share the tokens of `context_tokens`, so more
    of them take no more memory (but 0.6 MB each for the scores of all tokens); one begins when what
    it can need, prompt and longest reply, is free, about 500 to 1000 tokens."""
    threads: int = Field(default=0, ge=0, le=256)
    """Threads per model; 0: one for each physical core."""
    fitted: Literal["auto", "off"] = "auto"
    """`auto`: the weight file made for this processor by `plinth models fit`, where there is one;
    `off`: always the original, and `plinth models pull` makes none."""
    kept_gb: float = Field(default=8.0, ge=0, le=10_000)
    """Most gigabytes of computed passages in the data dir; 0 keeps none on disk."""
    kept_memory_gb: float = Field(default=0.5, ge=0, le=1000)
    """Most gigabytes of copies of them in memory."""
    kept_bits: Annotated[BlockBits, BeforeValidator(_as_number)] = 8
    """Of each number of a computed passage. 16: exactly what was computed, in twice the space."""

    @property
    def kept_bytes(self) -> int:
        """Of the disk budget for computed passages."""
        return int(self.kept_gb * _GIGABYTE)

    @property
    def kept_memory_bytes(self) -> int:
        """Of the memory budget for computed passages."""
        return int(self.kept_memory_gb * _GIGABYTE)
