"""Monitoring: what the server does now, and how long people waited."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from ui.web.components.plots import COLOUR
from ui.web.metrics import Outcome, QuestionSample
from ui.web.services.monitoring import ServerState
from ui.web.sessions import current_desk
from ui.web.waits import (
    Bucket,
    Seconds,
    Waits,
    buckets,
    count_outcomes,
    first_word,
    latest,
    waits,
    whole_reply,
)

REDRAW_S = 5.0
HEIGHT_PX = 220
TILE_PX = 145
"""All of them beside each other on a large screen, two on a phone."""
SPANS_S = {"Last hour": 3600.0, "Last day": 86_400.0, "Last week": 7 * 86_400.0}
P95_COLOUR = "#c9772b"
QUANTILES = ("half of them", "19 of 20")
WORDS = {
    Outcome.ANSWERED: "answered",
    Outcome.ABSTAINED: "said the documents do not say",
    Outcome.STOPPED: "stopped",
    Outcome.FAILED: "failed",
}


def draw() -> None:
    """Draw the page, again and again."""
    st.title("Monitoring")

    @st.fragment(run_every=REDRAW_S)
    def live() -> None:
        monitoring = current_desk().monitoring
        _draw_now(monitoring.now())
        st.subheader("How long people waited")
        span = st.segmented_control(
            "Of the questions of", list(SPANS_S), default="Last hour", required=True
        )
        _draw_waits(monitoring.recent(), SPANS_S[span], time.time())

    live()


def _draw_now(now: ServerState) -> None:
    if not now.models_ready:
        st.warning("The models are not ready: nothing is answered now.", icon=":material/error:")
    if not now.worker_alive:
        st.warning(
            "The process that takes documents in does not run; it is started again by itself.",
            icon=":material/error:",
        )
    tiles = {
        "Answering": (f"{now.questions_under_way:,}", "Questions that the model works on."),
        "Waiting": (f"{now.questions_waiting:,}", "Questions in line for the model."),
        "Documents": (f"{now.documents:,}", f"In {now.passages:,} passages."),
        "Prepared": (
            f"{_share(now.passages_prepared, now.passages)}",
            f"{now.passages_prepared:,} passages are prepared for fast answers.",
        ),
        "Batches open": (
            f"{now.ingest_jobs_open:,}",
            f"{now.passages_without_vectors:,} passages are found by their words only, for now.",
        ),
        "Disk free": (f"{now.disk_free_bytes / 1e9:,.0f} GB", "Where the data dir lies."),
    }
    with st.container(horizontal=True):
        for name, (value, says) in tiles.items():
            st.metric(name, value, help=says, border=True, width=TILE_PX)


def _draw_waits(samples: Sequence[QuestionSample], span_s: float, now_s: float) -> None:
    shown = latest(samples, now_s - span_s)
    if not shown:
        st.info(
            "No question has ended in this time. What is counted here begins anew with the server.",
            icon=":material/hourglass_empty:",
        )
        return
    counts = count_outcomes(shown)
    ends = ", ".join(f"{counts[one]:,} {words}" for one, words in WORDS.items() if counts[one])
    n_again = sum(sample.from_memory for sample in shown)
    again = f"; {n_again:,} of them from memory, which are not timed here" if n_again else ""
    st.markdown(f"{len(shown):,} questions: {ends}{again}.")
    left, right = st.columns(2, gap="large")
    for column, title, seconds in (
        (left, "To the first word", first_word),
        (right, "To the end of the reply", whole_reply),
    ):
        with column:
            _draw_wait(title, shown, seconds, now_s - span_s, now_s)


def _draw_wait(
    title: str, samples: Sequence[QuestionSample], seconds: Seconds, since_s: float, now_s: float
) -> None:
    found = waits(samples, seconds)
    if found is None:
        st.markdown(f"**{title}**: of no question")
        return
    said = in_words(found)
    st.markdown(f"**{title}**: {said}")
    parts = buckets(samples, seconds, since_s=since_s, until_s=now_s)
    st.vega_lite_chart(plot(parts, since_s, now_s), width="stretch", alt=f"{title}: {said}")


def in_words(found: Waits) -> str:
    """Say how long people waited."""
    return f"half within {found.p50:.1f} s, 19 of 20 within {found.p95:.1f} s"


def plot(parts: Sequence[Bucket], since_s: float, until_s: float) -> dict[str, Any]:
    """Return a plot of both quantiles over a time, given in seconds since 1970."""
    rows: list[dict[str, Any]] = [
        {"at": part.from_s * 1000, "seconds": value, "of": name, "n": part.waits.n}
        for part in parts
        for name, value in zip(QUANTILES, (part.waits.p50, part.waits.p95), strict=True)
    ]
    clock = "%H:%M" if until_s - since_s <= SPANS_S["Last day"] else "%a %d"
    # The axis shall show all of the time, also where nobody asked.
    rows += [
        {"at": at_s * 1000, "seconds": None, "of": QUANTILES[0], "n": 0}
        for at_s in (since_s, until_s)
    ]
    return {
        "data": {"values": rows},
        "height": HEIGHT_PX,
        "mark": {"type": "line", "point": {"size": 60, "filled": True}},
        "encoding": {
            "x": {
                "field": "at",
                "type": "temporal",
                "title": None,
                "axis": {"tickCount": 6, "labelFlush": False, "format": clock},
            },
            "y": {"field": "seconds", "type": "quantitative", "title": "seconds"},
            "color": {
                "field": "of",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(QUANTILES), "range": [COLOUR, P95_COLOUR]},
                "legend": {"orient": "top"},
            },
            "tooltip": [
                {"field": "at", "type": "temporal", "format": "%a %H:%M", "title": "From"},
                {"field": "of", "title": "Of"},
                {"field": "seconds", "type": "quantitative", "format": ".2f", "title": "Seconds"},
                {"field": "n", "title": "Questions"},
            ],
        },
    }


def _share(part: int, whole: int) -> str:
    return f"{min(1.0, part / whole):.0%}" if whole else "–"
