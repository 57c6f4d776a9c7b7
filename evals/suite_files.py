"""Suites that were uploaded when suites were files; they wait to be moved into the catalog."""

from __future__ import annotations

from pathlib import Path

from evals.errors import SuiteError
from evals.stored_suites import SUFFIXES, name_problem
from evals.suites import Suite, load_suite


class SuiteFiles:
    """The suites of a folder.

    Args:
        folder: Where they are; there may be none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the file names, in alphabetical order."""
        if not self._folder.is_dir():
            return ()
        found = (path.name for path in self._folder.iterdir() if path.is_file())
        return tuple(sorted(name for name in found if _is_suite(name)))

    def load(self, name: str) -> Suite:
        """Return a suite by its file name.

        Raises:
            SuiteError: there is none of this name, or it is not valid any more.
        """
        return load_suite(self._existing(name))

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


def _is_suite(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and name_problem(path.stem) is None
