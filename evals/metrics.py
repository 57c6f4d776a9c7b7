"""All figures of a suite, from its cases and the replies to them.

Replies are objects as `plinth ask --json` prints them. A case without a reply adds to nothing: what
was not measured is not zero. How many there are stands beside the figures as `unscored`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evals.bootstrap import Figure
from evals.case_scores import (
    ANSWER,
    CUTOFF,
    CUTOFFS,
    ReplyJson,
    has_unsupported,
    is_answered,
    score_case,
    sentence_parts,
)
from evals.measures import (
    Measure,
    calibration_error_of,
    mean_of,
    percentile_of,
    ratio,
    ratio_of,
    risk_area_of,
)
from evals.outcomes import Outcome, judge
from evals.place_metrics import verbatim_quotes
from evals.suites import Case

_LEVELS = ("doc", "page", "passage")
METRICS = (
    *ANSWER,
    *(f"{name}_if_answered" for name in ANSWER),
    "answer_rate",
    "abstention_precision",
    "abstention_recall",
    "abstention_f1",
    "risk_area",
    "calibration_error",
    *(
        f"{level}_{name}"
        for level in _LEVELS
        for name in (
            *(f"recall_at_{cutoff}" for cutoff in CUTOFFS),
            f"precision_at_{CUTOFF}",
            f"ndcg_at_{CUTOFF}",
            "map",
            "mrr",
        )
    ),
    *(f"number_recall_at_{cutoff}" for cutoff in CUTOFFS),
    "cited",
    *(f"citation_{name}_{level}" for level in _LEVELS for name in ("precision", "recall")),
    *(f"sentence_{name}_{level}" for level in _LEVELS for name in ("precision", "recall")),
    "quote_verbatim",
    "unsupported_sentences",
    "fully_supported",
    "ttft_ms_p50",
    "ttft_ms_p95",
    "total_ms_p50",
    "total_ms_p95",
    "prompt_tokens",
    "prompt_tokens_computed",
    "tokens_per_second",
    "peak_memory_mb",
    "joules",
)
"""Every metric name, in the order of reports."""
LESS_IS_BETTER = frozenset(
    {
        "risk_area",
        "calibration_error",
        "unsupported_sentences",
        *(name for name in METRICS if "_ms_" in name or name.startswith("prompt_tokens")),
        "peak_memory_mb",
        "joules",
    }
)

SHARES = frozenset(
    name
    for name in METRICS
    if not ("_ms_" in name or name.startswith(("prompt_tokens", "tokens_per", "peak_", "joules")))
)
"""Metrics between 0 and 1; the others are times, sizes and counts."""


def score_suite(
    cases: Sequence[Case], replies: Mapping[str, ReplyJson], *, page_tolerance: int = 0
) -> dict[str, Figure]:
    """Return every figure that the cases allow, by metric name; see `measure_suite`."""
    measures = measure_suite(cases, replies, page_tolerance=page_tolerance)
    figures = ((name, measure.figure()) for name, measure in measures.items())
    return {name: figure for name, figure in figures if figure is not None}


def measure_suite(
    cases: Sequence[Case], replies: Mapping[str, ReplyJson], *, page_tolerance: int = 0
) -> dict[str, Measure]:
    """Return what each case adds to each metric.

    Args:
        cases: What was asked.
        replies: Replies by case id; cases without one add to nothing.
        page_tolerance: Pages by which gold page numbers may be off.

    Returns:
        By metric in the order of `METRICS`, and only what there is to measure: a suite without
        unanswerable questions has no `abstention_recall`, one without pages no `page_mrr`.
    """
    means: defaultdict[str, dict[str, float]] = defaultdict(dict)
    ratios: defaultdict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    speeds: dict[str, tuple[float, float]] = {}
    asked = {case.id: (case, replies[case.id]) for case in cases if case.id in replies}
    for one, (case, reply) in asked.items():
        for name, value in (*score_case(case, reply, page_tolerance), *_costs(reply)):
            means[name][one] = value
        for name, parts in sentence_parts(case, reply, page_tolerance):
            ratios[name][one] = parts
        if is_answered(reply):
            ratios["quote_verbatim"][one] = verbatim_quotes(reply)
            means["fully_supported"][one] = float(not has_unsupported(reply))
        if (speed := _speed(reply)) is not None:
            speeds[one] = speed
    measures = {name: mean_of(values) for name, values in means.items()}
    measures |= {name: ratio_of(parts) for name, parts in ratios.items()}
    if speeds:
        measures["tokens_per_second"] = Measure(statistic=ratio, parts=speeds)
    measures |= _abstention_measures(asked) | _confidence_measures(asked) | _time_measures(asked)
    return {name: measures[name] for name in METRICS if name in measures}


_Asked = Mapping[str, tuple[Case, ReplyJson]]


def _abstention_measures(asked: _Asked) -> dict[str, Measure]:
    """Abstentions as a search for the unanswerable cases; nothing if there are none."""
    flags = {
        one: (float(not is_answered(reply)), float(not case.answerable))
        for one, (case, reply) in asked.items()
    }
    if not any(unanswerable for _, unanswerable in flags.values()):
        return {}
    return {
        "abstention_precision": ratio_of({one: (a * u, a) for one, (a, u) in flags.items()}),
        "abstention_recall": ratio_of({one: (a * u, u) for one, (a, u) in flags.items()}),
        # F1 = 2 TP / (abstained + unanswerable)
        "abstention_f1": ratio_of({one: (2 * a * u, a + u) for one, (a, u) in flags.items()}),
    }


def _confidence_measures(asked: _Asked) -> dict[str, Measure]:
    """How well confidence tells right answers from wrong ones; of answers alone."""
    right = {
        one: (reply["confidence"], float(judge(case, reply) is Outcome.RIGHT))
        for one, (case, reply) in asked.items()
        if is_answered(reply)
    }
    if not right:
        return {}
    return {
        "risk_area": risk_area_of({one: (sure, 1 - is_it) for one, (sure, is_it) in right.items()}),
        "calibration_error": calibration_error_of(right),
    }


def _time_measures(asked: _Asked) -> dict[str, Measure]:
    measures = {}
    for name in ("ttft", "total"):
        times = {
            one: float(reply["timings_ms"][name])
            for one, (_, reply) in asked.items()
            if reply["timings_ms"][name] is not None
        }
        if times:
            for percent in (50, 95):
                measures[f"{name}_ms_p{percent}"] = percentile_of(times, percent)
    return measures


def _costs(reply: ReplyJson) -> Sequence[tuple[str, float]]:
    """What a reply took, beside time; what the machine does not tell is not guessed."""
    usage, spent = reply["usage"], reply.get("spent") or {}
    found = [(name, float(usage[name])) for name in ("prompt_tokens", "prompt_tokens_computed")]
    return found + [
        (name, float(spent[name])) for name in ("peak_memory_mb", "joules") if name in spent
    ]


def _speed(reply: ReplyJson) -> tuple[float, float] | None:
    """Return tokens after the first and the seconds they took."""
    times, n_tokens = reply["timings_ms"], reply["usage"]["completion_tokens"]
    if times["ttft"] is None or n_tokens < 2:
        return None
    return n_tokens - 1, (times["total"] - times["ttft"]) / 1000
