"""Where things lie in a data dir."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one data dir."""

    root: Path

    @property
    def catalog(self) -> Path:
        """The SQL catalog: the truth."""
        return self.root / "catalog.sqlite"

    @property
    def index(self) -> Path:
        """Immutable index files, derived from the catalog."""
        return self.root / "index"

    @property
    def originals(self) -> Path:
        """The bytes of ingested files, by hash."""
        return self.root / "originals"

    @property
    def lock(self) -> Path:
        """Held by whoever writes."""
        return self.root / "writer.lock"
