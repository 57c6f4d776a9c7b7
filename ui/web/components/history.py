"""The list of earlier conversations, in the sidebar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from itertools import groupby

import streamlit as st

from assistant.store.types import ConversationSummary
from ui.web.local_time import zone_named
from ui.web.services.conversations import OwnConversations
from ui.web.sessions import AskState
from ui.web.shown_text import plain, shortened
from ui.web.stylesheet import CONVERSATION

TITLE_CHARS = 34
TODAY, YESTERDAY, WEEK, EARLIER = "Today", "Yesterday", "Last seven days", "Earlier"
_TIMES = {TODAY: "%H:%M", YESTERDAY: "%H:%M", WEEK: "%A, %H:%M", EARLIER: "%d %b %Y, %H:%M"}
"""How a moment is told from others of its group."""


def draw_history(conversations: OwnConversations, state: AskState) -> None:
    """Draw the person's conversations, latest first and by day; a click opens one."""
    listed = conversations.list()
    zone = zone_named(st.context.timezone)
    today = datetime.now().astimezone(zone).date()
    labels = told_apart(listed, today, zone)
    with st.sidebar:
        if st.button("New conversation", icon=":material/add:", width="stretch"):
            state.open(None)
        for group, members in groupby(listed, lambda one: group_of(_local(one, zone), today)):
            with st.container(gap="xsmall"):
                st.caption(group)
                for one in members:
                    _draw_one(one, labels[one.conversation_id], state)


def group_of(moment: datetime, today: date) -> str:
    """Return the words for the day of a local moment."""
    n_days = (today - moment.date()).days
    if n_days <= 0:
        return TODAY
    if n_days == 1:
        return YESTERDAY
    return WEEK if n_days < 7 else EARLIER


def told_apart(
    listed: Sequence[ConversationSummary], today: date, zone: tzinfo | None
) -> Mapping[str, str]:
    """Return what stands on each conversation's button: its title, with the time if it is shared.

    Args:
        listed: The conversations.
        today: The reader's date.
        zone: The reader's time zone; None: that of this machine.
    """
    titles = {one.conversation_id: plain(shortened(one.title, TITLE_CHARS)) for one in listed}
    labels = dict(titles)
    for seconds in ("", ":%S"):
        n_same = Counter(labels.values())
        for one in listed:
            if n_same[labels[one.conversation_id]] > 1:
                moment = _local(one, zone)
                time = moment.strftime(_TIMES[group_of(moment, today)] + seconds)
                labels[one.conversation_id] = (
                    f"{titles[one.conversation_id]}  \n:small[{plain(time)}]"
                )
    return labels


def _local(one: ConversationSummary, zone: tzinfo | None) -> datetime:
    return datetime.fromisoformat(one.updated_at).astimezone(zone)


def _draw_one(one: ConversationSummary, label: str, state: AskState) -> None:
    if st.button(
        label,
        key=f"{CONVERSATION}{one.conversation_id}",
        type="secondary" if one.conversation_id == state.conversation_id else "tertiary",
        width="stretch",
    ):
        state.open(one.conversation_id)
        st.rerun()
