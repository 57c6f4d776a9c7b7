from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.llama.client import LlamaGenerator
from models.protocols import Generator
from tests.contracts.generator_contract import GeneratorContract


@pytest.mark.model
class TestLlamaGenerator(GeneratorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def open_generator(cls, weights: Callable[[str], Path]) -> Callable[[], Generator]:
        path = weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")

        def build() -> Generator:
            return LlamaGenerator(
                model_path=path,
                name="smollm2-135m-instruct",
                sha256="",
                prompt_format="chatml",
                context_tokens=1024,
                threads=0,
                parallel=2,
            )

        return build
