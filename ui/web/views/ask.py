"""Ask: a conversation with the documents, every sentence with its proof."""

from __future__ import annotations

from functools import partial

import streamlit as st

from assistant.errors import UnknownNameError
from assistant.reply_json import reply_to_json
from assistant.store.types import Feedback, StoredTurn
from assistant.types import Reply, Turn
from ui.web import resources
from ui.web.answering import start_answer
from ui.web.components.history import draw_history
from ui.web.components.live import draw_run
from ui.web.components.reply import draw_reply
from ui.web.components.scripted import scripted_component
from ui.web.components.source import draw_source_pane
from ui.web.components.why import draw_why
from ui.web.navigation import DOCUMENTS, page_at
from ui.web.resources import Resources
from ui.web.sessions import AskState, ask_state, current_owner, follow_address, write_address
from ui.web.shown_text import plain
from ui.web.stylesheet import READING, SUGGESTION, UNSEEN
from ui.web.suggestions import suggested_questions

THUMBS = (Feedback.UNHELPFUL, Feedback.HELPFUL)


def draw() -> None:
    """Draw the page."""
    opened, state, owner = resources.current(), ask_state(), current_owner()
    follow_address(state)
    scripted_component("conversation")(key=UNSEEN)
    draw_history(opened.catalog.conversations, state, owner)
    turns = _turns(opened, state, owner)
    write_address(state)
    citations = state.open_citations(turns)
    # The answer stays in a first column whether a second one stands beside it or not: what has
    # the focus in it, or is unfolded, stays so.
    columns = st.columns(2 if citations else 1, gap="medium")
    if citations:
        with columns[1]:
            draw_source_pane(opened, state, citations)
    with columns[0], st.container(key=READING):
        for turn in turns:
            _draw_turn(opened, state, owner, turn)
        if state.run is not None:
            draw_run(state)
        elif state.notice:
            st.warning(plain(state.notice))
        elif not turns:
            # As one element it goes at once when a question takes its place.
            with st.container():
                _draw_welcome(opened, state, owner)
    question = st.chat_input("Ask about your documents", disabled=state.run is not None)
    if question:
        _ask(opened, state, owner, question)
        st.rerun()


def _turns(opened: Resources, state: AskState, owner: str) -> tuple[StoredTurn, ...]:
    if state.conversation_id is None:
        return ()
    conversations = opened.catalog.conversations
    try:
        return conversations.turns(state.conversation_id, owner, opened.readable)
    except UnknownNameError:  # an address that was passed on, or made up
        state.open(None)
        return ()


def _draw_welcome(opened: Resources, state: AskState, owner: str) -> None:
    st.title("What would you like to know?")
    suggestions = suggested_questions(opened.catalog, opened.readable)
    if not suggestions:
        st.info("There are no documents yet. Add some; the first can be asked about in a minute.")
        st.page_link(page_at(DOCUMENTS), label="Add documents", icon=":material/folder:")
        return
    st.caption("Every sentence of an answer comes with the passage that proves it.")
    for number, question in enumerate(suggestions):
        if st.button(
            plain(question), key=f"{SUGGESTION}{number}", icon=":material/chat:", width="stretch"
        ):
            _ask(opened, state, owner, question)
            st.rerun()


def _draw_turn(opened: Resources, state: AskState, owner: str, turn: StoredTurn) -> None:
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
        again = partial(_ask, opened, state, owner, turn.question, anew=True)
        draw_why(turn.reply, key=key, on_again=None if state.run is not None else again)
        given = None if turn.feedback is None else THUMBS.index(turn.feedback)
        thumb = st.feedback("thumbs", key=f"{key}-feedback", default=given)
        chosen = None if thumb is None else THUMBS[thumb]
        if chosen is not turn.feedback:
            opened.catalog.conversations.give_feedback(turn.turn_id, owner, chosen)
            st.toast("Rating saved." if chosen else "Rating taken back.")


def _ask(
    opened: Resources, state: AskState, owner: str, question: str, *, anew: bool = False
) -> None:
    conversations = opened.catalog.conversations
    history: tuple[Turn, ...] = ()
    asked_in = state.conversation_id
    if asked_in is not None:
        turns = conversations.turns(asked_in, owner, opened.readable)
        history = tuple(
            Turn(role=role, content=content)
            for turn in turns
            for role, content in (("user", turn.question), ("assistant", turn.reply["answer"]))
        )

    def store(reply: Reply) -> None:
        stored_in, _ = conversations.add_turn(asked_in, owner, question, reply_to_json(reply))
        state.stored(stored_in)

    state.source, state.notice, state.run_conversation_id = None, None, asked_in
    state.run = start_answer(
        opened.answers.result,
        question,
        history=history,
        readable=opened.readable,
        on_reply=store,
        anew=anew,
    )
