"""Errors of ingestion that concern the whole run; a single file's fate is a `FileOutcome`."""

from __future__ import annotations

from assistant.errors import AssistantError


class IngestError(AssistantError):
    """Root of the errors of `ingest`."""


class SourceUnavailableError(IngestError):
    """A path given to ingest does not exist or cannot be listed."""


class RejectedFileError(IngestError):
    """Raised inside a parser to reject its file with a reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
