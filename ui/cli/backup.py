"""`plinth backup` and `plinth restore`: all of a data dir in one file, and back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.bytes_progress import show_bytes
from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, one_line, print_json, say

if TYPE_CHECKING:
    from assistant.store.backup import BackupReport
    from assistant.store.restore import BackupFacts, RestoreReport

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


def backup(data_dir: DataDir, file: BackupFile, as_json: Json = False) -> None:
    """Write all that cannot be made anew into one new file, also while Plinth runs.

    Catalog, originals, files that wait, settings, evaluations and audit log; neither models nor the
    index. The file is as confidential as the documents and can be read by its owner only.

    Example: plinth backup /mnt/backups/plinth-2026-03-01.tar
    """
    from assistant.store.backup import back_up  # heavy: not for --help

    began_at = time.monotonic()
    with show_bytes("backing up") as on_progress:
        report = back_up(data_dir, file, on_progress=on_progress)
    _warn(report)
    if as_json:
        print_json(
            {
                "backup": str(report.file),
                "bytes": report.n_bytes,
                "documents": report.n_documents,
                "originals": report.n_originals,
                "waiting": report.n_waiting,
                "missing": list(report.missing),
                "changed": list(report.changed),
            }
        )
        return
    waiting = f", {report.n_waiting:,} files that were sent" if report.n_waiting else ""
    say(
        one_line(
            f"{report.file}: {report.n_documents:,} documents{waiting}, "
            f"{report.n_bytes / 1e6:,.1f} MB in {time.monotonic() - began_at:,.1f} s"
        )
    )


def restore(
    data_dir: DataDir,
    file: BackupFile,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check the file; write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a data dir of a backup, and its index: in a new or empty folder only.

    Every byte is checked before anything counts. Everybody has to sign in again: sessions and links
    that were sent have ended.

    Example: plinth restore plinth-2026-03-01.tar --data-dir ~/plinth-restored
    """
    from assistant.store import restore as restoring  # heavy: not for --help

    began_at = time.monotonic()
    if verify:
        with show_bytes("checking") as on_progress:
            facts = restoring.check_backup(file, on_progress=on_progress)
        if as_json:
            print_json(_facts_to_json(file, facts))
            return
        say(
            one_line(
                f"{file} is whole: made at {facts.created_at} by Plinth {facts.plinth}, "
                f"{facts.n_files:,} files, {facts.n_bytes / 1e6:,.1f} MB"
            )
        )
        return
    with show_bytes("restoring") as on_progress:
        report = restoring.restore(file, data_dir, on_progress=on_progress, on_step=note)
    if as_json:
        print_json(_facts_to_json(file, report.facts) | _report_to_json(data_dir, report))
    else:
        say(
            one_line(
                f"{data_dir}: {report.n_documents:,} documents, {report.n_chunks:,} chunks, "
                f"{report.n_originals:,} originals as of {report.facts.created_at}, restored in "
                f"{time.monotonic() - began_at:,.1f} s; {report.n_sessions:,} sessions ended"
            )
        )
    if report.n_missing:
        note(f"{report.n_missing:,} originals were missing already when the backup was made")


def _warn(report: BackupReport) -> None:
    if report.missing or report.changed:
        found = f"{len(report.missing):,} missing, {len(report.changed):,} changed"
        note(
            f"warning: files of the data dir are damaged ({found}); all others are in the backup, "
            "`plinth doctor` says more"
        )
    if not report.is_recorded:
        note("warning: the audit log does not say that this backup was made: it cannot be written")


def _facts_to_json(file: Path, facts: BackupFacts) -> dict[str, object]:
    return {
        "backup": str(file),
        "bytes": facts.n_bytes,
        "files": facts.n_files,
        "created_at": facts.created_at,
        "plinth": facts.plinth,
        "schema": facts.schema,
    }


def _report_to_json(data_dir: Path, report: RestoreReport) -> dict[str, object]:
    return {
        "data_dir": str(data_dir),
        "documents": report.n_documents,
        "chunks": report.n_chunks,
        "originals": report.n_originals,
        "missing": report.n_missing,
        "sessions_ended": report.n_sessions,
    }
