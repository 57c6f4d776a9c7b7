"""The process that parses untrusted files: `python -m ingest.parsing.child SETTINGS DESCRIPTOR`.

DESCRIPTOR is inherited; the parent puts one file after the other into it. For each the child
reads a line from standard input, {"suffix": what the file's name ends in, "reads_scans": bool}, and
answers one JSON object a line on standard output: {"document": …} or {"reason": …, "detail": …},
before that {"scan": [number, of]} for each page that it reads from a picture. The very first line
says that it is ready. It confines and limits itself as far as the operating system does that for
it; the parent, which may not trust it, sets the processor time and watches the clock and the
length of the answer.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from ingest.errors import RejectedFileError
from ingest.parsing.confinement import confine, limit_memory
from ingest.parsing.document_json import document_to_json
from ingest.parsing.input_copy import path_of
from ingest.parsing.protocol import OnScan
from ingest.parsing.registry import parse_file
from ingest.settings import IngestSettings
from ingest.types import RejectReason

READY = "ready\n"
"""Written once, before the first request is read."""
_GRACE_S = 5
"""The child's own alarm goes off this long after the parent should have ended it."""


def main() -> None:
    """Serve requests until standard input ends; SETTINGS are `IngestSettings` as JSON."""
    settings = IngestSettings.model_validate_json(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    logging.disable()  # libraries log pieces of the documents they read
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
    # Whatever a library prints must not look like a reply.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # numpy and PDFium take more of the address space than most documents: none of it is a file's.
    importlib.import_module("ingest.parsing.pdf")
    limit_memory(settings.max_memory_bytes)
    confine()  # before the first thread
    replies.write(READY)
    replies.flush()
    serve(_requests(), replies, path_of(int(sys.argv[2])), settings)


def serve(
    requests: queue.SimpleQueue[str], replies: IO[str], path: Path, settings: IngestSettings
) -> None:
    """Answer each request in turn until an empty one comes."""

    def send(reply: str) -> None:
        replies.write(reply + "\n")
        replies.flush()

    def on_scan(number: int, of: int) -> None:
        signal.setitimer(
            signal.ITIMER_REAL, settings.max_parse_s + settings.max_scan_page_s + _GRACE_S
        )
        send(json.dumps({"scan": [number, of]}))

    while line := requests.get():
        signal.setitimer(signal.ITIMER_REAL, settings.max_parse_s + _GRACE_S)
        request = json.loads(line)
        languages = settings.ocr_languages if request["reads_scans"] else ()
        asked = settings.model_copy(update={"ocr_languages": languages})
        reply = answer(path, request["suffix"], asked, on_scan)
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(reply)


def answer(path: Path, suffix: str, settings: IngestSettings, on_scan: OnScan) -> str:
    """Return the reply for one file as a line of JSON; any failure becomes a rejection."""
    try:
        document = parse_file(path, settings, suffix=suffix, on_scan=on_scan)
        return json.dumps({"document": document_to_json(document)}, ensure_ascii=False)
    except RejectedFileError as error:
        return _rejection(error.reason, error.detail)
    except MemoryError:
        limit = settings.max_memory_bytes
        return _rejection(
            RejectReason.TOO_MUCH_MEMORY,
            f"parsing it takes more than {limit:,} bytes of memory; "
            "split it or raise ingest.max_memory_bytes",
        )
    except RecursionError:
        return _rejection(
            RejectReason.CORRUPT, "its parts are nested too deeply; save it anew, or as PDF"
        )
    except Exception as error:  # noqa: BLE001 - the boundary: no file may end its child
        return _rejection(
            RejectReason.CORRUPT,
            f"it is not as its format wants it ({type(error).__name__}); save it anew, or as PDF",
        )


def _requests() -> queue.SimpleQueue[str]:
    """Return the lines of standard input as they come; the process ends when they end.

    A thread of its own notices the parent's end also while a file is being parsed.
    """
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _rejection(reason: str, detail: str) -> str:
    return json.dumps({"reason": reason, "detail": detail})


if __name__ == "__main__":
    main()
