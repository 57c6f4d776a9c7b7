"""One batch of files: how it stands and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from assistant.store.types import Job, JobFile, JobState
from ui.web.components.batch_files import divided, fates, list_files
from ui.web.services.intake import Intake
from ui.web.shown_text import plain

_STATES = {
    JobState.WAITING: ":material/hourglass_empty: Waiting",
    JobState.RUNNING: ":material/sync: Being taken in",
    JobState.DONE: ":material/check_circle: Done",
    JobState.FAILED: ":material/error: Failed",
    JobState.STOPPED: ":material/pause_circle: Stopped",
}


def draw_batch(intake: Intake, job: Job) -> None:
    """Draw a batch in full; one that went well is a line that unfolds."""
    files = intake.files(job.job_id)
    if _went_well(job):
        with st.expander(_headline(job), key=_key(job)):
            list_files(files)
            _draw_buttons(intake, job)
        return
    named, others = divided(files)
    with st.container(border=True, key=_key(job)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_headline(job))
            _draw_buttons(intake, job)
        if job.state is JobState.RUNNING:
            _draw_progress(job)
        _draw_trouble(job, named)
        if others:
            # With a key it stays as it is when its label counts on.
            with st.expander(fates(others), key=f"files-{job.job_id}"):
                list_files(others)


def draw_earlier_batch(intake: Intake, job: Job) -> None:
    """Draw a batch inside an expander, which must hold no other."""
    named, others = divided(intake.files(job.job_id))
    with st.container(key=_key(job), gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_headline(job))
            if others:
                with st.popover(fates(others), type="tertiary", key=f"files-{job.job_id}"):
                    list_files(others)
            _draw_buttons(intake, job)
        _draw_trouble(job, named)


def remaining_s(job: Job, now: datetime) -> float | None:
    """Return the seconds a running job will take if it goes on as so far; None: not known yet."""
    if job.started_at is None or not job.n_bytes or job.n_bytes_done <= 0:
        return None
    took_s = (now - datetime.fromisoformat(job.started_at)).total_seconds()
    return max(0.0, took_s * (job.n_bytes / job.n_bytes_done - 1))


def _key(job: Job) -> str:
    return f"job-{job.job_id}"


def _went_well(job: Job) -> bool:
    return job.state is JobState.DONE and not (job.n_rejected or job.n_waiting or job.error)


def _headline(job: Job) -> str:
    watched = ", from its watched folder" if job.request.get("watched") else ""
    return f"{_state(job)} · **{plain(str(job.request['collection']))}**{watched} · {_count(job)}"


def _state(job: Job) -> str:
    if job.state is not JobState.DONE:
        return _STATES[job.state]
    if job.n_files and job.n_rejected == job.n_files:
        return ":material/error: Nothing taken in"
    return f"{_STATES[job.state]}, can be asked about"


def _count(job: Job) -> str:
    files = f"{job.n_files:,} {'file' if job.n_files == 1 else 'files'}"
    if job.n_waiting:
        files = f"{job.n_files - job.n_waiting:,} of {files}"
    return files + (f" · :red[{job.n_rejected:,} rejected]" if job.n_rejected else "")


def _draw_buttons(intake: Intake, job: Job) -> None:
    number = job.job_id
    if not job.state.is_over:
        st.button(
            "Stop",
            key=f"stop-{number}",
            icon=":material/stop:",
            disabled=job.is_stopping,
            on_click=intake.stop,
            args=(number,),
        )
        return
    if not _went_well(job):
        st.button(
            "Try again",
            key=f"retry-{number}",
            icon=":material/refresh:",
            on_click=intake.retry,
            args=(number,),
        )
    if job.n_put_aside:
        _draw_discard(intake, job)
    st.button(
        "Clear",
        key=f"clear-{number}",
        icon=":material/close:",
        help="Takes it off this list; what was taken in stays.",
        on_click=intake.clear,
        args=(number,),
    )


def _draw_discard(intake: Intake, job: Job) -> None:
    """Ask before files that were put aside are thrown away; with a key it stays open."""
    files = f"{job.n_put_aside:,} {'file' if job.n_put_aside == 1 else 'files'}"
    with st.popover("Discard", icon=":material/delete:", key=f"discard-{job.job_id}"):
        st.markdown(f"Throw away {files} put aside? This cannot be undone.")
        st.button(
            "Throw away",
            key=f"discard-now-{job.job_id}",
            type="primary",
            on_click=intake.discard,
            args=(job.job_id,),
        )


def _draw_progress(job: Job) -> None:
    fraction = job.n_bytes_done / job.n_bytes if job.n_bytes else 0.0
    left_s = remaining_s(job, datetime.now(UTC))
    if job.is_stopping:
        said = "Stopping; what is complete is being stored"
    elif left_s is None:
        said = "Beginning"
    else:
        said = f"About {_duration(left_s)} left"
    if job.doing and not job.is_stopping:
        said += f" · {plain(job.doing)}"
    st.progress(min(1.0, fraction), text=said)


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _draw_trouble(job: Job, rejected: Sequence[JobFile]) -> None:
    if job.error:
        st.error(plain(job.error))
    for document, n_deaths in job.n_deaths.items():
        if not job.state.is_over:
            times = "once" if n_deaths == 1 else f"{n_deaths} times"
            st.caption(
                f":material/warning: Taking in {plain(document)} ended the process {times}; it is "
                "tried again after the others, and put aside after the third time."
            )
    list_files(rejected)
