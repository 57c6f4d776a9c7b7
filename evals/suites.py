"""Suites of gold questions: read, checked and sampled."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.types import Turn
from evals.errors import SuiteError

SAMPLE = Path(__file__).with_name("sample")
"""The sample corpus and its suite; `sample` on the command line is `sample/suite.jsonl`."""
CSV_COLUMNS = ("question", "answer", "document", "page")
PAGE_DIGITS = 9
INDEX = "index.json"
"""Beside suite files: their names to properties such as `page_tolerance`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where the corpus answers a question."""

    document: str
    """Path of the document below the corpus."""
    page: int | None
    """1-based; None where the gold data names no page."""
    quote: str | None = None
    """The gold passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question and what a right reply to it is."""

    id: str
    question: str
    answerable: bool
    """False: the corpus does not answer it, so the right reply is an abstention."""
    answers: tuple[str, ...] = ()
    """Gold answers, each of them right; empty if not answerable."""
    facts: tuple[str, ...] = ()
    """Parts that a complete answer holds; empty unless the question asks for several."""
    evidence: tuple[Evidence, ...] = ()
    tags: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    """Earlier turns, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Cases that are measured together."""

    name: str
    sha256: str
    """Of the file the cases were read from, or would be exported to."""
    cases: tuple[Case, ...]
    """In the order of the file, ids distinct, at least one."""
    page_tolerance: int = 0
    """Pages by which gold page numbers may be off."""
    version: int | None = None
    """Of a suite of the catalog, from 1; None: it is a file."""

    def tagged(self, tag: str) -> Suite:
        """Return the cases with a tag.

        Raises:
            SuiteError: no case has it.
        """
        cases = tuple(case for case in self.cases if tag in case.tags)
        if not cases:
            known = ", ".join(sorted({tag for case in self.cases for tag in case.tags})) or "none"
            raise SuiteError(f"no case of suite {self.name} has the tag {tag!r}; its tags: {known}")
        return replace(self, cases=cases)

    def sample(self, size: int, seed: int) -> Suite:
        """Return `size` cases drawn without replacement, in the order of the file."""
        if size >= len(self.cases):
            return self
        chosen = random.Random(seed).sample(range(len(self.cases)), size)
        return replace(self, cases=tuple(self.cases[index] for index in sorted(chosen)))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _EvidenceLine(_Strict):
    document: str = Field(min_length=1)
    page: int | None = Field(default=None, ge=1)
    quote: str | None = None


class _TurnLine(_Strict):
    role: Literal["user", "assistant"]
    content: str


class _CaseLine(_Strict):
    """One line of a suite file."""

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    answerable: bool
    answers: list[str] = []
    facts: list[str] = []
    evidence: list[_EvidenceLine] = []
    tags: list[str] = []
    history: list[_TurnLine] = []

    @model_validator(mode="after")
    def _answers_fit(self) -> _CaseLine:
        if self.answerable and not any(answer.strip() for answer in self.answers):
            message = "an answerable question needs a gold answer in `answers`"
            raise ValueError(message)
        if not self.answerable and (self.answers or self.facts):
            message = "a question that is not answerable has no `answers` and no `facts`"
            raise ValueError(message)
        return self

    def to_case(self) -> Case:
        return Case(
            id=self.id,
            question=self.question,
            answerable=self.answerable,
            answers=tuple(self.answers),
            facts=tuple(self.facts),
            evidence=tuple(
                Evidence(document=item.document, page=item.page, quote=item.quote)
                for item in self.evidence
            ),
            tags=tuple(self.tags),
            history=tuple(Turn(role=turn.role, content=turn.content) for turn in self.history),
        )


def find_suite(name: str) -> Path | None:
    """Return the file of a suite given by name or path; None: there is no such file."""
    if name == SAMPLE.name:
        return SAMPLE / "suite.jsonl"
    path = Path(name)
    return path if path.is_file() else None


def load_suite(path: Path) -> Suite:
    """Read and check a suite: JSON Lines, or CSV with the columns question,answer,document,page.

    Lines of a CSV file become cases named by their line number; an empty answer makes the
    question not answerable, an empty document or page leaves the evidence open.

    Raises:
        SuiteError: the file cannot be read, or a line is not a case; names file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SuiteError(
            f"suite {str(path)!r} cannot be read ({error.strerror}); check path and rights"
        ) from error
    return replace(parse_suite(data, path), page_tolerance=_page_tolerance(path))


