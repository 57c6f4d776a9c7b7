from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.llama.model import LlamaModel

CONTEXT_TOKENS = 1024


@pytest.fixture(scope="session")
def model_path(weights: Callable[[str], Path]) -> Path:
    """A small chatml model."""
    return weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def model(model_path: Path) -> Iterator[LlamaModel]:
    model = LlamaModel(model_path)
    yield model
    model.close()
