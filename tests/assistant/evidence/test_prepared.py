from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.evidence.prepared import SUFFIX, PreparedSentences, use_prepared
from assistant.evidence.sentences import split_sentences
from assistant.evidence.vectors import SentenceVectors
from assistant.types import Hit
from models.fakes import FakeEmbedder

TEXTS = ["Employees receive 25 days.", "Bikes go to the cellar."]
EMBEDDER = FakeEmbedder()
ROWS = EMBEDDER.embed_documents(TEXTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blocks"


@pytest.fixture
def prepared(folder: Path) -> PreparedSentences:
    return PreparedSentences(folder, EMBEDDER.info)


@pytest.fixture
def hit(make_hit: Callable[..., Hit]) -> Hit:
    return make_hit(" ".join(TEXTS))


def the_file(folder: Path) -> Path:
    (path,) = folder.glob(f"*/*{SUFFIX}")
    return path


def test_what_is_saved_is_loaded_to_the_last_bit(
    prepared: PreparedSentences, hit: Hit, folder: Path
) -> None:
    assert prepared.load(hit.chunk, TEXTS) is None
    assert prepared.n_bytes() == 0
    size = prepared.save(hit.chunk, TEXTS, ROWS)
    assert prepared.holds(hit.chunk, TEXTS)
    rows = prepared.load(hit.chunk, TEXTS)
    assert rows is not None
    assert (rows == ROWS).all()
    assert size == prepared.n_bytes() == the_file(folder).stat().st_size
    assert the_file(folder).parent == folder / str(hit.chunk.content_id)
    assert the_file(folder).stat().st_mode & 0o077 == 0


def test_other_sentences_or_another_embedder_find_nothing(
    prepared: PreparedSentences, hit: Hit, folder: Path
) -> None:
    prepared.save(hit.chunk, TEXTS, ROWS)
    assert prepared.load(hit.chunk, [" ".join(TEXTS)]) is None
    other = PreparedSentences(folder, replace(EMBEDDER.info, fingerprint="another"))
    assert other.load(hit.chunk, TEXTS) is None
    assert prepared.holds(hit.chunk, TEXTS)


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_damaged_file_is_removed(
    prepared: PreparedSentences, hit: Hit, folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    prepared.save(hit.chunk, TEXTS, ROWS)
    path = the_file(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert prepared.load(hit.chunk, TEXTS) is None
    assert not path.exists()


def test_drop_leaves_no_folder_but_one_that_is_in_use(
    prepared: PreparedSentences, hit: Hit, folder: Path
) -> None:
    prepared.save(hit.chunk, TEXTS, ROWS)
    prepared.drop(hit.chunk, TEXTS)
    assert list(folder.glob("*")) == []
    prepared.drop(hit.chunk, TEXTS)
    prepared.save(hit.chunk, TEXTS, ROWS)
    (folder / str(hit.chunk.content_id) / "1-a.kv").write_bytes(b"x")
    prepared.drop(hit.chunk, TEXTS)
    assert [path.name for path in folder.glob("*/*")] == ["1-a.kv"]


def test_a_save_that_fails_leaves_nothing(
    prepared: PreparedSentences, hit: Hit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no space"):
        prepared.save(hit.chunk, TEXTS, ROWS)
    assert list(folder.glob("*/*")) == []


def test_use_prepared_fills_in_only_what_is_kept(
    prepared: PreparedSentences, hit: Hit, make_hit: Callable[..., Hit]
) -> None:
    hits = [make_hit("Trains are booked."), hit]
    prepared.save(hit.chunk, TEXTS, ROWS)
    split = split_sentences(hits)
    vectors = SentenceVectors([one.text for one in split], EMBEDDER)
    use_prepared(prepared, hits, split, vectors)
    assert vectors.n_known == 2
    assert np.allclose(vectors.all()[1:], ROWS)
    assert np.allclose(vectors.all()[0], EMBEDDER.embed_documents(["Trains are booked."])[0])


def test_trim_brings_the_files_within_a_smaller_budget(
    prepared: PreparedSentences, hit: Hit, folder: Path
) -> None:
    prepared.save(hit.chunk, TEXTS, ROWS)
    old = the_file(folder)
    os.utime(old, (1, 1))
    size = prepared.save(hit.chunk, TEXTS[:1], ROWS[:1])
    prepared.trim(size)
    assert prepared.n_bytes() == size
    assert not old.exists()
    prepared.trim(0)
    assert prepared.n_bytes() == 0