def parse_suite(data: bytes, path: Path) -> Suite:
    """Check what a suite file holds, or would hold; nothing is read.

    Args:
        data: The file's bytes.
        path: Names the suite, its form (by the suffix) and, in errors, the file.

    Raises:
        SuiteError: a line is not a case; names file and line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SuiteError(
            f"suite {str(path)!r} is not UTF-8 ({error.reason}); save it so"
        ) from error
    read = _csv_lines if path.suffix.lower() == ".csv" else _jsonl_lines
    cases: dict[str, Case] = {}
    for number, values in read(path, text):
        case = _to_case(path, number, values)
        if case.id in cases:
            raise SuiteError(f"{path}, line {number}: second case {case.id!r}; make ids distinct")
        cases[case.id] = case
    if not cases:
        raise SuiteError(f"suite {str(path)!r} holds no case; add one a line")
    return Suite(
        name=path.parent.name if path.parent == SAMPLE else path.stem,
        sha256=hashlib.sha256(data).hexdigest(),
        cases=tuple(cases.values()),
    )


def case_from_json(value: Any, place: str) -> Case:
    """Return the case that `case_to_json` wrote.

    Args:
        value: What it wrote.
        place: Where it was kept, for the error.

    Raises:
        SuiteError: it is no case.
    """
    try:
        return checked_case(value)
    except SuiteError as error:
        raise SuiteError(f"{place} holds what is no case: {error}") from error


def checked_case(values: Mapping[str, Any]) -> Case:
    """Return the case that a line of a suite file says.

    Raises:
        SuiteError: it is none; says what is wrong with each field.
    """
    try:
        return _CaseLine.model_validate(values).to_case()
    except ValidationError as error:
        raise SuiteError(_problems(error)) from error


def case_to_json(case: Case) -> dict[str, Any]:
    """Return the case as a line of a suite file."""
    return {
        "id": case.id,
        "question": case.question,
        "answerable": case.answerable,
        "answers": list(case.answers),
        "facts": list(case.facts),
        "evidence": [
            {"document": item.document, "page": item.page, "quote": item.quote}
            for item in case.evidence
        ],
        "tags": list(case.tags),
        "history": [{"role": turn.role, "content": turn.content} for turn in case.history],
    }


def _jsonl_lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise SuiteError(
                f"{path}, line {number}: not JSON ({error.msg} at character {error.pos}); "
                "write one object a line"
            ) from error
        except (ValueError, RecursionError) as error:
            # Numbers of thousands of digits, or brackets within brackets without end.
            raise SuiteError(
                f"{path}, line {number}: JSON that no case needs ({type(error).__name__}); "
                "write one object a line"
            ) from error


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    if reader.fieldnames is None or not set(CSV_COLUMNS) <= set(reader.fieldnames):
        raise SuiteError(
            f"{path}, line 1: columns are {reader.fieldnames}; name them {','.join(CSV_COLUMNS)}"
        )
    for row in _rows(path, reader):
        page = row["page"].strip()
        if page and not (page.isdecimal() and len(page) <= PAGE_DIGITS):
            raise SuiteError(
                f"{path}, line {reader.line_num}: page {page!r} is not a number; "
                "give the 1-based page or leave it empty"
            )
        answer, document = row["answer"].strip(), row["document"].strip()
        evidence = {"document": document, "page": int(page) if page else None}
        yield (
            reader.line_num,
            {
                "id": str(reader.line_num),
                "question": row["question"].strip(),
                "answerable": bool(answer),
                "answers": [answer] if answer else [],
                "evidence": [evidence] if document and answer else [],
            },
        )


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise SuiteError(
            f"{path}, line {reader.line_num}: not CSV ({error}); check the quotation marks"
        ) from error


def _to_case(path: Path, number: int, values: Any) -> Case:
    try:
        return checked_case(values)
    except SuiteError as error:
        raise SuiteError(f"{path}, line {number}: {error}; correct the line") from error


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'line'}: {problem['msg']}"
        for problem in error.errors()
    )


def _page_tolerance(path: Path) -> int:
    index = path.with_name(INDEX)
    if not index.is_file():
        return 0
    try:
        properties = json.loads(index.read_text(encoding="utf-8"))
        return int(properties.get(path.stem, {}).get("page_tolerance", 0))
    except (ValueError, AttributeError) as error:
        raise SuiteError(
            f"{index} is not an object of suites with a number as page_tolerance ({error}); "
            "correct or remove it"
        ) from error
