"""Feedback that waits for a reviewer, and what became of the rest."""

from __future__ import annotations

import streamlit as st

from assistant.errors import UnknownNameError
from assistant.reply_json import document_ids
from assistant.store.review_types import Problem, Review, ReviewState, ReviewSummary
from assistant.store.suite_types import StoredSuite
from ui.web.components.reply import place, sentences_markdown
from ui.web.components.trail import PROBLEMS, trail
from ui.web.desk import Desk
from ui.web.services.reviews import ReviewDesk
from ui.web.services.suites import OwnSuites
from ui.web.shown_text import plain, shortened
from ui.web.stylesheet import OPENS
from ui.web.suite_state import CaseDraft, SuitesState

QUESTION_CHARS = 120
QUOTE_CHARS = 400
MOST_CLOSED = 50
REASON_CHARS = 500


def draw_reviews(desk: Desk, state: SuitesState) -> None:
    """Draw the queue, or the feedback that is open."""
    if state.review_id is not None:
        try:
            review = desk.reviews.review(state.review_id)
        except UnknownNameError:
            state.review_id = None
        else:
            _draw_review(desk, state, review)
            return
    queue = desk.reviews.queue()
    if not queue:
        st.info(
            "No feedback waits. Who finds an answer wrong can send it here from the page Ask.",
            icon=":material/inbox:",
        )
    for summary in queue:
        _draw_row(state, summary)
    closed = desk.reviews.closed(MOST_CLOSED)
    if closed:
        with st.expander("Closed lately", icon=":material/history:"):
            for summary in closed:
                _draw_row(state, summary)


def _draw_row(state: SuitesState, summary: ReviewSummary) -> None:
    question = summary.question or "(taken back, or deleted with its conversation)"
    with st.container(gap=None):
        st.button(
            plain(shortened(question, QUESTION_CHARS)),
            key=f"{OPENS}review-{summary.review_id}",
            icon=":material/rate_review:",
            type="tertiary",
            on_click=state.open_review,
            args=(summary.review_id,),
        )
        st.caption(plain(trail(summary)))


def _draw_review(desk: Desk, state: SuitesState, review: Review) -> None:
    summary = review.summary
    st.button(
        "All feedback",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=state.open_review,
        args=(None,),
    )
    st.subheader(f"Feedback {summary.review_id}: {PROBLEMS[summary.problem].lower()}")
    st.caption(plain(trail(summary)))
    draw_what_was_said(review)
    if summary.state is ReviewState.CLOSED or review.reply is None:
        return
    reviews, me = desk.reviews, desk.person.name
    if summary.taken_by != me:
        st.button(
            "Take it" if summary.taken_by is None else "Take it over",
            type="primary",
            icon=":material/front_hand:",
            help="You answer for what comes of it. Your name stays in its trail.",
            on_click=_take,
            args=(reviews, state, summary.review_id),
        )
        return
    _draw_ways_out(desk, state, review)


def draw_what_was_said(review: Review) -> None:
    """Draw question, answer with its evidence, and the note, as far as the reviewer may see it."""
    if review.reply is None or review.summary.question is None:
        st.info("It was taken back, or its conversation deleted: question and answer are gone.")
        return
    reply = review.reply
    with st.container(border=True):
        st.markdown(f"**Question** {plain(review.summary.question, lines=True)}")
        if reply.get("resolved_question", review.summary.question) != review.summary.question:
            st.caption(f"Understood as: {plain(reply['resolved_question'])}")
        if reply["status"] == "answered":
            st.markdown(f"**Answer** {sentences_markdown(reply['sentences'])}")
        else:
            st.markdown("**Answer** :material/help: The documents do not say.")
        for index, citation in enumerate(reply["citations"]):
            st.markdown(
                f":blue-background[{index + 1}] {plain(place(citation))}  \n"
                f":gray[“{plain(shortened(citation['quote'], QUOTE_CHARS))}”]"
            )
        if review.has_hidden:
            st.caption(
                "What documents say that were removed, or that you may not read, is left out."
            )
        if review.note:
            st.markdown(f"**Note** {plain(review.note, lines=True)}")


def _draw_ways_out(desk: Desk, state: SuitesState, review: Review) -> None:
    review_id = review.summary.review_id
    listed = {one.full_name: one for one in desk.suites.list()}
    with st.container(border=True):
        st.markdown("**Make a question of it**, with the right answer and its passage.")
        if listed:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                name = st.selectbox("In the suite", list(listed), key=f"into-{review_id}")
                st.button(
                    "Write it",
                    type="primary",
                    icon=":material/edit:",
                    on_click=state.write,
                    args=(draft_of(desk.suites, listed[name], review),),
                )
        else:
            st.caption("There is no suite that you may see. Begin one in the section Suites first.")
    with st.form(f"dismiss-{review_id}"):
        reason = st.text_input("Or dismiss it, because", max_chars=REASON_CHARS)
        is_sent = st.form_submit_button("Dismiss", icon=":material/block:")
    if is_sent:
        if reason.strip():
            with state.reporting():
                desk.reviews.dismiss(review_id, reason)
                state.open_review(None)
                state.told("The feedback was dismissed.")
        else:
            state.error = "Say why it is dismissed; the reason stays in its trail."
        st.rerun()
    st.button(
        "Put it back",
        type="tertiary",
        icon=":material/undo:",
        on_click=_put_back,
        args=(desk.reviews, state, review_id),
    )


def draft_of(suites: OwnSuites, suite: StoredSuite, review: Review) -> CaseDraft:
    """Return the case that is to be made of feedback: what was understood, and what was right.

    What other collections' documents say is not put into the suite: its readers may not read them.
    """
    reply, question = review.reply or {}, review.summary.question or ""
    is_right = review.summary.problem is Problem.EVIDENCE and not review.has_hidden
    if reply and suites.holds_all(suite.suite_id, document_ids(reply)):
        question = reply.get("resolved_question") or question
    else:
        is_right = False
    return CaseDraft(
        suite=suite,
        review_id=review.summary.review_id,
        question=question,
        answers=(reply["answer"],) if is_right and reply.get("status") == "answered" else (),
    )


def _take(reviews: ReviewDesk, state: SuitesState, review_id: int) -> None:
    with state.reporting():
        reviews.take(review_id)


def _put_back(reviews: ReviewDesk, state: SuitesState, review_id: int) -> None:
    with state.reporting():
        reviews.put_back(review_id)
        state.review_id = None
