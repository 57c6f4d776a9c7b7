"""Picking a gold passage: by selecting it in the text of a page, with mouse or keyboard."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from assistant.errors import AssistantError, ForbiddenError, UnknownNameError
from assistant.store.types import DocumentDetail, DocumentSummary
from assistant.types import DocumentId
from ui.web.components.scripted import scripted_component
from ui.web.desk import Desk, SignedOutError
from ui.web.routes import file_address
from ui.web.sessions import documents_state
from ui.web.shown_text import plain
from ui.web.suite_state import CaseDraft, Selection

MOST_FOUND = 50
WHOLE_PAGE = {"start": 0, "end": 0, "text": ""}


def draw_picker(desk: Desk, draft: CaseDraft) -> None:
    """Draw the choice of a document and a page, and its text to select in."""
    st.markdown("**Add a gold passage**")
    document = _chosen_document(desk, draft)
    if document is None:
        return
    try:
        detail = desk.documents.document(document.document_id)
    except UnknownNameError:
        st.warning("The document was deleted just now, or you may not read it any more.")
        return
    documents_state().note_read(desk, detail.summary)
    index = _chosen_page(draft, detail)
    if index is None:
        return
    page = detail.pages[index]
    if not page.text:
        st.info("This page has no text.", icon=":material/info:")
        return
    key = draft.key(f"text-{document.document_id}-{index}-{draft.n_picked}")
    place = (document.document_id, index)
    scripted_component("passage")(
        key=key,
        data={
            # No line break of its own in a box of text: each stands for one character.
            "text": page.text.replace("\r", " "),
            "page": key,
            "label": f"Text of {document.document}, {_page_name(detail, index)}",
        },
        on_picked_change=partial(_keep_selected, draft, place, key),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Use the whole page",
            key=draft.key("whole"),
            help="Where no single passage proves the answer, as in a table.",
            on_click=_keep,
            args=(draft, place, WHOLE_PAGE),
        )
        address = file_address(document.document_id, document.version, page.page_number)
        st.link_button("Open the file", address, icon=":material/open_in_new:")


def take_selections(desk: Desk, draft: CaseDraft) -> None:
    """Make passages of what was selected since the page was drawn last."""
    while draft.selections:
        _take(desk, draft, draft.selections[0])
        del draft.selections[0]


def _keep_selected(draft: CaseDraft, place: tuple[DocumentId, int], key: str) -> None:
    _keep(draft, place, st.session_state[key].picked)


def _keep(draft: CaseDraft, place: tuple[DocumentId, int], selected: Any) -> None:
    # Before the page is drawn: a press of another button ends the drawing, and what came with it.
    draft.selections.append(Selection(*place, selected))
    draft.n_picked += 1


def _take(desk: Desk, draft: CaseDraft, one: Selection) -> None:
    draft.error = None
    try:
        passage = desk.suites.pick(
            one.document_id,
            one.page_index,
            int(one.selected["start"]),
            int(one.selected["end"]),
            str(one.selected["text"]),
        )
    except (SignedOutError, ForbiddenError):
        raise
    except (KeyError, TypeError, ValueError):
        draft.error = "Nothing was selected that could be understood; select it again."
    except AssistantError as error:
        draft.error = f"Not added: {error}."
    else:
        if passage not in draft.passages:
            draft.passages.append(passage)


def _chosen_document(desk: Desk, draft: CaseDraft) -> DocumentSummary | None:
    words = st.text_input(
        "Find the document by its name or title",
        key=draft.key("document-words"),
        placeholder="Words, then Enter",
    )
    found = desk.suites.find_documents(draft.suite.suite_id, words, MOST_FOUND)
    if not found.documents:
        said = "No document of the collection fits." if words else "The collection is empty."
        st.info(f"{said} Gold passages are of the suite's own collection.")
        return None
    by_id = {one.document_id: one for one in found.documents}
    n_more = found.n_total - len(found.documents)
    more = f" (the first {MOST_FOUND} of {found.n_total:,})" if n_more else ""
    chosen = st.selectbox(
        f"Document{more}",
        list(by_id),
        format_func=lambda one: by_id[one].document,
        key=draft.key("document"),
    )
    return by_id.get(chosen)


def _chosen_page(draft: CaseDraft, detail: DocumentDetail) -> int | None:
    """Draw the choice of a page, if there is any, and return its 0-based place."""
    if len(detail.pages) == 1:
        return 0
    left, right = st.columns(2, vertical_alignment="bottom")
    document_id = detail.summary.document_id
    with left:
        words = st.text_input(
            "Only pages with the words",
            key=draft.key(f"page-words-{document_id}"),
            placeholder="Words, then Enter",
        )
    wanted = words.casefold().split()
    found = [
        index
        for index, page in enumerate(detail.pages)
        if all(word in page.text.casefold() for word in wanted)
    ]
    if not found:
        st.info("No page has all of these words.", icon=":material/search:")
        return None
    with right:
        return st.selectbox(
            f"Page ({len(found):,} of {len(detail.pages):,})",
            found,
            format_func=lambda index: plain(_page_name(detail, index)),
            key=draft.key(f"page-{document_id}"),
        )


def _page_name(detail: DocumentDetail, index: int) -> str:
    number = detail.pages[index].page_number
    return f"Page {number}" if number is not None else f"Part {index + 1}"
