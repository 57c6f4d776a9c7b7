from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.embedding import SentenceTransformerEmbedder
from models.files import sha256_of
from models.protocols import Embedder
from tests.contracts.embedder_contract import EmbedderContract


@pytest.mark.model
class TestSentenceTransformerEmbedder(EmbedderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, weights: Callable[[str], Path]) -> Embedder:
        path = weights("all-minilm-l6-v2/model.safetensors")
        return SentenceTransformerEmbedder(
            folder=path.parent, name="all-minilm-l6-v2", sha256=sha256_of(path), threads=1
        )
