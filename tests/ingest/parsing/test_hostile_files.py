"""No file costs more than its budget or harms another, however it is made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest import page_picture
from ingest.errors import RejectedFileError
from ingest.page_picture import draw_page
from ingest.parsing import sandbox
from ingest.parsing.sandbox import ParserPool
from ingest.settings import IngestSettings
from tests.ingest.parsing.hostile_files import (
    DOCUMENT,
    SECRET,
    HostileFile,
    write_hostile_files,
    write_ordinary_files,
)

BUDGET = IngestSettings(
    max_parse_s=2.0,
    max_memory_bytes=300_000_000,
    max_chars=2_000_000,
    max_pages=1_000,
    parser_processes=2,
    max_scan_page_s=2.0,
    max_scans_s=6.0,
)
GRACE_S = 1.0
"""Over the budget, on a machine that does other things, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What became of a file."""

    kind: str
    """A reason, or "document"."""
    detail: str
    text: str


def parsed(pool: ParserPool, path: Path) -> End:
    kind, detail, text = DOCUMENT, "", ""
    try:
        document = pool.parse(path)
        text = "".join(page.text for page in document.pages)
    except RejectedFileError as error:
        kind, detail = str(error.reason), error.detail
    return End(kind=kind, detail=detail, text=text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Iterator[tuple[HostileFile, ...]]:
    files = write_hostile_files(folder)
    yield files
    for file in files:  # together they are large
        file.path.unlink()


@pytest.fixture
def late_seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Fill while files are parsed: by how much the wait for each answer was over its budget."""
    seconds: list[float] = []
    read_line = sandbox._Child._read_line

    def timed(child: sandbox._Child, *, within_s: float) -> bytes:
        start = time.monotonic()
        try:
            return read_line(child, within_s=within_s)
        finally:
            if within_s != sandbox.START_S:  # a child's start is no file's time
                seconds.append(time.monotonic() - start - within_s)

    monkeypatch.setattr(sandbox._Child, "_read_line", timed)
    return seconds


@pytest.mark.slow
def test_every_hostile_file_ends_within_its_budget_and_the_ordinary_ones_come_through(
    folder: Path, hostile: tuple[HostileFile, ...], late_seconds: list[float]
) -> None:
    ordinary = write_ordinary_files(folder)
    before = sorted(path.name for path in folder.iterdir())
    paths: list[Path] = []
    for index, file in enumerate(hostile):
        paths += [file.path, ordinary[index % len(ordinary)]]
    with ParserPool(BUDGET) as pool, ThreadPoolExecutor(2) as threads:
        pool.parse(ordinary[0])
        ends = list(threads.map(lambda path: parsed(pool, path), paths))
    wrong = [
        f"{file.path.name}: {end.kind}, not {sorted(file.ends)}: {end.detail}"
        for file, end in zip(hostile, ends[::2], strict=True)
        if end.kind not in file.ends
    ]
    assert not wrong
    assert len(hostile) > 100
    assert len(late_seconds) > len(hostile)
    assert max(late_seconds) < GRACE_S
    assert {end.kind for end in ends[1::2]} == {DOCUMENT}
    assert all("paid" in end.text for end in ends[1::2])
    told = [path.name for path, end in zip(paths, ends, strict=True) if SECRET in end.text]
    assert not told
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.slow
def test_pages_of_hostile_pdfs_are_drawn_or_rejected_within_their_budget(
    hostile: tuple[HostileFile, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_picture, "DRAW_S", 3.0)

    def draw(path: Path) -> tuple[str, float]:
        start = time.monotonic()
        with suppress(RejectedFileError):
            draw_page(path, 0, quote="Leave", place=0.0, width_px=600, settings=BUDGET)
        return path.name, time.monotonic() - start

    paths = [file.path for file in hostile if file.path.suffix == ".pdf"]
    assert len(paths) > 30
    with ThreadPoolExecutor(2) as threads:
        late = [(name, s) for name, s in threads.map(draw, paths) if s > 3.0 + GRACE_S]
    assert not late
