"""Changes of people, groups, collections and grants, each recorded as it is made."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from assistant.access import OPERATOR_NAME, SOMEBODY, Role
from assistant.errors import InvalidNameError, LastAdminError, NameTakenError, UnknownNameError
from assistant.store.audit import AuditLog
from assistant.store.database import Database
from assistant.store.people import KINDS, NamedRow, end_sessions, name_key, named, owner_of
from assistant.store.rows import (
    CollectionRow,
    ConversationRow,
    DocumentGrantRow,
    DocumentRow,
    GrantRow,
    GroupRow,
    MembershipRow,
    UserRow,
)
from assistant.store.types import AuditAction
from assistant.types import CollectionId, DocumentId

MAX_NAME_CHARS = 100
RESERVED = frozenset({OPERATOR_NAME, SOMEBODY})
"""Who is no user, in the audit log."""


class PeopleEditor:
    """What somebody changes. Thread-safe; touches no index and needs no writer's lock.

    Args:
        database: Of the data dir.
        audit: Where every change is recorded, in its transaction.
        by: Who changes it.
    """

    def __init__(self, database: Database, audit: AuditLog, by: str) -> None:
        self._database = database
        self._audit = audit
        self._by = by

    # Collections and grants

    def add_collection(self, name: str) -> CollectionId:
        """Add a collection that only admins may read until it is granted.

        Raises:
            NameTakenError: it exists.
            InvalidNameError: nothing can be called that.
        """
        with self._audit.recording(self._by) as recording:
            row = CollectionRow(name=name)
            _add_named(recording.session, row)
            recording.note(AuditAction.COLLECTION_ADDED, name)
            return CollectionId(row.id)

    def grant(self, collection: str, group: str) -> None:
        """Let a group read a collection; silent if it may already.

        Raises:
            UnknownNameError: no such collection or group.
        """
        with self._audit.recording(self._by) as recording:
            grant = _grant(recording.session, collection, group)
            if not _exists(recording.session, grant):
                recording.session.add(grant)
                recording.note(AuditAction.GRANTED, collection, group=group)

    def revoke(self, collection: str, group: str) -> None:
        """Stop a group from reading a collection; silent if it may not anyway.

        Raises:
            UnknownNameError: no such collection or group.
        """
        with self._audit.recording(self._by) as recording:
            grant = _grant(recording.session, collection, group)
            if _exists(recording.session, grant):
                _delete(recording.session, grant)
                recording.note(AuditAction.REVOKED, collection, group=group)

    def grant_document(self, document_id: DocumentId, group: str) -> None:
        """Let a group read a document, whatever collection it lies in; silent if it may already.

        Raises:
            UnknownNameError: no such document or group.
        """
        with self._audit.recording(self._by) as recording:
            grant, path = _document_grant(recording.session, document_id, group)
            if not _exists(recording.session, grant):
                recording.session.add(grant)
                recording.note(AuditAction.GRANTED, path, group=group, document_id=document_id)

    def revoke_document(self, document_id: DocumentId, group: str) -> None:
        """Take a grant of a single document back; what its collection grants stays.

        Raises:
            UnknownNameError: no such document or group.
        """
        with self._audit.recording(self._by) as recording:
            grant, path = _document_grant(recording.session, document_id, group)
            if _exists(recording.session, grant):
                _delete(recording.session, grant)
                recording.note(AuditAction.REVOKED, path, group=group, document_id=document_id)

    # Groups and users

    def add_group(self, name: str) -> None:
        """Add a group without members.

        Raises:
            NameTakenError: it exists.
            InvalidNameError: nothing can be called that.
        """
        with self._audit.recording(self._by) as recording:
            _add_named(recording.session, GroupRow(name=name))
            recording.note(AuditAction.GROUP_ADDED, name)

    def remove_group(self, name: str) -> None:
        """Remove a group with its memberships and grants.

        Raises:
            UnknownNameError: no such group.
        """
        with self._audit.recording(self._by) as recording:
            recording.session.delete(named(recording.session, GroupRow, name))
            recording.note(AuditAction.GROUP_REMOVED, name)

    def add_user(
        self, name: str, *, role: Role = Role.EMPLOYEE, groups: Iterable[str] = ()
    ) -> None:
        """Add a person, who can sign in once there is a link or a password.

        Raises:
            NameTakenError: the name exists, or one that differs by capitals only.
            InvalidNameError: nobody can be called that.
            UnknownNameError: no such group.
        """
        wanted = tuple(groups)
        with self._audit.recording(self._by) as recording:
            row = UserRow(name=name, key=name_key(name), role=role.value)
            _add_named(recording.session, row)
            _set_members(recording.session, row, wanted)
            recording.note(
                AuditAction.USER_ADDED, name, role=role.value, groups=sorted(set(wanted))
            )

    def change_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        groups: Iterable[str] | None = None,
        suspended: bool | None = None,
    ) -> None:
        """Change a person's role, groups or suspension; None leaves as it is.

        Another role or a suspension ends all sessions of the person and links that were not used.

        Raises:
            UnknownNameError: no such user or group.
            LastAdminError: nobody would be left who can manage people.
        """
        with self._audit.recording(self._by) as recording:
            session, changes = recording.session, dict[str, object]()
            row = named(session, UserRow, name)
            was_admin = _is_active_admin(row)
            if role is not None and role.value != row.role:
                row.role = changes["role"] = role.value
            if suspended is not None and suspended != row.suspended:
                row.suspended = changes["suspended"] = suspended
            if changes:
                end_sessions(session, row.id)
            if groups is not None:
                wanted = sorted(set(groups))
                if _set_members(session, row, wanted):
                    changes["groups"] = wanted
            session.flush()
            if was_admin:
                _require_admin(session)
            if changes:
                recording.note(AuditAction.USER_CHANGED, row.name, **changes)

    def unlink_user(self, name: str) -> None:
        """Undo that an account at the identity provider is a person's, and end all sessions.

        Whoever signs in there under the person's name next is linked anew. Silent where there is
        none.

        Raises:
            UnknownNameError: no such user.
        """
        with self._audit.recording(self._by) as recording:
            row = named(recording.session, UserRow, name)
            if row.subject is None:
                return
            end_sessions(recording.session, row.id)
            recording.note(AuditAction.ACCOUNT_UNLINKED, row.name, identity=row.subject)
            row.subject = None

    def remove_user(self, name: str) -> None:
        """Remove a person with all conversations and sessions.

        Raises:
            UnknownNameError: no such user.
            LastAdminError: nobody would be left who can manage people.
        """
        with self._audit.recording(self._by) as recording:
            session = recording.session
            row = named(session, UserRow, name)
            was_admin = _is_active_admin(row)
            session.execute(delete(ConversationRow).filter_by(owner=owner_of(row.id)))
            session.delete(row)
            session.flush()
            if was_admin:
                _require_admin(session)
            recording.note(AuditAction.USER_REMOVED, row.name)
        self._database.forget_deleted()


def _add_named(session: Session, row: NamedRow) -> None:
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
    if isinstance(row, UserRow) and row.key in RESERVED:
        raise InvalidNameError(f"cannot call a user {name!r}: the audit log uses this name")
    taken = type(row).name == name
    if isinstance(row, UserRow):
        taken |= UserRow.key == row.key
    if session.scalar(select(type(row).id).where(taken)) is not None:
        message = f"{word} {name!r} exists already; choose another name"
        raise NameTakenError(message)
    session.add(row)
    session.flush()


def _set_members(session: Session, user: UserRow, group_names: Iterable[str]) -> bool:
    """Put a user into exactly these groups; tell whether that changed anything.

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
    return wanted != present.keys()


