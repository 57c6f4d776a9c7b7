"""The list of earlier conversations, in the sidebar."""

from __future__ import annotations

import streamlit as st

from assistant.store.conversations import Conversations
from ui.web.sessions import AskState
from ui.web.shown_text import plain, shortened
from ui.web.stylesheet import CONVERSATION

TITLE_CHARS = 34


def draw_history(conversations: Conversations, state: AskState, owner: str) -> None:
    """Draw the owner's conversations, latest first; a click opens one."""
    with st.sidebar:
        if st.button("New conversation", icon=":material/add:", width="stretch"):
            state.open(None)
        for one in conversations.list(owner):
            if st.button(
                plain(shortened(one.title, TITLE_CHARS)),
                key=f"{CONVERSATION}{one.conversation_id}",
                type="secondary" if one.conversation_id == state.conversation_id else "tertiary",
                width="stretch",
            ):
                state.open(one.conversation_id)
                st.rerun()
