from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.access import OPERATOR, Role
from assistant.errors import SignInRefusedError, UnknownNameError, WeakPasswordError
from assistant.settings import SignInSettings
from assistant.store.accounts import Accounts
from assistant.store.audit import AuditLog
from assistant.store.types import AuditAction, SignInWay
from assistant.store.writer import CatalogWriter
from tests.assistant.catalogs import database_of, held

PASSWORD = "three plain words"
SETTINGS = SignInSettings(idle_hours=1, longest_hours=10, link_hours=2)
HOUR = 3600.0


@dataclass
class Clock:
    now: float = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(writer: CatalogWriter, data_dir: Path, clock: Clock):
    """Ann of group staff, who has a password, and Bob, who has none."""
    writer.people.add_group("staff")
    writer.people.grant("docs", "staff")
    writer.people.add_user("Ann", groups=["staff"])
    writer.people.add_user("Bob")
    with database_of(data_dir) as database:
        opened = Accounts(database, AuditLog(database, data_dir / "audit.json"), SETTINGS, clock)
        opened.set_password("Ann", PASSWORD, by="test")
        yield opened


def sign_in(accounts: Accounts, name: str = "Ann", password: str = PASSWORD) -> str:
    return accounts.sign_in(name, password, browser="Firefox", address="127.0.0.1")


def by_link(accounts: Accounts, name: str = "Bob", password: str | None = None) -> str:
    secret = accounts.make_link(name, by="test")
    return accounts.use_link(secret, password=password, browser="", address="")


@pytest.mark.parametrize("name", ["Ann", "ann", " ANN ", "\uff21nn"])
def test_sign_in_gives_a_session_of_the_person(accounts: Accounts, name: str) -> None:
    person = accounts.person(sign_in(accounts, name))
    assert person is not None
    assert (person.name, person.role, person.has_password) == ("Ann", Role.EMPLOYEE, True)
    assert len(person.readable.collections) == 1
    (session,) = accounts.sessions("Ann")
    assert (session.signed_in_by, session.browser) == (SignInWay.PASSWORD, "Firefox")
    assert session.session_id == person.session_id


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ann", "another password"), ("Ann", ""), ("Bob", PASSWORD), ("Eve", PASSWORD), ("", "")],
)
def test_sign_in_is_refused_in_the_same_words_whatever_is_wrong(
    accounts: Accounts, writer: CatalogWriter, name: str, password: str
) -> None:
    with pytest.raises(SignInRefusedError) as refused:
        sign_in(accounts, name, password)
    with pytest.raises(SignInRefusedError) as unknown:
        sign_in(accounts, "nobody at all", PASSWORD)
    assert str(refused.value) == str(unknown.value)
    (entry, *_) = writer.catalog.audit.entries(action=AuditAction.SIGN_IN_FAILED, limit=1)
    assert entry.subject in ("Ann", "Bob", "")  # what was typed for an unknown name is not kept


def test_every_sign_in_is_a_session_with_a_secret_of_its_own(accounts: Accounts) -> None:
    secrets = {sign_in(accounts) for _ in range(3)}
    assert len(secrets) == len(accounts.sessions("Ann")) == 3
    assert not {one.session_id for one in accounts.sessions()} & secrets


@pytest.mark.parametrize("secret", ["", "x", "\udcff", "a" * 10_000])
def test_a_secret_that_was_not_given_out_signs_nobody_in(accounts: Accounts, secret: str) -> None:
    sign_in(accounts)
    assert accounts.person(secret) is None


def test_a_session_ends_when_it_is_idle(accounts: Accounts, clock: Clock) -> None:
    secret = sign_in(accounts)
    for _ in range(3):
        clock.now += 0.9 * HOUR
        assert accounts.person(secret) is not None
    clock.now += HOUR
    assert accounts.person(secret) is None
    assert accounts.sessions() == ()


def test_a_session_ends_however_much_it_is_used(accounts: Accounts, clock: Clock) -> None:
    secret = sign_in(accounts)
    for _ in range(20):
        assert accounts.person(secret) is not None
        clock.now += 0.5 * HOUR
    assert accounts.person(secret) is None


def test_sign_out_ends_one_session(accounts: Accounts) -> None:
    first, second = sign_in(accounts), sign_in(accounts)
    person = accounts.person(first)
    assert person is not None
    for _ in range(2):
        accounts.sign_out(person.session_id, by="Ann")
    assert accounts.person(first) is None
    assert accounts.person(second) is not None


