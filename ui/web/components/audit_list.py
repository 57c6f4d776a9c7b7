"""The audit log: narrowed, paged, exported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from assistant.store.deletion_check import Look
from assistant.store.types import AuditAction, AuditEntry
from ui.web.access_rules import AUDIT_PATH, AUDIT_TABLE_PATH
from ui.web.services.audit import AuditRecords
from ui.web.sessions import PeopleState
from ui.web.shown_text import plain, shortened

PER_PAGE = 50
DETAIL_CHARS = 200


def draw_audit_log(records: AuditRecords, state: PeopleState) -> None:
    """Draw the log, newest first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        actor = st.selectbox(
            "Who",
            [None, *records.actors()],
            format_func=lambda one: one or "Everybody",
            key="audit-who",
            on_change=state.first_page,
        )
        action = st.selectbox(
            "What",
            [None, *AuditAction],
            format_func=lambda one: one.value.capitalize() if one else "Everything",
            key="audit-what",
            on_change=state.first_page,
        )
        day = st.date_input("From", value=None, key="audit-from", on_change=state.first_page)
        text = st.text_input(
            "To what", key="audit-text", placeholder="Words, then Enter", on_change=state.first_page
        )
    entries = records.entries(
        actor=actor,
        action=action,
        since=None if day is None else day.isoformat(),
        text=text,
        before_id=state.audit_before[-1] if state.audit_before else None,
        limit=PER_PAGE + 1,
    )
    if not entries:
        st.info("Nothing was done that fits.", icon=":material/search:")
    for entry in entries[:PER_PAGE]:
        st.markdown(_line(entry))
    _draw_pager(state, entries)
    with st.container(horizontal=True):
        st.link_button("Download all as JSON lines", AUDIT_PATH, icon=":material/download:")
        st.link_button("Download all as a table", AUDIT_TABLE_PATH, icon=":material/table:")
    with st.container(horizontal=True):
        checks_log = st.button("Check that nobody changed it", icon=":material/verified:")
        checks_deletions = st.button(
            "Check that what was deleted is gone", icon=":material/delete_sweep:"
        )
    if checks_log:
        problems = records.problems()
        for problem in problems:
            st.error(plain(f"{problem}."), icon=":material/error:")
        if not problems:
            st.success("Every entry is as it was written.", icon=":material/verified:")
    if checks_deletions:
        _draw_deletions(*records.deletion_looks())


def _draw_deletions(n_deleted: int, looks: Sequence[Look]) -> None:
    left = [look for look in looks if look.left is not None]
    for look in left:
        st.error(
            plain(f"{look.place}: {look.left}. What removes it: {look.remedy}."),
            icon=":material/error:",
        )
    documents = f"{n_deleted:,} deleted {'document' if n_deleted == 1 else 'documents'}"
    if not left:
        st.success(f"Nothing is left of {documents}.", icon=":material/verified:")
    with st.expander("What was looked at"):
        st.markdown("\n".join(f"- {plain(look.place)}: {plain(look.looked_at)}" for look in looks))


def _line(entry: AuditEntry) -> str:
    at = entry.at[:19].replace("T", " ")
    subject = f" **{plain(entry.subject)}**" if entry.subject else ""
    told = shortened(_told(entry.details), DETAIL_CHARS)
    details = f"  \n:small[{plain(told)}]" if told else ""
    return f":gray[{at} UTC] · {plain(entry.actor)} · {entry.action.value}{subject}{details}"


def _told(details: Mapping[str, Any]) -> str:
    values = (
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in details.items()
        if value not in ("", [], {}, None)
    )
    return ", ".join(values)


def _draw_pager(state: PeopleState, entries: tuple[AuditEntry, ...]) -> None:
    if not state.audit_before and len(entries) <= PER_PAGE:
        return
    with st.container(horizontal=True):
        st.button("Newer", disabled=not state.audit_before, on_click=state.newer)
        oldest = entries[PER_PAGE - 1].entry_id if len(entries) > PER_PAGE else 0
        st.button("Older", disabled=not oldest, on_click=state.older, args=(oldest,))
