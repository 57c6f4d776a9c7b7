"""Suites of the catalog: brought in from files, asked, and taken out as files again."""

from __future__ import annotations

from pathlib import Path

from assistant.access import ReadableSet
from assistant.errors import UnknownNameError
from assistant.store.suite_rows import exported, suite_key
from assistant.store.suite_types import NewCase, StoredCase, StoredSuite
from assistant.store.suites import Suites
from evals.errors import SuiteError
from evals.suites import SAMPLE, Suite, case_to_json, checked_case, find_suite, load_suite

MAX_BYTES = 5_000_000
MAX_NAME_CHARS = 100
SUFFIXES = (".jsonl", ".csv")


def name_problem(name: str) -> str | None:
    """Return why a suite cannot be called so; None if it can. Runs have files of its name."""
    if not name or any(sign in name for sign in "/\\:") or not name.isprintable():
        return "a name is not empty and holds no slash, backslash, colon or control character"
    if name.startswith(".") or name != name.strip():
        return "a name begins with neither a dot nor a space and ends without one"
    if len(name) > MAX_NAME_CHARS or len(name.encode(errors="replace")) > 2 * MAX_NAME_CHARS:
        return f"a name has at most {MAX_NAME_CHARS} characters"
    if suite_key(name) == SAMPLE.name:
        return f"{SAMPLE.name!r} is the shipped suite"
    return None


def require_name(name: str) -> str:
    """Return a suite's name.

    Raises:
        SuiteError: a suite cannot be called so.
    """
    problem = name_problem(name)
    if problem is not None:
        raise SuiteError(f"a suite cannot be called {name!r}: {problem}; choose another name")
    return name


def import_suite(
    suites: Suites,
    file: Suite,
    readable: ReadableSet,
    *,
    name: str,
    collection: str,
    by: str,
) -> StoredSuite:
    """Put the cases of a checked file into the catalog: a new suite, or its next version.

    The same cases again change nothing.

    Args:
        suites: Of the catalog.
        file: What was read.
        readable: What who imports may read.
        name: Of the suite.
        collection: Whose documents it asks about.
        by: Who imports.

    Raises:
        SuiteError: a suite cannot be called so.
        UnknownNameError: no such collection that may be read as a whole.
    """
    require_name(name)
    cases = [NewCase(values=case_to_json(case)) for case in file.cases]
    for one in suites.list(readable):
        if one.collection == collection and suite_key(one.name) == suite_key(name):
            tolerance = file.page_tolerance
            return suites.replace(one.suite_id, cases, readable, by=by, page_tolerance=tolerance)
    return suites.add(
        name, collection, readable, by=by, page_tolerance=file.page_tolerance, cases=cases
    )


def stored_suite(
    suites: Suites, stored: StoredSuite, readable: ReadableSet, version: int | None = None
) -> Suite:
    """Return a suite of the catalog as it is asked.

    Args:
        suites: Of the catalog.
        stored: Which.
        readable: What who asks may read.
        version: None: the newest.

    Raises:
        SuiteError: it holds no case.
        UnknownNameError: it, or the version, is not there.
    """
    one = next(
        (
            one
            for one in suites.versions(stored.suite_id, readable)
            if version in (None, one.ordinal)
        ),
        None,
    )
    if one is None:
        raise UnknownNameError(f"suite {stored.name!r} has no version {version}")
    cases = suites.cases(stored.suite_id, readable, one.ordinal)
    if not cases:
        raise SuiteError(f"suite {stored.name!r} holds no case; add some first")
    return Suite(
        name=stored.name,
        sha256=one.sha256,
        cases=tuple(checked_case(case.values) for case in cases),
        page_tolerance=stored.page_tolerance,
        version=one.ordinal,
    )


def export_suite(cases: tuple[StoredCase, ...]) -> bytes:
    """Return cases as the bytes of a suite file, which can be imported again."""
    return exported(case.values for case in cases)


def open_suite(name: str, suites: Suites, readable: ReadableSet) -> Suite:
    """Return a suite by what a command calls it: the shipped one, a file, or one of the catalog.

    Args:
        name: `sample`; the path of a file; a stored suite's name, or `collection/name`.
        suites: Of the catalog.
        readable: What who asks may read.

    Raises:
        SuiteError: there is none, or it is not valid.
    """
    path = find_suite(name)
    if path is not None:
        return load_suite(path)
    try:
        return stored_suite(suites, suites.find(name, readable), readable)
    except UnknownNameError as error:
        raise SuiteError(
            f"{error}. A .jsonl or .csv file, or the name {SAMPLE.name!r}, will do as well"
        ) from error


def suite_name(file_name: str) -> str:
    """Return what a suite is called after its file.

    Raises:
        SuiteError: the file is not of a suite, or its name will not do.
    """
    path = Path(file_name)
    if path.suffix.lower() not in SUFFIXES:
        raise SuiteError(f"{file_name!r} is no suite: give a file in {' or '.join(SUFFIXES)}")
    return require_name(path.stem)
