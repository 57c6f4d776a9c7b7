"""People, groups and collections: who is who, and what is granted to whom."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TypeVar

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from assistant.access import ReadableSet, Role, readable_by
from assistant.errors import UnknownNameError
from assistant.store.database import Database
from assistant.store.queries import readable_document
from assistant.store.rows import (
    CollectionRow,
    DocumentGrantRow,
    DocumentRow,
    GrantRow,
    GroupRow,
    MembershipRow,
    SessionRow,
    SignInLinkRow,
    SourceRow,
    UserRow,
)
from assistant.store.types import CollectionSummary, GroupSummary, UserSummary
from assistant.types import CollectionId, DocumentId

NamedRow = TypeVar("NamedRow", CollectionRow, GroupRow, UserRow)
KINDS = {CollectionRow: "collection", GroupRow: "group", UserRow: "user"}


class People:
    """Who there is, and who may read what. Thread-safe; `PeopleEditor` changes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def readable_set(self, user: str) -> ReadableSet:
        """Return what a user may read; nothing if suspended.

        Raises:
            UnknownNameError: no such user.
        """
        with self._database.reading() as session:
            return readable_set(session, named(session, UserRow, user))

    def collection_id(self, name: str, readable: ReadableSet) -> CollectionId:
        """Return a collection's id, for `ReadableSet.within`.

        Raises:
            UnknownNameError: no such collection, or none of it for this reader, who cannot tell.
        """
        with self._database.reading() as session:
            return collection_id(session, name, readable)

    def collections(self) -> tuple[CollectionSummary, ...]:
        """Return all collections by name, whoever may read them."""
        with self._database.reading() as session:
            grants = _grouped(
                session,
                select(GrantRow.collection_id, GroupRow.name).join(
                    GroupRow, GroupRow.id == GrantRow.group_id
                ),
            )
            counted = session.execute(
                select(SourceRow.collection_id, func.count(DocumentRow.id))
                .join(DocumentRow, DocumentRow.source_id == SourceRow.id)
                .group_by(SourceRow.collection_id)
            )
            counts = dict(counted.all())
            return tuple(
                CollectionSummary(
                    collection_id=CollectionId(row.id),
                    name=row.name,
                    n_documents=counts.get(row.id, 0),
                    groups=grants[row.id],
                )
                for row in session.scalars(select(CollectionRow).order_by(CollectionRow.name))
            )

    def document_groups(self, document_id: DocumentId) -> tuple[str, ...]:
        """Return the groups to which a document is granted by itself, sorted."""
        selection = (
            select(GroupRow.name)
            .join(DocumentGrantRow, DocumentGrantRow.group_id == GroupRow.id)
            .where(DocumentGrantRow.document_id == document_id)
            .order_by(GroupRow.name)
        )
        with self._database.reading() as session:
            return tuple(session.scalars(selection))

    def groups(self) -> tuple[GroupSummary, ...]:
        """Return all groups by name."""
        with self._database.reading() as session:
            members = _grouped(
                session,
                select(MembershipRow.group_id, UserRow.name).join(
                    UserRow, UserRow.id == MembershipRow.user_id
                ),
            )
            collections = _grouped(
                session,
                select(GrantRow.group_id, CollectionRow.name).join(
                    CollectionRow, CollectionRow.id == GrantRow.collection_id
                ),
            )
            documents = _grouped(
                session,
                select(DocumentGrantRow.group_id, DocumentGrantRow.document_id.label("name")),
            )
            return tuple(
                GroupSummary(
                    name=row.name,
                    users=members[row.id],
                    collections=collections[row.id],
                    documents=tuple(map(DocumentId, documents[row.id])),
                )
                for row in session.scalars(select(GroupRow).order_by(GroupRow.name))
            )

    def users(self) -> tuple[UserSummary, ...]:
        """Return all users by name."""
        with self._database.reading() as session:
            memberships = _grouped(
                session,
                select(MembershipRow.user_id, GroupRow.name).join(
                    GroupRow, GroupRow.id == MembershipRow.group_id
                ),
            )
            n_sessions = dict(
                session.execute(
                    select(SessionRow.user_id, func.count()).group_by(SessionRow.user_id)
                ).all()
            )
            return tuple(
                UserSummary(
                    name=row.name,
                    role=Role(row.role),
                    suspended=row.suspended,
                    groups=memberships[row.id],
                    has_password=row.password_hash is not None,
                    has_subject=row.subject is not None,
                    n_sessions=n_sessions.get(row.id, 0),
                )
                for row in session.scalars(select(UserRow).order_by(UserRow.name))
            )


def name_key(name: str) -> str:
    """Return a person's name without what people do not tell apart: capitals, widths of letters."""
    return unicodedata.normalize("NFKC", name).casefold()


def owner_of(user_id: int) -> str:
    """Return the name under which a person's conversations are stored."""
    return f"user:{user_id}"


def readable_set(session: Session, user: UserRow) -> ReadableSet:
    """Return what a person may read."""
    collections = session.scalars(
        select(GrantRow.collection_id)
        .join(MembershipRow, MembershipRow.group_id == GrantRow.group_id)
        .where(MembershipRow.user_id == user.id)
    )
    documents = session.scalars(
        select(DocumentGrantRow.document_id)
        .join(MembershipRow, MembershipRow.group_id == DocumentGrantRow.group_id)
        .where(MembershipRow.user_id == user.id)
    )
    return readable_by(
        role=Role(user.role),
        suspended=user.suspended,
        collections=map(CollectionId, collections),
        documents=map(DocumentId, documents),
    )


def end_sessions(session: Session, user_id: int) -> int:
    """Sign a person out everywhere, unused links included; return from how many browsers."""
    session.execute(delete(SignInLinkRow).filter_by(user_id=user_id))
    ended = delete(SessionRow).filter_by(user_id=user_id).returning(SessionRow.id)
    return len(session.scalars(ended).all())


def named(session: Session, kind: type[NamedRow], name: str) -> NamedRow:
    """Return the row of this name.

    Raises:
        UnknownNameError: there is none.
    """
    row = session.scalar(select(kind).where(kind.name == name))
    if row is None:
        word = KINDS[kind]
        message = f"no {word} {name!r}; `plinth {word}s list` shows the names"
        raise UnknownNameError(message)
    return row


def collection_id(session: Session, name: str, readable: ReadableSet) -> CollectionId:
    """Return a collection's id.

    Raises:
        UnknownNameError: no such collection, or none of it for this reader, who cannot tell which.
    """
    found = session.scalar(select(CollectionRow.id).where(CollectionRow.name == name))
    if found is None or not _may_see(session, CollectionId(found), readable):
        message = f"no collection {name!r} that you may read; check its name"
        raise UnknownNameError(message)
    return CollectionId(found)


def _may_see(session: Session, collection: CollectionId, readable: ReadableSet) -> bool:
    """Tell whether a reader may know of a collection: by itself or by a document in it."""
    if readable.everything or collection in readable.collections:
        return True
    in_it = (
        select(DocumentRow.id)
        .join(SourceRow)
        .where(SourceRow.collection_id == collection, readable_document(readable))
        .limit(1)
    )
    return session.scalar(in_it) is not None


def _grouped(session: Session, selection: Select[int, str]) -> defaultdict[int, tuple[str, ...]]:
    found: defaultdict[int, tuple[str, ...]] = defaultdict(tuple)
    for key, name in session.execute(selection.order_by("name")):
        found[key] += (name,)
    return found
