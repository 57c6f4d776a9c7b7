"""What a reader says of an answer: thumbs for oneself, and what is wrong for reviewers."""

from __future__ import annotations

import streamlit as st

from assistant.errors import ChangedMeanwhileError
from assistant.store.review_types import Problem, ReviewState
from assistant.store.reviews import MAX_NOTE_CHARS
from assistant.store.types import Feedback, StoredTurn
from ui.web.components.trail import PROBLEMS
from ui.web.services.conversations import OwnConversations

THUMBS = (Feedback.UNHELPFUL, Feedback.HELPFUL)
SHARED = (
    "If you send it, your question, also as it was understood after earlier ones, this answer and "
    "your note are shown to reviewers, without your name; of the answer only what they may read "
    "themselves. They may make a test question of it, which stays when you delete the conversation."
)
STATES = {
    ReviewState.WAITING: "It waits for a reviewer.",
    ReviewState.TAKEN: "A reviewer looks at it.",
    ReviewState.CLOSED: "A reviewer has looked at it. Thank you.",
}


def draw_feedback(conversations: OwnConversations, turn: StoredTurn, *, key: str) -> None:
    """Draw the thumbs of a turn and, for one that is unhelpful, what can be sent to reviewers.

    Args:
        conversations: Of the reader.
        turn: What is rated.
        key: Distinct on the page.
    """
    given = None if turn.feedback is None else THUMBS.index(turn.feedback)
    thumb = st.feedback("thumbs", key=f"{key}-feedback", default=given)
    chosen = None if thumb is None else THUMBS[thumb]
    if chosen is not turn.feedback:
        conversations.rate(turn.turn_id, chosen)
        st.toast("Rating saved." if chosen else "Rating taken back.")
    if chosen is not Feedback.UNHELPFUL:
        return
    with st.container(border=True, key=f"{key}-wrong"):
        if turn.sent is None:
            _draw_form(conversations, turn, key)
        else:
            _draw_sent(conversations, turn, key)


def _draw_form(conversations: OwnConversations, turn: StoredTurn, key: str) -> None:
    problem = st.pills(
        "What is wrong?",
        list(Problem),
        format_func=lambda one: PROBLEMS[one],
        key=f"{key}-problem",
    )
    note = st.text_area("Note, if you like", key=f"{key}-note", height=80, max_chars=MAX_NOTE_CHARS)
    st.caption(SHARED)
    if st.button(
        "Send to reviewers", key=f"{key}-send", icon=":material/send:", disabled=problem is None
    ):
        assert problem is not None
        try:
            conversations.send_feedback(turn.turn_id, problem, note)
        except ChangedMeanwhileError:  # in another tab
            st.toast("A reviewer has looked at it already.")
        st.rerun()


def _draw_sent(conversations: OwnConversations, turn: StoredTurn, key: str) -> None:
    sent = turn.sent
    assert sent is not None
    st.markdown(f"Sent to reviewers: **{PROBLEMS[sent.problem].lower()}**. {STATES[sent.state]}")
    if sent.state is not ReviewState.CLOSED:
        st.button(
            "Take it back",
            key=f"{key}-take-back",
            icon=":material/undo:",
            on_click=conversations.take_back_feedback,
            args=(turn.turn_id,),
            help="Reviewers see nothing of it any more, and your note is deleted.",
        )
