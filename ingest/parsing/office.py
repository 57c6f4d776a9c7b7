"""Open the zip containers of Office files within their budget, with their errors translated."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lxml import etree

from ingest.errors import RejectedFileError
from ingest.parsing.archive import check_unpacked_size, opened_archive
from ingest.settings import IngestSettings
from ingest.types import RejectReason

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, etree.LxmlError, KeyError, ValueError, AttributeError,
    IndexError, TypeError, NotImplementedError, EOFError,
)  # fmt: skip


@contextmanager
def opened(path: Path, settings: IngestSettings, load: Callable[[IO[bytes]], Any]) -> Iterator[Any]:
    """Yield what `load` makes of the file; damage met while it is read rejects the file.

    The libraries answer missing or malformed parts with whatever exception they run into.

    Raises:
        RejectedFileError: the container is damaged, or over a limit of `ingest.parsing.archive`.
    """
    try:
        # Opened here: some of the libraries leave a file open when they fail.
        with path.open("rb") as file:
            with opened_archive(file) as archive:
                check_unpacked_size(archive, settings)
            yield load(file)
    except _DAMAGE as exc:
        raise RejectedFileError(
            RejectReason.CORRUPT,
            f"the Office file is damaged ({type(exc).__name__}); "
            "open and save it again, or get a whole copy",
        ) from exc
