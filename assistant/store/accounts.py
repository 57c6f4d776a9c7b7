"""Signing in: passwords, links that work once, an identity provider, and sessions that end."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from assistant.access import SOMEBODY, Person, Role
from assistant.errors import SignInRefusedError, StoreError
from assistant.passwords import hash_password, is_password
from assistant.settings import SignInSettings
from assistant.store.audit import AuditLog, Recording
from assistant.store.database import Database
from assistant.store.people import end_sessions, name_key, named, owner_of, readable_set
from assistant.store.rows import ConversationRow, SessionRow, SignInLinkRow, UserRow
from assistant.store.types import (
    AuditAction,
    LinkOwner,
    ProviderIdentity,
    SessionSummary,
    SignInWay,
)

SEEN_EVERY_S = 60.0
"""How exactly it is known when a session was last used."""
NOTING_S = 0.5
"""How long a request waits for that to be stored; a publish may hold the catalog for longer."""
REFUSED = "name and password do not fit; nobody is told which of them is wrong"
LINK_REFUSED = "this link was used already, or its time has run out; ask an admin for a new one"
PROVIDER_REFUSED = "nobody of this account may sign in; an admin adds people"
MAX_BROWSER_CHARS = 200


class Accounts:
    """Who is signed in. Thread-safe; touches no index and needs no writer's lock.

    Secrets are handed out once and stored as hashes only. Nothing here says whether a person
    exists.

    Args:
        database: Of the data dir.
        audit: Where all of it is recorded.
        settings: How long links and sessions last.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        settings: SignInSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._audit = audit
        self._settings = settings
        self._clock = clock
        self._is_noting = threading.Lock()

    # Links and passwords

    def make_link(self, user: str, *, by: str) -> str:
        """Return the secret of a link that signs a person in once; earlier ones end.

        Raises:
            UnknownNameError: no such user.
            SignInRefusedError: the user is suspended.
        """
        secret = secrets.token_urlsafe(32)
        with self._audit.recording(by) as recording:
            session = recording.session
            row = named(session, UserRow, user)
            if row.suspended:
                raise SignInRefusedError(f"{user!r} is suspended and cannot sign in")
            session.execute(delete(SignInLinkRow).filter_by(user_id=row.id))
            session.add(
                SignInLinkRow(
                    id=_hash(secret),
                    user_id=row.id,
                    expires_at=self._clock() + self._settings.link_hours * 3600,
                )
            )
            recording.note(AuditAction.LINK_MADE, row.name)
        return secret

    def link_owner(self, secret: str) -> LinkOwner | None:
        """Return whom a link would sign in; None where it is of no use."""
        with self._database.reading() as session:
            found = self._link(session, secret)
            if found is None:
                return None
            _, user = found
            return LinkOwner(name=user.name, has_password=user.password_hash is not None)

    def use_link(self, secret: str, *, password: str | None, browser: str, address: str) -> str:
        """Sign in by a link, which ends it, and return the secret of the new session.

        Args:
            secret: Of the link.
            password: The person's new one; None leaves things as they are.
            browser: What it calls itself.
            address: Where it is.

        Raises:
            SignInRefusedError: the link is of no use.
            WeakPasswordError: the password will not do; the link can be used again.
        """
        owner = self.link_owner(secret)
        if owner is None:
            raise SignInRefusedError(LINK_REFUSED)
        hashed = None if password is None else hash_password(password, name=owner.name)
        with self._audit.recording(owner.name) as recording:
            found = self._link(recording.session, secret)
            if found is None:  # somebody was faster
                raise SignInRefusedError(LINK_REFUSED)
            link, user = found
            recording.session.delete(link)
            if hashed is not None:
                self._store_password(recording, user, hashed)
            return self._begin(recording, user, SignInWay.LINK, browser, address)

    def set_password(self, user: str, password: str, *, by: str) -> None:
        """Set a person's password, which ends all sessions and links of the person.

        Raises:
            UnknownNameError: no such user.
            WeakPasswordError: the password will not do.
        """
        hashed = hash_password(password, name=user)
        with self._audit.recording(by) as recording:
            self._store_password(recording, named(recording.session, UserRow, user), hashed)

    def _store_password(self, recording: Recording, user: UserRow, hashed: str) -> None:
        user.password_hash = hashed
        end_sessions(recording.session, user.id)
        recording.note(AuditAction.PASSWORD_SET, user.name)

    def is_password_of(self, user: str, password: str) -> bool:
        """Tell whether this is a person's password: asked again before it is changed."""
        with self._database.reading() as session:
            row = _find(session, user)
            stored = None if row is None else row.password_hash
        return is_password(stored, password)

    # Sessions

    def sign_in(self, name: str, password: str, *, browser: str, address: str) -> str:
        """Sign in by name and password and return the secret of the new session.

        Raises:
            SignInRefusedError: no such user, suspended, without a password, or another one.
        """
        with self._database.reading() as session:
            row = _find(session, name)
            stored = None if row is None or row.suspended else row.password_hash
            known = None if row is None else row.name
        if not is_password(stored, password):
            # Under a name that nobody has, people type their passwords: it is not recorded.
            self._audit.note(SOMEBODY, AuditAction.SIGN_IN_FAILED, known or "", address=address)
            raise SignInRefusedError(REFUSED)
        with self._audit.recording(known or "") as recording:
            user = _find(recording.session, name)
            if user is None or user.suspended or user.password_hash != stored:
                raise SignInRefusedError(REFUSED)
            return self._begin(recording, user, SignInWay.PASSWORD, browser, address)

    def sign_in_by_provider(self, identity: ProviderIdentity, *, browser: str, address: str) -> str:
        """Sign in who an identity provider has vouched for; return the secret of the new session.

        The first time, the identity is linked to the person who was added under its name and is
        linked to none yet; from then on the name counts for nothing.

        Raises:
            SignInRefusedError: nobody is known by it, or the person is suspended.
        """
        with self._database.reading() as session:
            row = _of_identity(session, identity)
            known = None if row is None or row.suspended else row.id
            name = "" if row is None else row.name
        if known is None:
            shown = {} if identity.name is None else {"account": identity.name}
            self.note_provider_failure("not allowed", address=address, user=name, **shown)
            raise SignInRefusedError(PROVIDER_REFUSED)
        with self._audit.recording(name) as recording:
            user = _of_identity(recording.session, identity)
            if user is None or user.suspended or user.id != known:
                raise SignInRefusedError(PROVIDER_REFUSED)
            if user.subject is None:
                user.subject = identity.subject
                recording.note(
                    AuditAction.ACCOUNT_LINKED,
                    user.name,
                    account=identity.name,
                    identity=identity.subject,
                )
            return self._begin(recording, user, SignInWay.PROVIDER, browser, address)

    def is_linked(self, subject: str) -> bool:
        """Tell whether an identity provider's subject belongs to somebody."""
        with self._database.reading() as session:
            wanted = select(UserRow.id).where(UserRow.subject == subject)
            return session.scalar(wanted) is not None

    def note_provider_failure(
        self, reason: str, *, address: str, user: str = "", **details: str
    ) -> None:
        """Record that somebody came from the identity provider, and was not signed in."""
        by = SignInWay.PROVIDER.value
        self._audit.note(
            SOMEBODY,
            AuditAction.SIGN_IN_FAILED,
            user,
            by=by,
            reason=reason,
            address=address,
            **details,
        )

    def _begin(
        self, recording: Recording, user: UserRow, way: SignInWay, browser: str, address: str
    ) -> str:
        secret, now = secrets.token_urlsafe(32), self._clock()
        self._remove_ended(recording.session)
        recording.session.add(
            SessionRow(
                id=_hash(secret),
                user_id=user.id,
                signed_in_by=way.value,
                browser=browser[:MAX_BROWSER_CHARS],
                address=address,
                created_at=now,
                seen_at=now,
            )
        )
        recording.note(AuditAction.SIGNED_IN, user.name, by=way.value, address=address)
        return secret

    def person(self, secret: str) -> Person | None:
        """Return who is signed in by the secret in a cookie, and what this one may read now.

        None where the session has ended: signed out, idle or old, or the person was suspended,
        removed or changed.
        """
        session_id, now = _hash(secret), self._clock()
        with self._database.reading() as session:
            found = session.execute(
                select(SessionRow, UserRow)
                .join(UserRow, UserRow.id == SessionRow.user_id)
                .where(SessionRow.id == session_id)
            ).one_or_none()
            if found is None:
                return None
            row, user = found
            if not self._is_valid(row, now) or user.suspended:
                return None
            person = Person(
                user_id=user.id,
                name=user.name,
                role=Role(user.role),
                readable=readable_set(session, user),
                owner=owner_of(user.id),
                session_id=row.id,
                has_password=user.password_hash is not None,
            )
            is_due = now - row.seen_at >= SEEN_EVERY_S
        if is_due:
            self._note_seen(session_id, now)
        return person

    def _note_seen(self, session_id: str, now: float) -> None:
        """Store when a session was last used, without making anybody wait for the disk."""
        if not self._is_noting.acquire(blocking=False):
            return

        def note() -> None:
            seen = update(SessionRow).filter_by(id=session_id).values(seen_at=now)
            try:
                with suppress(StoreError), self._database.writing() as session:
                    session.execute(seen)
            finally:
                self._is_noting.release()

        thread = threading.Thread(target=note, name="session-seen", daemon=True)
        thread.start()
        thread.join(NOTING_S)

    def sessions(self, user: str | None = None) -> tuple[SessionSummary, ...]:
        """Return the sessions that have not ended, latest first, of everybody or one person."""
        selection = (
            select(SessionRow, UserRow.name)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .order_by(SessionRow.seen_at.desc())
        )
        if user is not None:
            selection = selection.where(UserRow.name == user)
        now = self._clock()
        with self._database.reading() as session:
            return tuple(
                SessionSummary(
                    session_id=row.id,
                    user=name,
                    signed_in_by=SignInWay(row.signed_in_by),
                    browser=row.browser,
                    address=row.address,
                    created_at=row.created_at,
                    seen_at=row.seen_at,
                )
                for row, name in session.execute(selection)
                if self._is_valid(row, now)
            )

    def sign_out(self, session_id: str, *, by: str) -> None:
        """End a session; silent where it has ended."""
        with self._audit.recording(by) as recording:
            row = recording.session.get(SessionRow, session_id)
            if row is not None:
                user = recording.session.get_one(UserRow, row.user_id)
                recording.session.delete(row)
                recording.note(AuditAction.SIGNED_OUT, user.name)

    def sign_out_everywhere(self, user: str, *, by: str) -> int:
        """End all sessions of a person and return how many there were.

        Raises:
            UnknownNameError: no such user.
        """
        with self._audit.recording(by) as recording:
            row = named(recording.session, UserRow, user)
            n_ended = end_sessions(recording.session, row.id)
            if n_ended:
                recording.note(AuditAction.SESSIONS_ENDED, row.name, sessions=n_ended)
            return n_ended

    def _is_valid(self, row: SessionRow, now: float) -> bool:
        settings = self._settings
        return (
            now - row.seen_at < settings.idle_hours * 3600
            and now - row.created_at < settings.longest_hours * 3600
        )

    def _remove_ended(self, session: Session) -> None:
        now, settings = self._clock(), self._settings
        session.execute(
            delete(SessionRow).where(
                or_(
                    SessionRow.seen_at <= now - settings.idle_hours * 3600,
                    SessionRow.created_at <= now - settings.longest_hours * 3600,
                )
            )
        )
        session.execute(delete(SignInLinkRow).where(SignInLinkRow.expires_at <= now))

    def _link(self, session: Session, secret: str) -> tuple[SignInLinkRow, UserRow] | None:
        found = session.execute(
            select(SignInLinkRow, UserRow)
            .join(UserRow, UserRow.id == SignInLinkRow.user_id)
            .where(SignInLinkRow.id == _hash(secret), SignInLinkRow.expires_at > self._clock())
        ).one_or_none()
        if found is None or found[1].suspended:
            return None
        return found[0], found[1]

    # Who owned what before people signed in

    def adopt_conversations(self, earlier_owner: str, person: Person) -> int:
        """Give a person the conversations of a browser from before there was signing in."""
        moved = (
            update(ConversationRow)
            .filter_by(owner=earlier_owner)
            .values(owner=person.owner)
            .returning(ConversationRow.id)
        )
        with self._database.writing() as session:
            return len(session.scalars(moved).all())


def _find(session: Session, name: str) -> UserRow | None:
    """Return the person who signs in under this name: as it is, or but for capitals."""
    exact = session.scalar(select(UserRow).where(UserRow.name == name))
    return exact or session.scalar(select(UserRow).where(UserRow.key == name_key(name.strip())))


def _of_identity(session: Session, identity: ProviderIdentity) -> UserRow | None:
    """Return who is linked to an identity; where nobody is, whom it may be linked to."""
    linked = session.scalar(select(UserRow).where(UserRow.subject == identity.subject))
    if linked is not None or identity.name is None:
        return linked
    row = session.scalar(select(UserRow).where(UserRow.name == identity.name))
    if row is None and identity.name.isascii():
        # But for capitals, of ASCII only: that others fold to the same letters makes two mailboxes
        # neither one nor the same person's.
        row = session.scalar(select(UserRow).where(UserRow.key == identity.name.lower()))
        row = row if row is not None and row.name.isascii() else None
    return row if row is not None and row.subject is None else None


def _hash(secret: str) -> str:
    # A secret of 256 random bits needs no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
