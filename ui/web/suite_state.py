"""What the sections Suites and Feedback of the page Evaluate remember."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import streamlit as st

from assistant.errors import AssistantError, ForbiddenError
from assistant.store.suite_types import StoredCase, StoredSuite
from assistant.types import DocumentId
from ui.web.desk import SignedOutError
from ui.web.services.suites import Passage

_SUITES = "plinth_suites"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected in the text of a page, and not looked at yet."""

    document_id: DocumentId
    page_index: int
    """0-based."""
    selected: Any
    """Start, end and text, as the browser has them."""


@dataclass(slots=True)
class CaseDraft:
    """A case that is being written."""

    suite: StoredSuite
    opened: StoredCase | None = None
    """What it replaces; None: it is new."""
    review_id: int | None = None
    """The feedback it is made of."""
    question: str = ""
    is_answerable: bool = True
    answers: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    passages: list[Passage] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)
    """To be made passages of."""
    error: str | None = None
    """Why it was not saved."""
    number: int = field(default_factory=lambda: next(_numbers))
    """Gives its boxes keys of their own."""
    n_picked: int = 0
    """Gives the text of a page a new key each time, so that nothing is selected in it."""

    def remove_passage(self, index: int) -> None:
        """Take a gold passage out again."""
        del self.passages[index]

    def key(self, name: str) -> str:
        """Return the key of one of its boxes."""
        return f"case-{self.number}-{name}"


@dataclass(slots=True)
class SuitesState:
    """What the two sections remember."""

    suite_id: int | None = None
    """The suite that is open."""
    draft: CaseDraft | None = None
    page_index: int = 0
    """Of the cases shown."""
    review_id: int | None = None
    """The feedback that is open."""
    notice: str | None = None
    """What became of the last change."""
    undo: tuple[int, int] | None = None
    """Suite and version that the last change made, to be undone."""
    error: str | None = None
    """Why there was no change."""
    n_changes: int = 0
    """Gives what a change was made in a new key, so that it is empty again."""

    def open(self, suite_id: int | None) -> None:
        """Turn to another suite, or to the list of them."""
        self.suite_id, self.draft, self.page_index = suite_id, None, 0
        self.forget_news()

    def open_review(self, review_id: int | None) -> None:
        """Turn to other feedback, or to the queue."""
        self.review_id, self.draft = review_id, None
        self.forget_news()

    def write(self, draft: CaseDraft | None) -> None:
        """Begin to write a case, or stop it."""
        self.draft = draft
        self.forget_news()

    def forget_news(self) -> None:
        """Turn away from what was said of the last change."""
        self.notice = self.undo = self.error = None

    def first_page(self) -> None:
        """Begin the cases again: another search finds others."""
        self.page_index = 0

    def turn(self, step: int) -> None:
        """Turn the pages of the cases."""
        self.page_index += step

    def told(self, notice: str, changed: StoredSuite | None = None) -> None:
        """Say what became of a change; one that made a version can be undone."""
        self.notice = notice
        if changed is not None and changed.latest.ordinal > 1:
            self.undo = (changed.suite_id, changed.latest.ordinal)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Say on the page why a change was refused."""
        self.forget_news()
        try:
            yield
            self.n_changes += 1
        except (SignedOutError, ForbiddenError):
            raise
        except AssistantError as error:
            self.error = f"Not done: {error}."


def suites_state() -> SuitesState:
    """Return the state of the two sections in this browser tab."""
    if _SUITES not in st.session_state:
        st.session_state[_SUITES] = SuitesState()
    state: SuitesState = st.session_state[_SUITES]
    return state
