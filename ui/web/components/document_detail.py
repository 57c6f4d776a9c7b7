"""One document: its versions, its pages as pictures and as text, and its deletion."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from assistant.access import Action
from assistant.store.types import DocumentDetail, DocumentSummary
from ui.web.components.deletion import confirm_deletion
from ui.web.components.document_line import describe, read_from_scan
from ui.web.components.hidden_text import draw_hidden_text
from ui.web.desk import Desk
from ui.web.routes import file_address, picture_address
from ui.web.services.documents import PDF
from ui.web.services.people import PeopleOffice
from ui.web.sessions import DocumentsState
from ui.web.shown_text import plain

FEW_PAGES = 5
"""Up to this many, turning is enough."""
MOST_TEXT_CHARS = 20_000
"""Of a page without physical pages, shown at a time."""


def draw_document(
    desk: Desk,
    state: DocumentsState,
    detail: DocumentDetail,
    page_index: int,
    *,
    on_turn: Callable[[int], None],
) -> None:
    """Draw a document.

    Args:
        desk: Of who reads.
        state: Of the page Documents, which shows what became of a deletion.
        detail: The document.
        page_index: Its page to show, 0-based; the last one where there are fewer.
        on_turn: Called with the page that is wanted instead.
    """
    summary = detail.summary
    index = min(page_index, len(detail.pages) - 1)
    st.subheader(plain(summary.title))
    st.caption(f"{plain(summary.document)} · {describe(summary)}")
    with st.container(horizontal=True):
        shown = detail.pages[index].page_number
        address = file_address(summary.document_id, summary.version, shown)
        st.link_button("Open the file", address, icon=":material/open_in_new:")
        may_delete = desk.person.may(Action.CHANGE_DOCUMENTS)
        if may_delete and st.button("Delete", icon=":material/delete:"):
            confirm_deletion(desk.intake, state, summary)
    if desk.person.may(Action.JUDGE_HIDDEN_TEXT):
        draw_hidden_text(desk.hidden_texts, state, summary)
    if desk.person.may(Action.MANAGE_PEOPLE):
        _draw_grants(desk.people, summary)
    _draw_versions(detail)
    _draw_page(detail, index, on_turn)


def _draw_grants(office: PeopleOffice, document: DocumentSummary) -> None:
    groups = office.document_groups(document.document_id)
    # The key holds what is shown: a change by somebody else is drawn anew.
    key = f"grants-{document.document_id}-{hash(groups)}"

    def change() -> None:
        office.change_document_grants(
            document.document_id, shown=groups, wanted=st.session_state[key]
        )

    by_collection = next(
        (one.groups for one in office.collections() if one.name == document.collection), ()
    )
    readers = ", ".join(map(plain, by_collection)) or "admins only"
    st.multiselect(
        "Also read by",
        [group.name for group in office.groups()],
        default=list(groups),
        key=key,
        on_change=change,
        placeholder="No further group",
        help=f"Its collection {plain(document.collection)} is read by {readers}.",
    )


def _draw_versions(detail: DocumentDetail) -> None:
    if len(detail.versions) < 2:
        return
    with st.expander(f"{len(detail.versions)} versions; the newest answers"):
        for number, version in reversed(list(enumerate(detail.versions, 1))):
            address = file_address(detail.summary.document_id, version.version)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"Version {number}, added {version.added_at[:16].replace('T', ' ')}")
                st.link_button("Open", address)


def _draw_jump(index: int, n_pages: int, on_turn: Callable[[int], None]) -> None:
    """Draw a box for the number of a page that is many clicks away."""
    # Its key holds the page: turning by the buttons must show in the box.
    key = f"jump-from-{index}"
    st.number_input(
        "Go to page",
        min_value=1,
        max_value=n_pages,
        value=index + 1,
        key=key,
        width=120,
        on_change=lambda: on_turn(st.session_state[key] - 1),
    )


def _draw_page(detail: DocumentDetail, index: int, on_turn: Callable[[int], None]) -> None:
    pages = detail.pages
    if len(pages) > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            for label, step in (("Previous page", -1), ("Next page", 1)):
                possible = 0 <= index + step < len(pages)
                st.button(
                    label,
                    key=f"page-{label}",
                    disabled=not possible,
                    on_click=on_turn,
                    args=(index + step,),
                )
            st.caption(f"Page {index + 1:,} of {len(pages):,}")
            if len(pages) > FEW_PAGES:
                _draw_jump(index, len(pages), on_turn)
    page = pages[index]
    is_pdf = detail.summary.media_type == PDF and page.page_number is not None
    picture, text = st.tabs(["Page", "Text"]) if is_pdf else (None, st.container())
    if picture is not None and page.page_number is not None:
        ordinal = detail.versions[-1].ordinal
        address = picture_address(detail.summary.document_id, ordinal, page.page_number)
        with picture:
            # An address of this server, made of ids and numbers only.
            st.html(f'<img src="{address}" alt="Page {page.page_number}" width="100%">')
    with text:
        if page.scan_confidence is not None:
            st.caption(read_from_scan(page.scan_confidence))
        st.markdown(plain(page.text[:MOST_TEXT_CHARS], lines=True) or "This page has no text.")
        if len(page.text) > MOST_TEXT_CHARS:
            n_more = len(page.text) - MOST_TEXT_CHARS
            st.caption(f"{n_more:,} more characters are in the file.")
