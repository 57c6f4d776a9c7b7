"""The queue: batches that are taken in or were, with every file's fate."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import streamlit as st

from assistant.store.layout import Layout
from assistant.store.types import Job, JobFile, JobKind, JobState
from ingest.uploads import clear_job
from ui.web.resources import Resources
from ui.web.shown_text import plain

MOST_FILES = 200
"""Listed of one batch; those that need somebody's eye come first."""
_STATES = {
    JobState.WAITING: ":material/hourglass_empty: Waiting",
    JobState.RUNNING: ":material/sync: Being taken in",
    JobState.DONE: ":material/check_circle: Done",
    JobState.FAILED: ":material/error: Failed",
    JobState.STOPPED: ":material/pause_circle: Stopped",
}
_STATUSES = {
    None: "waiting",
    "ingested": ":green[taken in]",
    "replaced": ":green[new version]",
    "linked": ":green[taken in, same bytes as another document]",
    "unchanged": "unchanged",
    "removed": "removed",
    "rejected": ":red[rejected]",
}
_ORDER = {"rejected": 0, None: 1}


def has_work(resources: Resources) -> bool:
    """Tell whether something is waiting or being taken in."""
    return any(not job.state.is_over for job in _jobs(resources))


def draw_queue(resources: Resources) -> None:
    """Draw the batches, latest first."""
    jobs = _jobs(resources)
    if jobs and not resources.worker.is_alive() and any(not job.state.is_over for job in jobs):
        st.warning("The process that takes documents in is starting; what is here is safe.")
    for job in jobs:
        _draw_job(resources, job)


def remaining_s(job: Job, now: datetime) -> float | None:
    """Return the seconds a running job will take if it goes on as so far; None: not known yet."""
    if job.started_at is None or not job.n_bytes or job.n_bytes_done <= 0:
        return None
    took_s = (now - datetime.fromisoformat(job.started_at)).total_seconds()
    return max(0.0, took_s * (job.n_bytes / job.n_bytes_done - 1))


def _jobs(resources: Resources) -> tuple[Job, ...]:
    return resources.catalog.jobs.list([JobKind.UPLOAD, JobKind.INGEST])


def _draw_job(resources: Resources, job: Job) -> None:
    jobs = resources.catalog.jobs
    with st.container(border=True, key=f"job-{job.job_id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            collection = plain(str(job.request["collection"]))
            st.markdown(f"{_state(job)} · **{collection}** · {_count(job)}")
            if not job.state.is_over:
                st.button(
                    "Stop",
                    key=f"stop-{job.job_id}",
                    icon=":material/stop:",
                    disabled=job.is_stopping,
                    on_click=jobs.stop,
                    args=(job.job_id,),
                )
            else:
                if job.n_rejected or job.n_waiting or job.error:
                    st.button(
                        "Try again",
                        key=f"retry-{job.job_id}",
                        icon=":material/refresh:",
                        on_click=jobs.retry,
                        args=(job.job_id,),
                    )
                st.button(
                    "Clear",
                    key=f"clear-{job.job_id}",
                    icon=":material/close:",
                    help="Takes it off this list; what was taken in stays.",
                    on_click=clear_job,
                    args=(jobs, Layout(resources.data_dir), job.job_id),
                )
        if job.state is JobState.RUNNING:
            _draw_progress(job)
        if job.error:
            st.error(plain(job.error))
        _draw_files(job, jobs.files(job.job_id))


def _state(job: Job) -> str:
    if job.state is not JobState.DONE:
        return _STATES[job.state]
    if job.n_files and job.n_rejected == job.n_files:
        return ":material/error: Nothing taken in"
    return f"{_STATES[job.state]}, can be asked about"


def _count(job: Job) -> str:
    done = job.n_files - job.n_waiting
    files = f"{done:,} of {job.n_files:,} files" if job.n_waiting else f"{job.n_files:,} files"
    return files + (f" · :red[{job.n_rejected:,} rejected]" if job.n_rejected else "")


def _draw_progress(job: Job) -> None:
    fraction = job.n_bytes_done / job.n_bytes if job.n_bytes else 0.0
    left_s = remaining_s(job, datetime.now(UTC))
    if job.is_stopping:
        said = "Stopping; what is complete is being stored"
    elif left_s is None:
        said = "Beginning"
    else:
        said = f"About {_duration(left_s)} left"
    st.progress(min(1.0, fraction), text=said)


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _draw_files(job: Job, files: tuple[JobFile, ...]) -> None:
    if not files:
        return
    counts = Counter(file.status for file in files)
    label = ", ".join(
        f"{n:,} {_STATUSES.get(status, status or '')}" for status, n in counts.most_common()
    )
    with st.expander(label, expanded=bool(job.n_rejected) or len(files) <= 5):
        ordered = sorted(files, key=lambda file: _ORDER.get(file.status, 2))
        st.markdown("\n".join(_line(file) for file in ordered[:MOST_FILES]))
        if len(files) > MOST_FILES:
            st.caption(f"and {len(files) - MOST_FILES:,} more")


def _line(file: JobFile) -> str:
    line = f"- {plain(file.document)}: {_STATUSES.get(file.status, file.status)}"
    if file.reason:
        line += f", {file.reason.replace('_', ' ')}: {plain(file.detail or '')}"
    elif file.n_pages:
        line += f", {file.n_pages:,} {'page' if file.n_pages == 1 else 'pages'}"
    return line
