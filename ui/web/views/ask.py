"""Ask: a conversation with the documents, every sentence with its proof."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from assistant.reply_json import reply_to_json
from assistant.store.types import Feedback, StoredTurn
from assistant.types import Reply, Turn
from ui.web import resources
from ui.web.answering import start_answer
from ui.web.components.history import draw_history
from ui.web.components.progress import draw_progress
from ui.web.components.reply import draw_reply
from ui.web.components.source import draw_source
from ui.web.components.why import draw_why
from ui.web.resources import Resources
from ui.web.sessions import AskState, ask_state, current_owner
from ui.web.shown_text import plain
from ui.web.suggestions import suggested_questions

REDRAW_S = 0.3
THUMBS = (Feedback.UNHELPFUL, Feedback.HELPFUL)


def draw() -> None:
    """Draw the page."""
    opened, state, owner = resources.current(), ask_state(), current_owner()
    draw_history(opened.catalog.conversations, state, owner)
    turns: tuple[StoredTurn, ...] = ()
    if state.conversation_id is not None:
        turns = opened.catalog.conversations.turns(state.conversation_id, owner, opened.readable)
    talk = st.container()
    if state.source is not None:
        talk, pane = st.columns([3, 2], gap="large")
        with pane:
            _draw_source(opened, state, turns)
    with talk:
        for turn in turns:
            _draw_turn(opened, state, owner, turn)
        if state.run is not None:
            with st.chat_message("user", avatar=":material/person:"):
                st.markdown(plain(state.run.question, lines=True))
            with st.chat_message("assistant", avatar=":material/fact_check:"):
                _draw_live(state)
        elif state.notice:
            st.warning(plain(state.notice))
        elif not turns:
            _draw_welcome(opened, state, owner)
    question = st.chat_input("Ask about your documents", disabled=state.run is not None)
    if question:
        _ask(opened, state, owner, question)
        st.rerun()


def _draw_welcome(opened: Resources, state: AskState, owner: str) -> None:
    st.title("What would you like to know?")
    suggestions = suggested_questions(opened.catalog, opened.readable)
    if not suggestions:
        st.info("There are no documents yet. Add some with `plinth ingest FOLDER`.")
        return
    st.caption("Every sentence of an answer comes with the passage that proves it.")
    for number, question in enumerate(suggestions):
        if st.button(plain(question), key=f"suggestion-{number}", icon=":material/chat:"):
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
        draw_reply(turn.reply, key=key, on_cite=partial(_open_source, state, turn.turn_id))
        draw_why(turn.reply)
        given = None if turn.feedback is None else THUMBS.index(turn.feedback)
        thumb = st.feedback("thumbs", key=f"{key}-feedback", default=given)
        chosen = None if thumb is None else THUMBS[thumb]
        if chosen is not turn.feedback:
            opened.catalog.conversations.give_feedback(turn.turn_id, owner, chosen)


def _open_source(state: AskState, turn_id: int, citation_index: int) -> None:
    state.source = (turn_id, citation_index)


def _draw_source(opened: Resources, state: AskState, turns: tuple[StoredTurn, ...]) -> None:
    turn_id, index = state.source or (0, 0)
    citations: list[dict[str, Any]] = next(
        (turn.reply["citations"] for turn in turns if turn.turn_id == turn_id), []
    )
    if index >= len(citations):
        state.source = None
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, move in (("Previous", "arrow_back", -1), ("Next", "arrow_forward", 1)):
            st.button(
                label,
                icon=f":material/{icon}:",
                disabled=not 0 <= index + move < len(citations),
                on_click=_open_source,
                args=(state, turn_id, index + move),
            )
        st.caption(f"Source {index + 1} of {len(citations)}")
        if st.button("Close", icon=":material/close:"):
            state.source = None
            st.rerun()
    draw_source(opened, citations[index])


@st.fragment(run_every=REDRAW_S)
def _draw_live(state: AskState) -> None:
    run = state.run
    if run is None:
        return
    progress = run.snapshot()
    if not progress.is_done:
        draw_progress(progress)
        st.button("Stop", icon=":material/stop:", on_click=run.stop)
        return
    state.run = None
    state.notice = progress.error or ("Stopped." if progress.is_cancelled else None)
    st.rerun()


def _ask(opened: Resources, state: AskState, owner: str, question: str) -> None:
    conversations = opened.catalog.conversations
    history: tuple[Turn, ...] = ()
    if state.conversation_id is not None:
        turns = conversations.turns(state.conversation_id, owner, opened.readable)
        history = tuple(
            Turn(role=role, content=content)
            for turn in turns
            for role, content in (("user", turn.question), ("assistant", turn.reply["answer"]))
        )

    def store(reply: Reply) -> None:
        state.conversation_id, _ = conversations.add_turn(
            state.conversation_id, owner, question, reply_to_json(reply)
        )

    state.source, state.notice = None, None
    state.run = start_answer(
        opened.engine.result, question, history=history, readable=opened.readable, on_reply=store
    )
