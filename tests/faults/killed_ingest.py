"""An ingest of many files, killed again and again at random moments, must end as if undisturbed."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from docx import Document
from reportlab.pdfgen.canvas import Canvas

from assistant.access import OPERATOR
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store.catalog import open_catalog
from models.fakes import FakeEmbedder

PROJECT = Path(__file__).resolve().parents[2]
COLLECTION = "docs"
N_HITS = 10
SPREAD = 1.7
"""Mean time between two kills, of the time in which an undisturbed run would do all that is to be
done, divided by their number: the last ones come near the end, though each costs some work."""
LEAST_SPREAD = 0.2
LIMIT_S = 900.0
_WORDS = (
    "annual approval board budget canteen claim contract customer delivery deposit depot device "
    "driver employee expense facility garage handover holiday hotel invoice keeper key laptop "
    "lease ledger manager meeting mileage notice office order pallet parking partner pension "
    "permit phone policy price quarter receipt refund rent repair report safety salary sample "
    "schedule shift stock supplier tariff tenant ticket tool train travel truck vendor visitor "
    "voucher warehouse warranty week worker"
).split()
_TABLES = {
    "documents": "SELECT d.path, c.sha256, c.title, c.date, c.media_type, c.flags, c.n_chunks "
    "FROM documents d JOIN contents c ON c.id = d.content_id",
    "versions": "SELECT d.path, v.ordinal, c.sha256 FROM document_versions v "
    "JOIN documents d ON d.id = v.document_id JOIN contents c ON c.id = v.content_id",
    "pages": "SELECT c.sha256, c.name, p.page_index, p.page_number, p.text "
    "FROM pages p JOIN contents c ON c.id = p.content_id",
    "chunks": "SELECT c.sha256, c.name, h.page_index, h.span_start, h.span_end, h.heading, "
    "hex(h.vector) FROM chunks h JOIN contents c ON c.id = h.content_id",
    "rejections": "SELECT path, sha256, reason FROM rejections",
}
"""All that an ingest stores, without ids, times and the run that brought a document."""

State = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """How it went."""

    n_files: int
    n_kills: int
    undisturbed_s: float
    seconds: float
    wrong: Sequence[str]
    """Empty if nothing is."""


def kill_ingest(scratch: Path, *, n_files: int, n_kills: int, seed: int) -> Killed:
    """Take the same files in undisturbed and killed, and compare.

    Args:
        scratch: An empty folder.
        n_files: How many, of five kinds.
        n_kills: How often the process is killed, by signal 9.
        seed: Of the files and the moments.
    """
    began_s = time.monotonic()
    folder = scratch / "files"
    write_files(folder, n_files, random.Random(seed))
    undisturbed, again = scratch / "undisturbed", scratch / "again"
    work_s = _timed(undisturbed, folder)
    # What a start costs when nothing is to be done: kills are spread over the rest.
    start_s = _timed(undisturbed, folder)
    spread = SPREAD
    while not _killed(again, folder, random.Random(seed), n_kills, start_s, spread * work_s):
        shutil.rmtree(again)
        spread /= 2
        if spread < LEAST_SPREAD:
            raise RuntimeError(
                f"{n_files} files are taken in too soon to be killed {n_kills} times"
            )
    for _ in range(2):  # as undisturbed: the copy of a file that is rejected goes with the next run
        _timed(again, folder)
    wrong = list(_differences(state_of(undisturbed), state_of(again)))
    for data_dir in (undisturbed, again):
        with open_catalog(data_dir) as catalog:
            wrong += catalog.problems()
    return Killed(
        n_files=n_files,
        n_kills=n_kills,
        undisturbed_s=work_s,
        seconds=time.monotonic() - began_s,
        wrong=wrong,
    )


def write_files(folder: Path, n_files: int, chance: random.Random) -> None:
    """Write files of five kinds in a tree; a few are the same, a few no documents at all."""
    latest = (".txt", b"")
    for number in range(n_files):
        name = f"{chance.choice(_WORDS)}-{number:05}"
        path = folder / f"part-{number % 20:02}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 50 != 49:  # else it is the one before once more
            suffix, content = _KINDS[number % len(_KINDS)]
            latest = suffix, b"" if number % 97 == 96 else content(name, chance)
        path.with_suffix(latest[0]).write_bytes(latest[1])


def state_of(data_dir: Path) -> State:
    """Return all that stands in a data dir and is found there, but for ids, times and runs."""
    state: State = {}
    with closing(sqlite3.connect(f"file:{data_dir / 'catalog.sqlite'}?mode=ro", uri=True)) as rows:
        for name, select in _TABLES.items():
            state[name] = sorted(map(repr, rows.execute(select)))
    state["originals"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (data_dir / "originals").rglob("*")
        if path.is_file()
    }
    chance = random.Random(0)
    with open_catalog(data_dir) as catalog:
        retriever = HybridRetriever(catalog, FakeEmbedder(), RetrievalSettings())
        for _ in range(20):
            question = " ".join(chance.sample(_WORDS, 4))
            state[question] = [
                (hit.document.document, hit.chunk.text, round(hit.score, 6))
                for hit in retriever.retrieve(question, N_HITS, OPERATOR)
            ]
        state["waiting for vectors"] = catalog.n_unembedded()
    return state


def _differences(expected: State, found: State) -> list[str]:
    wrong = [f"there is no {name}" for name in ("documents", "chunks") if not expected[name]]
    for name, value in expected.items():
        if found[name] != value:
            wrong.append(f"{name} differ: {_first_difference(value, found[name])}")
    return wrong


def _first_difference(expected: object, found: object) -> str:
    if isinstance(expected, list) and isinstance(found, list):
        for one, other in zip(expected, found, strict=False):
            if one != other:
                return f"{str(one)[:300]} is {str(other)[:300]}"
        return f"{len(expected)} of them are {len(found)}"
    if isinstance(expected, dict) and isinstance(found, dict):
        lacking, more = expected.keys() - found.keys(), found.keys() - expected.keys()
        return f"lacking {sorted(lacking)[:9]}, more {sorted(more)[:9]}"
    return f"{str(expected)[:300]} is {str(found)[:300]}"


def _killed(
    data_dir: Path,
    folder: Path,
    chance: random.Random,
    n_kills: int,
    start_s: float,
    spread_s: float,
) -> bool:
    """Kill so many runs one after another; False if one was done before its moment came."""
    for _ in range(n_kills):
        # Not all after the start, in which nothing is written yet: that is a moment, too.
        moment_s = chance.uniform(0.5 * start_s, start_s + 2 * spread_s / n_kills)
        process = subprocess.Popen(
            _command(folder), env=_environment(data_dir), stderr=subprocess.DEVNULL
        )
        try:
            process.wait(moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        else:
            return False
    return True


def _timed(data_dir: Path, folder: Path) -> float:
    """Take the folder in and return how many seconds that took."""
    began_s = time.monotonic()
    done = subprocess.run(
        _command(folder),
        env=_environment(data_dir),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"an undisturbed ingest fails: {done.stderr[-2000:]}")
    return time.monotonic() - began_s


def _command(folder: Path) -> list[str]:
    command = [sys.executable, "-P", "-m", "ui.cli.main", "ingest", str(folder)]
    return [*command, "--collection", COLLECTION]


def _environment(data_dir: Path) -> Mapping[str, str]:
    # The stand-in's vectors do not depend on which texts are embedded together.
    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "PLINTH_DATA_DIR": str(data_dir),
        "PLINTH_MODELS__EMBEDDER": "fake-embedder",
        "PLINTH_MODELS__GENERATOR": "fake-generator",
    }


def _paragraphs(name: str, chance: random.Random) -> list[str]:
    return [
        f"{name}: " + " ".join(chance.choices(_WORDS, k=chance.randint(8, 60))).capitalize() + "."
        for _ in range(chance.randint(2, 8))
    ]


def _markdown(name: str, chance: random.Random) -> bytes:
    return f"# About {name}\n\n{chr(10).join(_paragraphs(name, chance))}\n".encode()


def _plain(name: str, chance: random.Random) -> bytes:
    return "\n\n".join(_paragraphs(name, chance)).encode()


def _html(name: str, chance: random.Random) -> bytes:
    paragraphs = "".join(f"<p>{one}</p>" for one in _paragraphs(name, chance))
    return f"<!doctype html><title>{name}</title><h1>{name}</h1>{paragraphs}".encode()


def _docx(name: str, chance: random.Random) -> bytes:
    document, buffer = Document(), BytesIO()
    document.add_heading(name)
    for one in _paragraphs(name, chance):
        document.add_paragraph(one)
    document.save(buffer)
    return buffer.getvalue()


def _pdf(name: str, chance: random.Random) -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=True)
    for one in _paragraphs(name, chance)[:3]:
        canvas.drawString(72, 720, one[:90])
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


_KINDS: tuple[tuple[str, Callable[[str, random.Random], bytes]], ...] = (
    (".md", _markdown),
    (".txt", _plain),
    (".html", _html),
    (".txt", _plain),
    (".md", _markdown),
    (".docx", _docx),
    (".txt", _plain),
    (".html", _html),
    (".pdf", _pdf),
    (".md", _markdown),
)
