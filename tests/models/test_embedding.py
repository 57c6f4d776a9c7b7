from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.embedding import SentenceTransformerEmbedder, batches_by_length
from models.errors import ModelFileError

pytestmark = pytest.mark.model


@pytest.fixture
def place(weights: Callable[[str], Path]) -> Path:
    return weights("all-minilm-l6-v2/model.safetensors").parent


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Path:
    """The folder without its weights."""
    return shutil.copytree(place, tmp_path / "copy", ignore=shutil.ignore_patterns("*.safetensors"))


def build(folder: Path, sha256: str = "0" * 64) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(
        folder=folder, name="all-minilm-l6-v2", sha256=sha256, threads=1
    )


def test_batches_by_length_are_full_and_of_like_length() -> None:
    batches = list(batches_by_length([5, 100, 6, 40, 50], 100))
    # 5 and 6 as 2 x 6, with 40 they would be 3 x 40; 40 and 50 as 2 x 50.
    assert batches == [[0, 2], [3, 4], [1]]
    assert list(batches_by_length([300, 10], 100)) == [[1], [0]]
    assert list(batches_by_length([], 100)) == []


def test_info_comes_from_the_small_files(copy: Path) -> None:
    info = build(copy).info
    assert (info.dim, info.max_tokens) == (384, 256)


def test_fingerprint_changes_with_weights_window_and_tokenizer(copy: Path) -> None:
    prints = [build(copy).info.fingerprint, build(copy, "1" * 64).info.fingerprint]
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 128}', encoding="utf-8")
    prints.append(build(copy).info.fingerprint)
    tokenizer = copy / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    prints.append(build(copy).info.fingerprint)
    assert len(set(prints)) == 4


def test_counting_tokens_loads_no_torch_and_embedding_prints_nothing(place: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from models.embedding import SentenceTransformerEmbedder\n"
        "embedder = SentenceTransformerEmbedder(\n"
        "    folder=Path(sys.argv[1]), name='n', sha256='', threads=1)\n"
        "assert embedder.count_tokens(['one two']) == (4,)\n"
        "assert embedder.token_spans('one two') == ((0, 3), (4, 7))\n"
        "assert 'torch' not in sys.modules\n"
        "embedder.embed_query('one')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(place)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_character_of_several_tokens_has_one_range(place: Path) -> None:
    spans = build(place).token_spans("각 x")
    assert len(spans) > 2
    assert spans[0] == (0, 1)
    assert set(spans[1:-1]) == {(1, 1)}
    assert spans[-1] == (2, 3)


def test_incomplete_folder_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelFileError, match="plinth models pull"):
        build(copy)


def test_missing_weights_are_reported_at_the_first_text(copy: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        build(copy).embed_query("one")


def test_vectors_that_are_not_finite_are_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def encode(self, texts: list[str], **_: object) -> np.ndarray:
            return np.full((len(texts), 384), np.nan, dtype=np.float32)

    embedder = build(place)
    monkeypatch.setitem(embedder.__dict__, "_model", Broken())
    with pytest.raises(ModelFileError, match="not finite"):
        embedder.embed_documents(["one"])


def test_bfloat16_gives_the_same_vectors_under_the_same_fingerprint(place: Path) -> None:
    texts = [
        "A full-time employee has 27 working days of annual leave.",
        "Trains are booked in second class. " * 25,
        "Net sales 89,498 | 83,360 | Cost of sales 51,051 | 47,000",
        "Grüße aus Zürich und 東京.",
    ]
    wide = build(place)
    narrow = SentenceTransformerEmbedder(
        folder=place, name="all-minilm-l6-v2", sha256="0" * 64, threads=1, precision="bfloat16"
    )
    assert narrow.info == wide.info
    rows = narrow.embed_documents(texts)
    assert rows.dtype == np.float32
    cosines = (rows * wide.embed_documents(texts)).sum(axis=1)
    assert cosines.min() > 0.9999
    assert cosines.max() < 0.9999999  # it is not float32 after all