def _is_active_admin(user: UserRow) -> bool:
    return user.role == Role.ADMIN and not user.suspended


def _require_admin(session: Session) -> None:
    """Refuse what leaves people, but nobody who can manage them."""
    active = select(UserRow.id).where(UserRow.suspended.is_(False), UserRow.role == Role.ADMIN)
    if session.scalar(active.limit(1)) is None and session.scalar(select(UserRow.id).limit(1)):
        raise LastAdminError("this is the last admin; make somebody else an admin first")


def _grant(session: Session, collection: str, group: str) -> GrantRow:
    return GrantRow(
        group_id=named(session, GroupRow, group).id,
        collection_id=named(session, CollectionRow, collection).id,
    )


def _document_grant(
    session: Session, document_id: DocumentId, group: str
) -> tuple[DocumentGrantRow, str]:
    document = session.get(DocumentRow, document_id)
    if document is None:
        message = f"no document {document_id!r}; `plinth docs list` shows the ids"
        raise UnknownNameError(message)
    row = DocumentGrantRow(group_id=named(session, GroupRow, group).id, document_id=document_id)
    return row, document.path


AnyGrant = GrantRow | DocumentGrantRow


def _key(grant: AnyGrant) -> tuple[int, int | str]:
    other = grant.collection_id if isinstance(grant, GrantRow) else grant.document_id
    return grant.group_id, other


def _exists(session: Session, grant: AnyGrant) -> bool:
    return session.get(type(grant), _key(grant)) is not None


def _delete(session: Session, grant: AnyGrant) -> None:
    session.delete(session.get_one(type(grant), _key(grant)))
