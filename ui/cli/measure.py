"""Asking the cases of suites from the command line: `run`, `calibrate` and `sweep` alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.cli.niceness import give_way
from ui.measuring import build_asker, run_subject
from ui.settings import Settings

if TYPE_CHECKING:
    from assistant.store.runs import Runs
    from evals.runs import Progress, Run
    from evals.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which cases are asked, and what is demanded of the figures."""

    suites: tuple[Suite, ...]
    tag: str | None = None
    sample: int | None = None
    seed: int = 0
    gates: Sequence[str] = ()


def measure(
    data_dir: Path,
    settings: Settings,
    asked: Asked,
    runs: Runs,
    listen: Callable[[Progress], None],
    *,
    corpus: Path | None = None,
    is_for_any_calibration: bool = False,
    known_as: Callable[[Mapping[str, Any]], dict[str, Any]] = dict,
) -> Run:
    """Ask all cases, or what is left of them where a run of the same was stopped.

    This process makes room for others, a web app on the same data dir among them.

    Args:
        data_dir: Whose documents are asked about.
        settings: How they are answered.
        asked: Which cases.
        runs: Where the run is kept.
        listen: Told how far it is.
        corpus: Another data dir that holds the documents; None: the same.
        is_for_any_calibration: Whether a run counts as the same whatever is calibrated.
        known_as: Makes of a reply what is kept of it.

    Returns:
        The finished run.
    """
    from assistant.access import OPERATOR
    from evals.circumstances import circumstances
    from evals.runs import Plan, start_run
    from ui.cli.corpus import open_engine

    give_way()
    with open_engine(corpus or data_dir, settings) as (engine, catalog):
        subject = run_subject(
            data_dir, settings, index_generation=catalog.current_generation(), readable=OPERATOR
        )
        if is_for_any_calibration:
            del subject["calibration"]
        plan = Plan(
            suites=asked.suites,
            subject=subject,
            tag=asked.tag,
            sample=asked.sample,
            seed=asked.seed,
        )
        ask = build_asker(engine, catalog, OPERATOR)
        return start_run(runs, plan).ask_all(
            lambda case: known_as(ask(case)), listen, circumstances(*engine.models, asked.gates)
        )
