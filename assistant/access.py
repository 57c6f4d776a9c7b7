"""Who may read what: the one function that every path asks.

A `ReadableSet` is passed to every retrieval and reading call. The operator's holds everything;
a person's holds the collections and the single documents granted to their groups. Nothing else
decides about reading. What a person may do besides reading follows from the role and `ALLOWED`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from assistant.errors import ForbiddenError
from assistant.types import CollectionId, DocumentId


class Role(StrEnum):
    """What a person does with Plinth; only admins read beyond their groups."""

    EMPLOYEE = "employee"
    EVALUATOR = "evaluator"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be done in the web app, whatever it is done to."""

    ASK = "ask questions"
    READ = "read documents"
    RATE = "rate answers"
    CHANGE_OWN_ACCOUNT = "change the own password and end own sessions"
    CHANGE_DOCUMENTS = "add and delete documents"
    JUDGE_HIDDEN_TEXT = "see the hidden text of documents and decide whether it is used"
    EVALUATE = "run evaluations and change suites"
    REVIEW = "review feedback on answers"
    MANAGE_PEOPLE = "manage people, groups and grants"
    SEE_AUDIT_LOG = "see the audit log"
    SEE_MONITORING = "see how the server is doing"


EVERYBODY = frozenset(Role)
ALLOWED: Mapping[Action, frozenset[Role]] = {
    Action.ASK: EVERYBODY,
    Action.READ: EVERYBODY,
    Action.RATE: EVERYBODY,
    Action.CHANGE_OWN_ACCOUNT: EVERYBODY,
    Action.CHANGE_DOCUMENTS: frozenset({Role.ADMIN}),
    Action.JUDGE_HIDDEN_TEXT: frozenset({Role.ADMIN}),
    Action.EVALUATE: frozenset({Role.EVALUATOR, Role.ADMIN}),
    Action.REVIEW: frozenset({Role.EVALUATOR, Role.ADMIN}),
    Action.MANAGE_PEOPLE: frozenset({Role.ADMIN}),
    Action.SEE_AUDIT_LOG: frozenset({Role.ADMIN}),
    Action.SEE_MONITORING: frozenset({Role.ADMIN}),
}
"""Which roles may do what; an action that does not stand here, nobody may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableSet:
    """The documents a reader may see: whole collections, and single documents of others."""

    everything: bool = False
    """The operator: no restriction."""
    collections: frozenset[CollectionId] = frozenset()
    """Readable collections; ignored when `everything`."""
    documents: frozenset[DocumentId] = frozenset()
    """Documents that are readable wherever they lie; ignored when `everything`."""
    documents_in: CollectionId | None = None
    """Where `documents` must lie to be readable; None: anywhere."""

    @property
    def fingerprint(self) -> str:
        """What tells it from every other set; for what is kept of what a reader was shown."""
        if self.everything:
            return "everything"
        parts = (sorted(self.collections), sorted(self.documents), self.documents_in)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def holds(self, collection: CollectionId) -> bool:
        """Tell whether all documents of a collection are in it, those to come included."""
        return self.everything or collection in self.collections

    def within(self, collection: CollectionId) -> ReadableSet:
        """Return the part of this set that lies in one collection."""
        if self.holds(collection):
            return ReadableSet(collections=frozenset({collection}))
        if not self.documents or self.documents_in not in (None, collection):
            return ReadableSet()
        return ReadableSet(documents=self.documents, documents_in=collection)


OPERATOR = ReadableSet(everything=True)
"""Who runs the command line without `--as`."""
OPERATOR_NAME = "operator"
"""The same, as the audit log names it."""
SOMEBODY = "somebody"
"""Who is not signed in, there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in, as of one moment: asked for anew at every interaction."""

    user_id: int
    name: str
    role: Role
    readable: ReadableSet
    owner: str
    """The name under which the person's conversations are stored."""
    session_id: str
    has_password: bool

    def may(self, action: Action) -> bool:
        """Tell whether the person's role allows an action."""
        return self.role in ALLOWED.get(action, frozenset())

    def require(self, action: Action) -> None:
        """Let an action pass that the person's role allows.

        Raises:
            ForbiddenError: it does not.
        """
        if not self.may(action):
            raise ForbiddenError(
                f"your role ({self.role}) does not allow to {action}; ask an admin"
            )


Who = Callable[[], Person]
"""Tells who asks, and what that person may read, as of the moment it is called."""


def readable_by(
    *,
    role: Role,
    suspended: bool,
    collections: Iterable[CollectionId],
    documents: Iterable[DocumentId],
) -> ReadableSet:
    """Return what a person may read.

    Args:
        role: Admins read everything.
        suspended: Reads nothing, whatever the role.
        collections: Those granted to the person's groups.
        documents: Those granted to the person's groups one by one.
    """
    if suspended:
        return ReadableSet()
    if role is Role.ADMIN:
        return ReadableSet(everything=True)
    return ReadableSet(collections=frozenset(collections), documents=frozenset(documents))
