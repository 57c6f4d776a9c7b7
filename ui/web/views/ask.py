"""Ask: a conversation with the documents, every sentence with its proof."""

from __future__ import annotations

from functools import partial

import streamlit as st

from assistant.access import Action
from assistant.errors import UnknownNameError
from assistant.store.types import StoredTurn
from ui.web.components.feedback import draw_feedback
from ui.web.components.history import draw_history
from ui.web.components.live import draw_run
from ui.web.components.reply import draw_reply
from ui.web.components.scripted import scripted_component
from ui.web.components.source import draw_source_pane
from ui.web.components.why import draw_why
from ui.web.desk import Desk
from ui.web.navigation import DOCUMENTS, page_at
from ui.web.sessions import (
    AskState,
    ask_state,
    current_desk,
    follow_address,
    tab_watch,
    write_address,
)
from ui.web.shown_text import plain
from ui.web.stylesheet import READING, SUGGESTION, UNSEEN
from ui.web.suggestions import suggested_questions


def draw() -> None:
    """Draw the page."""
    desk, state = current_desk(), ask_state()
    follow_address(state)
    scripted_component("conversation")(key=UNSEEN)
    draw_history(desk.conversations, state)
    turns = _turns(desk, state)
    write_address(state)
    citations = state.open_citations(turns)
    # The answer stays in a first column whether a second one stands beside it or not: what has
    # the focus in it, or is unfolded, stays so.
    columns = st.columns(2 if citations else 1, gap="medium")
    if citations:
        with columns[1]:
            draw_source_pane(desk.documents, state, citations)
    with columns[0], st.container(key=READING):
        for turn in turns:
            _draw_turn(desk, state, turn)
        if state.run is not None:
            draw_run(desk, state)
        elif state.notice:
            st.warning(plain(state.notice))
        elif not turns:
            # As one element it goes at once when a question takes its place.
            with st.container():
                _draw_welcome(desk, state)
    question = st.chat_input("Ask about your documents", disabled=state.run is not None)
    if question:
        _ask(desk, state, question)
        st.rerun()


def _turns(desk: Desk, state: AskState) -> tuple[StoredTurn, ...]:
    if state.conversation_id is None:
        return ()
    try:
        return desk.conversations.turns(state.conversation_id)
    except UnknownNameError:  # an address that was passed on, or made up
        state.open(None)
        return ()


def _draw_welcome(desk: Desk, state: AskState) -> None:
    st.title("What would you like to know?")
    suggestions = suggested_questions(desk.documents)
    if not suggestions:
        if desk.person.may(Action.CHANGE_DOCUMENTS):
            st.info("There are no documents yet. Add some; they can be asked about in a minute.")
            st.page_link(page_at(DOCUMENTS), label="Add documents", icon=":material/folder:")
        else:
            st.info("There are no documents that you may read. Ask an admin for access.")
        return
    st.caption("Every sentence of an answer comes with the passage that proves it.")
    for number, question in enumerate(suggestions):
        if st.button(
            plain(question), key=f"{SUGGESTION}{number}", icon=":material/chat:", width="stretch"
        ):
            _ask(desk, state, question)
            st.rerun()


def _draw_turn(desk: Desk, state: AskState, turn: StoredTurn) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(plain(turn.question, lines=True))
    with st.chat_message("assistant", avatar=":material/fact_check:"):
        resolved = turn.reply["resolved_question"]
        if resolved != turn.question:
            st.caption(f"Understood as: {plain(resolved)}")
        key = f"turn-{turn.turn_id}"
        shown_turn, open_index = state.source or (None, None)
        draw_reply(
            turn.reply,
            key=key,
            on_cite=partial(state.open_source, turn.turn_id),
            open_index=open_index if shown_turn == turn.turn_id else None,
        )
        again = partial(_ask, desk, state, turn.question, anew=True)
        draw_why(turn.reply, key=key, on_again=None if state.run is not None else again)
        draw_feedback(desk.conversations, turn, key=key)


def _ask(desk: Desk, state: AskState, question: str, *, anew: bool = False) -> None:
    asked_in = state.conversation_id
    state.source, state.notice, state.run_conversation_id = None, None, asked_in
    state.run = desk.answers.start(
        question,
        conversation_id=asked_in,
        on_stored=state.stored,
        is_watched=tab_watch(),
        anew=anew,
    )
