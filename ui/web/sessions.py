"""Who is at the browser, and what a page remembers between two runs of its script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from assistant.errors import AssistantError, ForbiddenError
from assistant.store.traces import Footprint
from assistant.store.types import DocumentSummary, StoredTurn
from assistant.types import DocumentId
from ui.web import resources
from ui.web.answering import AnswerRun
from ui.web.cookies import cookie_value
from ui.web.desk import Desk, SignedOutError

CONVERSATION = "conversation"
"""Name, in the page's address, of the conversation it shows."""
SECTION = "evaluate-section"
"""Key of the choice of a section of the page Evaluate."""
RUNS, SUITES, FEEDBACK = "Runs", "Suites", "Feedback"
_STATE = "plinth_ask"
_DOCUMENTS = "plinth_documents"
_EVALUATE = "plinth_evaluate"
_PEOPLE = "plinth_people"


def current_desk() -> Desk:
    """Return the desk of whoever is at the browser whose script runs."""
    return Desk(resources.current(), browser_secret())


def browser_secret() -> str:
    """Return the secret in the cookie of the browser whose script runs; empty without one."""
    is_secure = resources.current().settings.sign_in.is_secure
    return cookie_value(st.context.headers.get("Cookie") or "", is_secure=is_secure)


def tab_watch() -> Callable[[], bool]:
    """Return what tells, from any thread, whether the browser tab of this script is connected."""
    context = get_script_run_ctx()
    if context is None or not Runtime.exists():  # no server: a page under test
        return lambda: True
    return partial(Runtime.instance().is_active_session, context.session_id)


@dataclass(slots=True)
class AskState:
    """What the page Ask remembers."""

    conversation_id: str | None = None
    run: AnswerRun | None = None
    """The question that is being answered."""
    run_conversation_id: str | None = None
    """The conversation that the run was asked in; None: a new one."""
    source: tuple[int, int] | None = None
    """The turn and the citation whose source is open."""
    notice: str | None = None
    """Why the last question has no reply."""
    address: str | None = None
    """The conversation that the page's address names, as far as it was followed or written."""

    def open(self, conversation_id: str | None) -> None:
        """Turn to another conversation, or to a new one."""
        self.conversation_id, self.source, self.notice = conversation_id, None, None

    @property
    def is_run_here(self) -> bool:
        """Whether the question under way was asked in the conversation that is open."""
        return self.run is not None and self.run_conversation_id == self.conversation_id

    def stored(self, conversation_id: str) -> None:
        """Take in where the reply of the run was stored; stay where somebody turned to since."""
        is_here = self.run_conversation_id == self.conversation_id
        self.run_conversation_id = conversation_id
        if is_here:
            self.conversation_id = conversation_id

    def open_source(self, turn_id: int, citation_index: int) -> None:
        """Show the source of a citation beside the answer."""
        self.source = (turn_id, citation_index)

    def open_citations(self, turns: Sequence[StoredTurn]) -> Sequence[Mapping[str, Any]]:
        """Return the citations among which one's source is open; none if there is none."""
        if self.source is None:
            return ()
        turn_id, index = self.source
        found = [turn.reply["citations"] for turn in turns if turn.turn_id == turn_id]
        citations: Sequence[Mapping[str, Any]] = found[0] if found else ()
        return citations if index < len(citations) else ()

    def close_source(self) -> None:
        """Show answers alone."""
        self.source = None


@dataclass(slots=True)
class EvaluateState:
    """What the page Evaluate remembers."""

    run_id: str | None = None
    """The run that is shown; None: the latest."""
    page_index: int = 0
    """Of the cases shown."""
    shows_all_runs: bool = False
    suite: str | None = None
    """The suite that is chosen, by its full name."""
    is_asking: bool = False
    """Whether what begins a run is unfolded, since a suite was chosen elsewhere."""
    error: str | None = None
    """Why no run was started."""

    def show(self, run_id: str | None) -> None:
        """Turn to another run."""
        self.run_id, self.page_index = run_id, 0

    def ask_suite(self, name: str) -> None:
        """Turn to the runs, with a suite chosen for a new one."""
        self.suite, self.is_asking = name, True
        st.session_state[SECTION] = RUNS

    def show_all_runs(self) -> None:
        """List all runs, not only the latest."""
        self.shows_all_runs = True


