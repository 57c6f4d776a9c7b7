"""Writing a case: the question, what a right answer says, and the passages that prove it."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from assistant.errors import AssistantError, ForbiddenError
from ui.web.components.passage_picker import draw_picker, take_selections
from ui.web.components.reply import place
from ui.web.desk import Desk, SignedOutError
from ui.web.services.suites import OwnSuites
from ui.web.shown_text import plain, shortened
from ui.web.suite_state import CaseDraft, SuitesState

QUOTE_CHARS = 600
MAX_CHARS = 10_000
LINE_BREAK = "⏎"
"""Stands for a line break inside an answer, where each line is one."""


def draw_editor(desk: Desk, state: SuitesState, draft: CaseDraft) -> None:
    """Draw the boxes of a case, with the buttons that save or leave it."""
    suites = desk.suites
    what = "New question" if draft.opened is None else "Question"
    st.subheader(f"{what} of the suite {plain(draft.suite.name)}")
    draft.question = _text(draft, "question", "Question", draft.question, height=100)
    is_open = st.toggle(
        "The documents do not answer it",
        value=not draft.is_answerable,
        key=draft.key("unanswerable"),
        help="The right reply is then to say so; there is no right answer and no gold passage.",
    )
    draft.is_answerable = not is_open
    if draft.is_answerable:
        answers = _text(draft, "answers", "Right answers, one a line", _lines(draft.answers))
        draft.answers = _split(answers)
        facts = _text(
            draft,
            "facts",
            "Facts of a complete answer, one a line",
            _lines(draft.facts),
            told="Only where the question asks for several things: an answer is right if it "
            "holds all of them.",
        )
        draft.facts = _split(facts)
    draft.tags = _tags(suites, draft)
    take_selections(desk, draft)
    if draft.is_answerable:
        _draw_passages(draft)
        with st.container(border=True):
            draw_picker(desk, draft)
    if draft.error is not None:
        st.error(plain(draft.error), icon=":material/error:")
    with st.container(horizontal=True):
        if st.button("Save", type="primary", icon=":material/save:", key=draft.key("save")):
            _save(suites, state, draft)
        st.button("Cancel", key=draft.key("cancel"), on_click=state.write, args=(None,))


def _text(
    draft: CaseDraft,
    name: str,
    label: str,
    value: str,
    *,
    height: int = 80,
    told: str | None = None,
) -> str:
    key = draft.key(name)
    # Streamlit forgets a box's text when another page is shown.
    st.session_state.setdefault(key, value)
    return st.text_area(label, key=key, height=height, max_chars=MAX_CHARS, help=told)


def _tags(suites: OwnSuites, draft: CaseDraft) -> tuple[str, ...]:
    used = {tag for case in suites.cases(draft.suite.suite_id) for tag in case.values["tags"]}
    key = draft.key("tags")
    st.session_state.setdefault(key, list(draft.tags))
    chosen = st.multiselect(
        "Tags",
        sorted({*used, *draft.tags}),
        key=key,
        accept_new_options=True,
        placeholder="Kinds of question; a run can be of one kind only",
    )
    return tuple(chosen)


def _draw_passages(draft: CaseDraft) -> None:
    st.markdown("**Gold passages**")
    if not draft.passages:
        st.caption("None yet. Select where the answer stands, below.")
    for index, one in enumerate(draft.passages):
        named = place({"document": one.document, "page_number": one.page})
        quote = f"“{plain(shortened(one.quote, QUOTE_CHARS))}”" if one.quote else "The whole page."
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{plain(named)}  \n:gray[{quote}]")
            st.button(
                "Remove",
                key=draft.key(f"remove-{index}-{len(draft.passages)}"),
                icon=":material/close:",
                type="tertiary",
                on_click=draft.remove_passage,
                args=(index,),
            )


def _save(suites: OwnSuites, state: SuitesState, draft: CaseDraft) -> None:
    before = {} if draft.opened is None else draft.opened.values
    if not draft.question.strip():
        draft.error = "Write the question first."
        st.rerun()
    if draft.is_answerable and not draft.answers:
        draft.error = "Give a right answer, or say that the documents do not answer the question."
        st.rerun()
    values = {
        "id": before.get("id"),
        "question": draft.question.strip(),
        "answerable": draft.is_answerable,
        "answers": list(draft.answers) if draft.is_answerable else [],
        "facts": list(draft.facts) if draft.is_answerable else [],
        "tags": list(draft.tags),
        "history": before.get("history", []),
    }
    passages = tuple(draft.passages) if draft.is_answerable else ()
    try:
        saved = suites.put_case(
            draft.suite.suite_id,
            values,
            passages,
            opened=draft.opened,
            review_id=draft.review_id,
        )
    except (SignedOutError, ForbiddenError):
        raise
    except AssistantError as error:
        draft.error = f"Not saved: {error}."
    else:
        state.write(None)
        if draft.review_id is None:
            state.told("The question is saved.", saved)
        else:
            state.open_review(None)
            state.told(f"The question is in {saved.full_name}, and the feedback is closed.")
    st.rerun()


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(text.replace("\n", LINE_BREAK) for text in texts)


def _split(text: str) -> tuple[str, ...]:
    lines = (line.strip().replace(LINE_BREAK, "\n") for line in text.split("\n"))
    return tuple(line for line in lines if line)