@pytest.mark.parametrize("how", ["everywhere", "password", "suspended", "role", "removed"])
def test_all_sessions_end_with(accounts: Accounts, writer: CatalogWriter, how: str) -> None:
    secrets = [sign_in(accounts), sign_in(accounts)]
    others = by_link(accounts)
    link = accounts.make_link("Ann", by="test")
    ways = {
        "everywhere": lambda: accounts.sign_out_everywhere("Ann", by="Ann"),
        "password": lambda: accounts.set_password("Ann", "three other words", by="Ann"),
        "suspended": lambda: writer.people.change_user("Ann", suspended=True),
        "role": lambda: writer.people.change_user("Ann", role=Role.EVALUATOR),
        "removed": lambda: writer.people.remove_user("Ann"),
    }
    ways[how]()
    assert [accounts.person(secret) for secret in secrets] == [None, None]
    assert accounts.person(others) is not None
    has_link = accounts.link_owner(link) is not None
    assert not has_link


def test_what_a_person_may_read_is_asked_anew(accounts: Accounts, writer: CatalogWriter) -> None:
    secret = sign_in(accounts)
    writer.people.revoke("docs", "staff")
    person = accounts.person(secret)
    assert person is not None
    assert not person.readable.collections
    writer.people.change_user("Bob", role=Role.ADMIN)
    admin = accounts.person(by_link(accounts))
    assert admin is not None
    assert admin.readable == OPERATOR


def test_a_link_works_once(accounts: Accounts) -> None:
    secret = accounts.make_link("Bob", by="test")
    owner = accounts.link_owner(secret)
    assert owner is not None
    assert (owner.name, owner.has_password) == ("Bob", False)
    session = accounts.use_link(secret, password=PASSWORD, browser="", address="")
    person = accounts.person(session)
    assert person is not None
    assert (person.name, person.has_password) == ("Bob", True)
    assert accounts.link_owner(secret) is None
    with pytest.raises(SignInRefusedError, match="used already"):
        accounts.use_link(secret, password=None, browser="", address="")
    sign_in(accounts, "Bob")


def test_a_newer_link_ends_the_earlier_one(accounts: Accounts) -> None:
    first, second = (accounts.make_link("Bob", by="test") for _ in range(2))
    assert accounts.link_owner(first) is None
    assert accounts.link_owner(second) is not None


def test_a_link_ends_with_its_time(accounts: Accounts, clock: Clock) -> None:
    secret = accounts.make_link("Bob", by="test")
    clock.now += 2 * HOUR
    assert accounts.link_owner(secret) is None
    with pytest.raises(SignInRefusedError):
        accounts.use_link(secret, password=None, browser="", address="")


def test_a_link_with_a_weak_password_can_be_used_again(accounts: Accounts) -> None:
    secret = accounts.make_link("Bob", by="test")
    with pytest.raises(WeakPasswordError):
        accounts.use_link(secret, password="short", browser="", address="")
    assert accounts.link_owner(secret) is not None


def test_who_is_suspended_gets_no_link(accounts: Accounts, writer: CatalogWriter) -> None:
    writer.people.change_user("Bob", suspended=True)
    with pytest.raises(SignInRefusedError, match="suspended"):
        accounts.make_link("Bob", by="test")
    with pytest.raises(UnknownNameError):
        accounts.make_link("Eve", by="test")


@pytest.mark.parametrize("password", ["short", "a" * 300, "aaaaaaaaaaaa", "Ann", "ann1234567"])
def test_weak_passwords_are_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(WeakPasswordError):
        accounts.set_password("Ann", password, by="Ann")
    sign_in(accounts)  # the old one still holds


def test_no_secret_is_stored(accounts: Accounts, data_dir: Path) -> None:
    link = accounts.make_link("Bob", by="test")
    session = sign_in(accounts)
    stored = held(data_dir)
    assert b"Firefox" in stored
    for secret in (link, session, PASSWORD):
        assert secret.encode() not in stored


def test_is_password_of_checks_without_signing_in(accounts: Accounts) -> None:
    assert accounts.is_password_of("Ann", PASSWORD)
    assert not accounts.is_password_of("Ann", "another password")
    assert not accounts.is_password_of("Bob", "")
    assert accounts.sessions() == ()
