"""What admins do with people: add them, put them into groups, grant, suspend, sign out."""

from __future__ import annotations

from collections.abc import Iterable

from assistant.access import Role, Who
from assistant.store.accounts import Accounts
from assistant.store.catalog import Catalog
from assistant.store.people_editor import PeopleEditor
from assistant.store.types import (
    AuditAction,
    CollectionSummary,
    DocumentsFound,
    GroupSummary,
    SessionSummary,
    UserSummary,
)
from assistant.types import DocumentId


class PeopleOffice:
    """People and grants, changed in the name of the person who asks.

    Args:
        who: Who asks, as of now.
        catalog: Everybody and everything.
        accounts: Everybody's.
    """

    def __init__(self, who: Who, catalog: Catalog, accounts: Accounts) -> None:
        self._who = who
        self._catalog = catalog
        self._accounts = accounts

    def users(self) -> tuple[UserSummary, ...]:
        """Return all users by name."""
        self._who()
        return self._catalog.people.users()

    def groups(self) -> tuple[GroupSummary, ...]:
        """Return all groups by name."""
        self._who()
        return self._catalog.people.groups()

    def collections(self) -> tuple[CollectionSummary, ...]:
        """Return all collections by name."""
        self._who()
        return self._catalog.people.collections()

    def document_groups(self, document_id: DocumentId) -> tuple[str, ...]:
        """Return the groups to which a document is granted by itself."""
        self._who()
        return self._catalog.people.document_groups(document_id)

    def seen_by(self, user: str, *, text: str, offset: int, limit: int) -> DocumentsFound:
        """Return the documents that a user finds, exactly as this one does; recorded.

        Raises:
            UnknownNameError: no such user.
        """
        person = self._who()
        found = self._catalog.find_documents(
            self._catalog.people.readable_set(user), text=text, offset=offset, limit=limit
        )
        self._catalog.audit.note(person.name, AuditAction.SAW_AS, user)
        return found

    def add_user(self, name: str, role: Role, groups: Iterable[str]) -> str:
        """Add a person and return the secret of a link that signs this one in once."""
        self._editor().add_user(name, role=role, groups=groups)
        return self.make_link(name)

    def make_link(self, user: str) -> str:
        """Return the secret of a new link that signs a person in once; earlier ones end."""
        return self._accounts.make_link(user, by=self._who().name)

    def change_user(
        self,
        shown: UserSummary,
        *,
        role: Role | None = None,
        groups: Iterable[str] | None = None,
        suspended: bool | None = None,
    ) -> None:
        """Change what differs from what was shown; what others changed meanwhile stays."""
        editor = self._editor()
        present = next((one for one in self.users() if one.name == shown.name), shown)
        wanted = None if groups is None else _merged(present.groups, shown.groups, groups)
        editor.change_user(
            shown.name,
            role=None if role == shown.role else role,
            groups=wanted,
            suspended=suspended,
        )

    def unlink_user(self, name: str) -> None:
        """Forget which account at the identity provider is a person's."""
        self._editor().unlink_user(name)

    def remove_user(self, name: str) -> None:
        """Remove a person with all conversations."""
        self._editor().remove_user(name)

    def add_group(self, name: str) -> None:
        """Add a group without members."""
        self._editor().add_group(name)

    def remove_group(self, name: str) -> None:
        """Remove a group with its memberships and grants."""
        self._editor().remove_group(name)

    def add_collection(self, name: str) -> None:
        """Add a collection that only admins may read."""
        self._editor().add_collection(name)

    def change_grants(
        self, collection: str, *, shown: Iterable[str], wanted: Iterable[str]
    ) -> None:
        """Grant and revoke what differs from what was shown."""
        editor, before, after = self._editor(), set(shown), set(wanted)
        for group in sorted(before - after):
            editor.revoke(collection, group)
        for group in sorted(after - before):
            editor.grant(collection, group)

    def change_document_grants(
        self, document_id: DocumentId, *, shown: Iterable[str], wanted: Iterable[str]
    ) -> None:
        """The same for a single document."""
        editor, before, after = self._editor(), set(shown), set(wanted)
        for group in sorted(before - after):
            editor.revoke_document(document_id, group)
        for group in sorted(after - before):
            editor.grant_document(document_id, group)

    def sessions(self) -> tuple[SessionSummary, ...]:
        """Return everybody's sessions, latest first."""
        self._who()
        return self._accounts.sessions()

    def end_session(self, session_id: str) -> None:
        """End a session."""
        self._accounts.sign_out(session_id, by=self._who().name)

    def sign_out_everywhere(self, user: str) -> int:
        """End all sessions of a person and return how many there were."""
        return self._accounts.sign_out_everywhere(user, by=self._who().name)

    def _editor(self) -> PeopleEditor:
        return self._catalog.edit_people(self._who().name)


def _merged(present: Iterable[str], shown: Iterable[str], wanted: Iterable[str]) -> set[str]:
    """Return what is there now with what somebody changed of what was shown."""
    before, after = set(shown), set(wanted)
    return (set(present) | (after - before)) - (before - after)
