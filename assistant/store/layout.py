"""Where things lie in a data dir."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one data dir."""

    root: Path

    @property
    def catalog(self) -> Path:
        """The SQL catalog, the truth; unless that is in PostgreSQL."""
        return self.root / "catalog.sqlite"

    @property
    def catalog_id(self) -> Path:
        """Of a data dir whose catalog is in PostgreSQL: what that database knows it by."""
        return self.root / "catalog.id"

    @property
    def settings(self) -> Path:
        """What the operator set."""
        return self.root / "plinth.toml"

    @property
    def calibration(self) -> Path:
        """How confident to be, fitted to this site's questions; the shipped one where missing."""
        return self.root / "calibration.json"

    @property
    def evaluations(self) -> Path:
        """Suites that were uploaded, and which runs are under way; runs of earlier Plinths."""
        return self.root / "evals"

    @property
    def run_locks(self) -> Path:
        """A file for each run that is under way or was stopped, held as long as it is asked."""
        return self.evaluations / "locks"

    @property
    def index(self) -> Path:
        """Immutable index files, derived from the catalog."""
        return self.root / "index"

    @property
    def originals(self) -> Path:
        """The bytes of ingested files, by hash."""
        return self.root / "originals"

    @property
    def blocks(self) -> Path:
        """Passages as the generator has computed them, a folder for each content."""
        return self.root / "blocks"

    @property
    def lock(self) -> Path:
        """Held by whoever writes."""
        return self.root / "writer.lock"

    @property
    def audit_anchor(self) -> Path:
        """The newest entry of the audit log, outside the catalog."""
        return self.root / "audit.json"

    @property
    def audit_lock(self) -> Path:
        """Held by whoever writes the anchor."""
        return self.audit_anchor.with_suffix(".lock")

    @property
    def uploads(self) -> Path:
        """Files that were sent and wait to be taken in, by job and file."""
        return self.root / "uploads"

    def upload(self, job_id: int, document: str) -> Path:
        """Where a file that was sent lies until it is taken in; its name is no part of the path."""
        return self.uploads / str(job_id) / hashlib.sha256(document.encode()).hexdigest()

    @property
    def server_lock(self) -> Path:
        """Held by the web process, to which other commands hand their writing."""
        return self.root / "server.lock"

    @property
    def server_address(self) -> Path:
        """Where the running web process is reached; of no meaning while `server_lock` is free."""
        return self.root / "server.address"

    @property
    def worker_lock(self) -> Path:
        """Held by the process that carries out queued jobs."""
        return self.root / "worker.lock"
