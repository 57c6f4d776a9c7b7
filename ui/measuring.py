"""What the command line and the page Evaluate measure: the same subject, asked the same way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.store.layout import Layout
from ui.calibrating import site_calibration

if TYPE_CHECKING:
    from assistant.access import ReadableSet
    from assistant.cancellation import Cancellation
    from assistant.engine import Engine
    from assistant.store.catalog import Catalog
    from evals.runs import Asker
    from evals.suites import Case
    from ui.settings import Settings


_DECIDES_NOTHING: dict[str, set[str] | bool] = {
    "models": {"dir"},
    "answer": {"kept_reply_bytes", "prepared_sentences_gb"},
    "ingest": {
        *("max_batch_files", "max_batch_bytes", "max_waiting_bytes_each", "max_waiting_bytes"),
        *("min_free_bytes", "watch", "watch_every_s"),
    },
    "openid": True,
}
"""Settings on which no reply depends: where files lie, what the pages keep in memory, how files
come in, and who vouches for people."""


InTurn = Callable[[Callable[["Cancellation | None"], dict[str, Any]]], dict[str, Any]]
"""Has something asked that takes what stops it, and returns what came of it."""


def at_once(ask: Callable[[Cancellation | None], dict[str, Any]]) -> dict[str, Any]:
    """Ask where nobody else does."""
    return ask(None)


def suites_root(data_dir: Path) -> Path:
    """Return the folder of the suites that were uploaded."""
    return Layout(data_dir).evaluations / "suites"


def run_subject(
    data_dir: Path, settings: Settings, *, index_generation: int, readable: ReadableSet
) -> dict[str, Any]:
    """Return everything that decides the replies."""
    # Here, because `plinth --help` should not wait for it.
    from dataclasses import asdict

    from evals.program import program_fingerprint

    return {
        "calibration": asdict(site_calibration(data_dir, settings)[0]),
        "program": program_fingerprint(),
        "settings": settings.model_dump(mode="json", exclude=_DECIDES_NOTHING),
        "index_generation": index_generation,
        "readable": readable.fingerprint,
    }


def build_asker(
    engine: Engine,
    catalog: Catalog,
    readable: ReadableSet,
    in_turn: InTurn = at_once,
) -> Asker:
    """Return what asks a case as a user would, and notes whether the corpus holds what it asks for.

    What others ask does not change the replies, nor does this change theirs.

    Args:
        engine: Answers.
        catalog: Of the same corpus.
        readable: What the run may see.
        in_turn: Waits for a case's turn, then has it asked.
    """
    from assistant.reply_json import reply_to_json
    from evals.gold_state import gold_lookup
    from evals.spent import Meter

    look_up = gold_lookup(catalog, readable)

    def ask(case: Case) -> dict[str, Any]:
        def measured(cancellation: Cancellation | None) -> dict[str, Any]:
            meter = Meter()
            reply = engine.ask(
                case.question,
                history=case.history,
                readable=readable,
                cancellation=cancellation,
                is_measured=True,
            )
            return reply_to_json(reply, reply_id=case.id) | {"spent": dict(meter.read())}

        return in_turn(measured) | {"gold": look_up(case)}

    return ask
