"""Collections, groups and people: who is who, and what is granted to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from assistant.access import ReadableSet, Role, readable_by
from assistant.errors import InvalidNameError, NameTakenError, UnknownNameError
from assistant.store.rows import (
    CollectionRow,
    DocumentRow,
    GrantRow,
    GroupRow,
    MembershipRow,
    SourceRow,
    UserRow,
)
from assistant.store.types import CollectionSummary, GroupSummary, UserSummary
from assistant.types import CollectionId

MAX_NAME_CHARS = 100

NamedRow = TypeVar("NamedRow", CollectionRow, GroupRow, UserRow)
KINDS = {CollectionRow: "collection", GroupRow: "group", UserRow: "user"}


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


def add_named(session: Session, row: NamedRow) -> None:
    """Add a row under a name of its own.

    Raises:
        InvalidNameError: the name is empty, too long, or holds what cannot be printed.
        NameTakenError: the name exists already.
    """
    word, name = KINDS[type(row)], row.name
    if not (name == name.strip() and 0 < len(name) <= MAX_NAME_CHARS and name.isprintable()):
        message = (
            f"cannot call a {word} {name!r}: a name has 1 to {MAX_NAME_CHARS} printable "
            "characters and no space at its ends"
        )
        raise InvalidNameError(message)
    if session.scalar(select(type(row).id).where(type(row).name == name)) is not None:
        message = f"{word} {name!r} exists already; choose another name"
        raise NameTakenError(message)
    session.add(row)
    session.flush()


def collection_id(session: Session, name: str, readable: ReadableSet) -> CollectionId:
    """Return a collection's id.

    Raises:
        UnknownNameError: no such collection, or not for this reader, who cannot tell which.
    """
    found = session.scalar(select(CollectionRow.id).where(CollectionRow.name == name))
    if found is None or not (readable.everything or found in readable.collections):
        message = f"no collection {name!r} that you may read; check its name"
        raise UnknownNameError(message)
    return CollectionId(found)


def readable_set(session: Session, user: str) -> ReadableSet:
    """Return what a user may read.

    Raises:
        UnknownNameError: no such user.
    """
    row = named(session, UserRow, user)
    granted = session.scalars(
        select(GrantRow.collection_id)
        .join(MembershipRow, MembershipRow.group_id == GrantRow.group_id)
        .where(MembershipRow.user_id == row.id)
    )
    return readable_by(
        role=Role(row.role), suspended=row.suspended, granted=map(CollectionId, granted)
    )


def collections(session: Session) -> tuple[CollectionSummary, ...]:
    """Return all collections by name."""
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


def groups(session: Session) -> tuple[GroupSummary, ...]:
    """Return all groups by name."""
    members = _grouped(
        session,
        select(MembershipRow.group_id, UserRow.name).join(
            UserRow, UserRow.id == MembershipRow.user_id
        ),
    )
    grants = _grouped(
        session,
        select(GrantRow.group_id, CollectionRow.name).join(
            CollectionRow, CollectionRow.id == GrantRow.collection_id
        ),
    )
    return tuple(
        GroupSummary(name=row.name, users=members[row.id], collections=grants[row.id])
        for row in session.scalars(select(GroupRow).order_by(GroupRow.name))
    )


def users(session: Session) -> tuple[UserSummary, ...]:
    """Return all users by name."""
    memberships = _grouped(
        session,
        select(MembershipRow.user_id, GroupRow.name).join(
            GroupRow, GroupRow.id == MembershipRow.group_id
        ),
    )
    return tuple(
        UserSummary(
            name=row.name,
            role=Role(row.role),
            suspended=row.suspended,
            groups=memberships[row.id],
        )
        for row in session.scalars(select(UserRow).order_by(UserRow.name))
    )


def set_members(session: Session, user: UserRow, group_names: Iterable[str]) -> None:
    """Put a user into exactly these groups.

    Raises:
        UnknownNameError: no such group.
    """
    wanted = {named(session, GroupRow, name).id for name in group_names}
    present = {
        row.group_id: row
        for row in session.scalars(select(MembershipRow).where(MembershipRow.user_id == user.id))
    }
    for group_id in present.keys() - wanted:
        session.delete(present[group_id])
    session.add_all(
        MembershipRow(user_id=user.id, group_id=group_id) for group_id in wanted - present.keys()
    )


def _grouped(session: Session, selection: Select[int, str]) -> defaultdict[int, tuple[str, ...]]:
    found: defaultdict[int, tuple[str, ...]] = defaultdict(tuple)
    for key, name in session.execute(selection.order_by("name")):
        found[key] += (name,)
    return found
