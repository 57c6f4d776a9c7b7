"""Settings of ingestion: how documents are cut and what a file may cost."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class IngestSettings(BaseModel):
    """`[ingest]` in plinth.toml, `PLINTH_INGEST__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chunk_tokens: int = Field(default=180, ge=32, le=2048)
    """Most tokens of one chunk's own text, by the embedder's tokenizer; its title and heading
    come on top and are shortened so that all fits the embedder's window."""
    parser_processes: int = Field(default=2, ge=1, le=64)
    """Parser children kept ready."""
    max_file_bytes: int = Field(default=200_000_000, ge=1)
    """Larger files are rejected unread."""
    max_parse_s: float = Field(default=120.0, gt=0)
    """Wall time one file may take to parse."""
    max_memory_bytes: int = Field(default=2_000_000_000, ge=100_000_000)
    """Address space a parser child may add to its own."""
    max_pages: int = Field(default=5_000, ge=1)
    """Files with more pages are rejected, not cut."""
    max_chars: int = Field(default=20_000_000, ge=1)
    """Files with more text are rejected, not cut."""
