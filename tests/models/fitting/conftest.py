from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import pytest

from models.catalog import ModelEntry, ModelFile
from tests.models.conftest import a_model, put
from tests.models.fitting.child import ORIGINAL, Outcomes, set_outcomes


@pytest.fixture
def generator(folder: Path) -> ModelEntry:
    """A generator whose file is in place."""
    model = a_model(
        ModelFile(
            path="weight.gguf",
            bytes=len(ORIGINAL),
            sha256=hashlib.sha256(ORIGINAL).hexdigest(),
        )
    )
    put(model, folder, ORIGINAL)
    return model


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    return partial(set_outcomes, monkeypatch)