@dataclass(frozen=True, slots=True)
class Deletion:
    """A document that was asked to be deleted."""

    job_id: int
    document: str
    footprint: Footprint
    """What it had, to show that it is gone."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of what a document's hidden text is used for, that was asked for."""

    job_id: int
    document_id: DocumentId


@dataclass(slots=True)
class DocumentsState:
    """What the page Documents remembers."""

    page_index: int = 0
    """Of the list."""
    search: str = ""
    """What the list is searched for, kept while a document is read."""
    collection: str | None = None
    """A new collection that files are being added to."""
    deletion: Deletion | None = None
    decision: Decision | None = None
    noted: set[str] = field(default_factory=set)
    """Documents whose reading is recorded."""

    def note_read(self, desk: Desk, summary: DocumentSummary) -> None:
        """Record that a document is read; not again with every page turned."""
        if summary.document_id not in self.noted:
            desk.documents.note_read(summary)
            self.noted.add(summary.document_id)

    def turn(self, step: int) -> None:
        """Turn the list's pages."""
        self.page_index = max(0, self.page_index + step)

    def first_page(self) -> None:
        """Begin the list again: another search finds other documents."""
        self.page_index = 0


@dataclass(slots=True)
class PeopleState:
    """What the page People remembers."""

    link: tuple[str, str] | None = None
    """Name and secret of a sign-in link that is shown until it was taken."""
    error: str | None = None
    """Why the last change was refused."""
    n_changes: int = 0
    """Gives what a change was made in a new key, so that it closes and shows what came of it."""
    audit_before: list[int] = field(default_factory=list)
    """The entries before which the pages of the audit log begin, the first page left out."""

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Say on the page why a change was refused."""
        self.error = None
        self.n_changes += 1
        try:
            yield
        except (SignedOutError, ForbiddenError):
            raise
        except AssistantError as error:
            self.error = f"Not changed: {error}."

    def first_page(self) -> None:
        """Begin the audit log again: other filters find other entries."""
        self.audit_before = []

    def older(self, before_id: int) -> None:
        """Turn to the entries before one."""
        self.audit_before.append(before_id)

    def newer(self) -> None:
        """Turn back."""
        self.audit_before.pop()


def people_state() -> PeopleState:
    """Return the state of the page People in this browser tab."""
    if _PEOPLE not in st.session_state:
        st.session_state[_PEOPLE] = PeopleState()
    state: PeopleState = st.session_state[_PEOPLE]
    return state


def documents_state() -> DocumentsState:
    """Return the state of the page Documents in this browser tab."""
    if _DOCUMENTS not in st.session_state:
        st.session_state[_DOCUMENTS] = DocumentsState()
    state: DocumentsState = st.session_state[_DOCUMENTS]
    return state


def evaluate_state() -> EvaluateState:
    """Return the state of the page Evaluate in this browser tab."""
    if _EVALUATE not in st.session_state:
        st.session_state[_EVALUATE] = EvaluateState()
    state: EvaluateState = st.session_state[_EVALUATE]
    return state


def ask_state() -> AskState:
    """Return the state of the page Ask in this browser tab."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = AskState()
    state: AskState = st.session_state[_STATE]
    return state


def follow_address(state: AskState) -> None:
    """Open the conversation that the address names after a reload, a bookmark or "back"."""
    named = st.query_params.get(CONVERSATION)
    if named is not None and named != state.address:
        state.open(named)
        state.address = named


def write_address(state: AskState) -> None:
    """Let the address name the conversation that is open, for a reload to find it."""
    if state.conversation_id is None:
        st.query_params.pop(CONVERSATION, None)
    elif st.query_params.get(CONVERSATION) != state.conversation_id:
        st.query_params[CONVERSATION] = state.conversation_id
    state.address = state.conversation_id
