"""Ordinary documents read for hidden text: `python -m tests.ingest.hidden_corpora FOLDER`.

Prints every document in which text counts as hidden, for somebody to look at: none of it should
be what a reader sees.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.errors import RejectedFileError
from ingest.parsing.registry import parse_file
from ingest.records import SUFFIX, parse_record, read_records
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument

_SHOWN_CHARS = 300


def files_of(folder: Path) -> list[Path]:
    """Return the files below a folder, by path."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def parsed(files: Iterable[Path]) -> Iterator[tuple[str, ParsedDocument | None]]:
    """Yield the documents of files by name; None for one that is rejected."""
    settings = IngestSettings()
    for path in files:
        try:
            if path.suffix == SUFFIX:
                for record in read_records(path, document=str(path)):
                    yield f"{path}:{record.document}", parse_record(record)
            else:
                yield str(path), parse_file(path, settings)
        except RejectedFileError:
            yield str(path), None


def main() -> None:
    """Print what is hidden below the folder that is named, and how much was read."""
    n_read = n_rejected = n_flagged = 0
    for name, document in parsed(files_of(Path(sys.argv[1]))):
        n_read += document is not None
        n_rejected += document is None
        if document is None or not any("hidden" in flag for flag in document.flags):
            continue
        n_flagged += 1
        print(name, *document.flags, flush=True)
        for one in document.hidden:
            shown = one.text[:_SHOWN_CHARS]
            print(f"    page {one.page_index + 1}, {one.kind}, {len(one.text)}: {shown!r}")
    print(f"{n_read} documents read, {n_rejected} rejected, {n_flagged} with hidden text")


if __name__ == "__main__":
    main()
