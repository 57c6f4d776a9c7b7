"""`plinth work`: the process behind `plinth serve` that carries out the queue."""

from __future__ import annotations

import os
import signal
import threading
from functools import cache
from threading import Event

from ui.cli.niceness import give_way
from ui.cli.options import DataDir
from ui.cli.terminal import log_level
from ui.settings import load_settings

PREDECESSOR_WAIT_S = 60.0


def work(data_dir: DataDir) -> None:
    """Carry out queued jobs until standard input closes; started by `plinth serve`.

    Example: plinth work </dev/null
    """
    from assistant.store.catalog import open_catalog
    from assistant.store.layout import Layout
    from assistant.store.lock import ProcessLock
    from ingest.folder_watch import FolderWatch
    from ingest.worker import Worker
    from models.factory import build_embedder
    from ui.web.logs import log_as_json

    log_as_json(log_level())
    settings = load_settings(data_dir)
    closing = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: closing.set())
    # The parent holds the other end: however it ends, this process notices.
    threading.Thread(target=_close_at_end_of_input, args=(closing,), daemon=True).start()
    give_way()
    lock = ProcessLock(
        Layout(data_dir).worker_lock,
        wait_s=PREDECESSOR_WAIT_S,
        refusal="is carrying out its jobs; wait until it is done or stop it",
    )
    with open_catalog(data_dir) as catalog, lock:
        watch = settings.ingest.watch
        catalog.watched.forget_except({(str(one.folder), one.collection) for one in watch})
        for wanted in watch:
            follower = FolderWatch(
                wanted, jobs=catalog.jobs, watched=catalog.watched, data_dir=data_dir
            )
            # Each in a thread of its own, for which nothing waits: a network disk may never answer.
            threading.Thread(
                target=follower.run,
                args=(closing,),
                kwargs={"every_s": settings.ingest.watch_every_s},
                name="watch-folder",
                daemon=True,
            ).start()
        Worker(
            data_dir=data_dir,
            jobs=catalog.jobs,
            embedder=cache(lambda: build_embedder(settings.models)),
            settings=settings.ingest,
            closing=closing,
        ).run()


def _close_at_end_of_input(closing: Event) -> None:
    # Not sys.stdin: its lock would be held here when the interpreter ends, which is fatal to it.
    while os.read(0, 1):
        pass
    closing.set()
