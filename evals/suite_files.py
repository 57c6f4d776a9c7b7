"""Suites that people bring: checked, then kept as files until they are deleted."""

from __future__ import annotations

import threading
import unicodedata
from pathlib import Path

from assistant.store.files import write_durably
from evals.errors import SuiteError
from evals.suites import SAMPLE, Suite, load_suite, parse_suite

MAX_BYTES = 5_000_000
MAX_NAME_CHARS = 100
SUFFIXES = (".jsonl", ".csv")


class SuiteFiles:
    """The suites of a folder. Thread-safe within a process.

    Args:
        folder: Made when the first suite is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def names(self) -> tuple[str, ...]:
        """Return the file names, in alphabetical order."""
        if not self._folder.is_dir():
            return ()
        found = (path.name for path in self._folder.iterdir() if path.is_file())
        return tuple(sorted(name for name in found if _problem(name) is None))

    def load(self, name: str) -> Suite:
        """Return a suite by its file name, or the shipped one by `SAMPLE.name`.

        Raises:
            SuiteError: there is none of this name, or it is not valid any more.
        """
        if name == SAMPLE.name:
            return load_suite(SAMPLE / "suite.jsonl")
        return load_suite(self._existing(name))

    def keep(self, name: str, data: bytes) -> Suite:
        """Check a suite and keep it; the same file again changes nothing.

        Args:
            name: Of the file as its owner calls it; a name only, never a path.
            data: The file's bytes.

        Raises:
            SuiteError: name or content is not valid, it is too large, or another suite has the
                name.
            StoreError: the disk is full or refuses.
        """
        problem = _problem(name)
        if problem is not None:
            raise SuiteError(f"suite {name!r} cannot be kept: {problem}; rename the file")
        if len(data) > MAX_BYTES:
            raise SuiteError(
                f"suite {name!r} is larger than {MAX_BYTES // 1_000_000} MB; split it up"
            )
        suite = parse_suite(data, Path(name))
        with self._lock:
            self._require_free(name, suite)
            # The name is a template there.
            escaped = name.replace("{", "{{").replace("}", "}}")
            write_durably(self._folder, [data], escaped)
        return suite

    def delete(self, name: str) -> None:
        """Delete a suite; runs of it stay.

        Raises:
            SuiteError: there is none of this name.
        """
        self._existing(name).unlink(missing_ok=True)

    def _existing(self, name: str) -> Path:
        if name not in self.names():
            raise SuiteError(f"no suite {name!r} is kept; it may have been deleted just now")
        return self._folder / name

    def _require_free(self, name: str, suite: Suite) -> None:
        for other in self.names():
            if other == name and load_suite(self._folder / other).sha256 == suite.sha256:
                return
            # Reports name a suite without the suffix.
            if _key(other) == _key(name):
                raise SuiteError(
                    f"another suite is called {other!r}; rename the file, or delete that suite "
                    "first"
                )


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", Path(name).stem).casefold()


def _problem(name: str) -> str | None:
    """Return why a file cannot be called so; None if it can."""
    if any(sign in name for sign in "/\\:") or not name.isprintable():
        return "a name holds no slash, backslash, colon or control character"
    if name.startswith(".") or name != name.strip():
        return "a name begins with neither a dot nor a space and ends without one"
    if len(name) > MAX_NAME_CHARS or len(name.encode(errors="replace")) > 2 * MAX_NAME_CHARS:
        return f"a name has at most {MAX_NAME_CHARS} characters"
    if Path(name).suffix.lower() not in SUFFIXES:
        return f"a suite is a file that ends in {' or '.join(SUFFIXES)}"
    if _key(name) == SAMPLE.name:
        return f"{SAMPLE.name!r} is the shipped suite"
    return None
