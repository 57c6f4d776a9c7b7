"""Settings of ingestion: how documents are cut and what a file may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator


class WatchedFolderSettings(BaseModel):
    """One of `ingest.watch`: a folder whose files are taken in as they come and change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    """Absolute."""
    collection: str = Field(min_length=1)
    """Made when there is none."""
    prune: bool = False
    """Whether documents go with their files; not while more than half of them have gone."""

    @field_validator("folder")
    @classmethod
    def _is_absolute(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("give the whole path of the folder, from the root on")
        return folder


class IngestSettings(BaseModel):
    """`[ingest]` in plinth.toml, `PLINTH_INGEST__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chunk_tokens: int = Field(default=180, ge=32, le=2048)
    """Most tokens of one chunk's own text, by the embedder's tokenizer; its title and heading
    come on top and are shortened so that all fits the embedder's window."""
    parser_processes: int = Field(default=2, ge=1, le=64)
    """Parser children kept ready."""
    files_per_process: int = Field(default=200, ge=1, le=10_000)
    """Files that one child parses before a fresh one takes over: libraries leak, and a child that a
    file took over could alter what it reads of the next. 1: a child for each file."""
    max_file_bytes: int = Field(default=200_000_000, ge=1)
    """Larger files are rejected unread."""
    max_parse_s: float = Field(default=120.0, gt=0)
    """Wall time one file may take to parse, and processor time."""
    max_memory_bytes: int = Field(default=2_000_000_000, ge=100_000_000)
    """Address space a parser child may add to its own; what an Office file may unpack to."""
    max_pages: int = Field(default=5_000, ge=1)
    """Files with more pages are rejected, not cut."""
    max_chars: int = Field(default=20_000_000, ge=1)
    """Files with more text are rejected, not cut."""
    ocr_languages: tuple[Annotated[str, Field(pattern=r"^[A-Za-z]\w{2,30}$")], ...] = ("eng",)
    """Languages of scanned pages, the likeliest first, by the names of Tesseract's trained data:
    eng, deu, fra. Each one more takes time. Empty: scans are not read."""
    max_scan_page_s: float = Field(default=60.0, gt=0)
    """Time, as for `max_parse_s`, that each scanned page may take on top."""
    max_scans_s: float = Field(default=3600.0, gt=0)
    """Time that all scanned pages of a file may take together; then the rest stays unread."""
    max_batch_files: int = Field(default=20_000, ge=1)
    """Files that may be sent together."""
    max_batch_bytes: int = Field(default=20_000_000_000, ge=1)
    """Bytes that may be sent together."""
    max_waiting_bytes_each: int = Field(default=20_000_000_000, ge=1)
    """Bytes of one person's files that wait or were rejected; those that are sent come on top."""
    max_waiting_bytes: int = Field(default=50_000_000_000, ge=1)
    """The same, of everybody."""
    min_free_bytes: int = Field(default=200_000_000, ge=0)
    """Kept free on the disk by whoever sends, for the catalog and all else that must go on."""
    watch: tuple[WatchedFolderSettings, ...] = ()
    """Folders of this machine that are followed while the web app runs."""
    watch_every_s: float = Field(default=15.0, ge=1.0)
    """Seconds between two looks into a watched folder; a file is taken in once two agree on it.
    Looking takes at most a fiftieth of the time: large folders are looked at more seldom."""

    @field_validator("watch")
    @classmethod
    def _are_different(
        cls, watch: tuple[WatchedFolderSettings, ...]
    ) -> tuple[WatchedFolderSettings, ...]:
        if len({(one.folder, one.collection) for one in watch}) < len(watch):
            raise ValueError("a folder is named twice for the same collection; name it once")
        return watch
