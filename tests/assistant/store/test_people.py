from __future__ import annotations

import pytest

from assistant.access import OPERATOR, ReadableSet, Role
from assistant.errors import InvalidNameError, NameTakenError, UnknownNameError
from assistant.store.writer import CatalogWriter
from tests.assistant.corpora import publish


@pytest.fixture
def people(writer: CatalogWriter) -> CatalogWriter:
    """Collections docs and board; group staff reads docs; ann is in staff, eve in nothing."""
    writer.add_collection("board")
    writer.add_group("staff")
    writer.grant("docs", "staff")
    writer.add_user("ann", groups=["staff"])
    writer.add_user("eve")
    return writer


def test_readable_set_of_member_is_what_the_groups_are_granted(people: CatalogWriter) -> None:
    docs = people.catalog.collection_id("docs", OPERATOR)
    assert people.catalog.readable_set("ann") == ReadableSet(collections=frozenset({docs}))


def test_readable_set_of_user_without_group_is_empty(people: CatalogWriter) -> None:
    assert people.catalog.readable_set("eve") == ReadableSet()


def test_readable_set_of_admin_is_everything(people: CatalogWriter) -> None:
    people.change_user("eve", role=Role.ADMIN)
    assert people.catalog.readable_set("eve") == OPERATOR


@pytest.mark.parametrize("role", list(Role))
def test_readable_set_of_suspended_user_is_empty(people: CatalogWriter, role: Role) -> None:
    people.change_user("ann", role=role, suspended=True)
    assert people.catalog.readable_set("ann") == ReadableSet()


def test_readable_set_of_unknown_user_is_an_error(people: CatalogWriter) -> None:
    with pytest.raises(UnknownNameError, match="no user 'bob'"):
        people.catalog.readable_set("bob")


@pytest.mark.parametrize("twice", [1, 2])
def test_revoke_ends_what_grant_began(people: CatalogWriter, twice: int) -> None:
    for _ in range(twice):
        people.grant("board", "staff")
    assert len(people.catalog.readable_set("ann").collections) == 2
    for _ in range(twice):
        people.revoke("board", "staff")
    assert len(people.catalog.readable_set("ann").collections) == 1


def test_collection_id_is_hidden_from_who_may_not_read_it(people: CatalogWriter) -> None:
    ann = people.catalog.readable_set("ann")
    with pytest.raises(UnknownNameError) as unreadable:
        people.catalog.collection_id("board", ann)
    with pytest.raises(UnknownNameError) as missing:
        people.catalog.collection_id("nonex", ann)
    assert str(unreadable.value).replace("board", "nonex") == str(missing.value)


def test_within_unreadable_collection_is_empty(people: CatalogWriter) -> None:
    board = people.catalog.collection_id("board", OPERATOR)
    assert people.catalog.readable_set("ann").within(board) == ReadableSet()


def test_lists_tell_who_reads_what(people: CatalogWriter) -> None:
    publish(people, "docs", a="one", b="two")
    people.change_user("eve", groups=["staff"], suspended=True)
    collections = people.catalog.collections()
    assert [(one.name, one.n_documents, one.groups) for one in collections] == [
        ("board", 0, ()),
        ("docs", 2, ("staff",)),
    ]
    (group,) = people.catalog.groups()
    assert (group.name, group.users, group.collections) == ("staff", ("ann", "eve"), ("docs",))
    assert [(user.name, user.suspended, user.groups) for user in people.catalog.users()] == [
        ("ann", False, ("staff",)),
        ("eve", True, ("staff",)),
    ]


def test_change_user_groups_replaces_them(people: CatalogWriter) -> None:
    people.add_group("night")
    people.change_user("ann", groups=["night"])
    assert people.catalog.users()[0].groups == ("night",)


def test_remove_group_ends_its_grants_and_memberships(people: CatalogWriter) -> None:
    people.remove_group("staff")
    assert people.catalog.readable_set("ann") == ReadableSet()
    assert people.catalog.groups() == ()


def test_remove_user_forgets_the_name(people: CatalogWriter) -> None:
    people.remove_user("ann")
    with pytest.raises(UnknownNameError):
        people.catalog.readable_set("ann")


def test_add_of_existing_name_is_refused(people: CatalogWriter) -> None:
    for add in (people.add_collection, people.add_group, people.add_user):
        name = {"add_collection": "docs", "add_group": "staff"}.get(add.__name__, "ann")
        with pytest.raises(NameTakenError, match="exists already"):
            add(name)


@pytest.mark.parametrize("name", ["", " ", " docs", "a\nb", "x" * 101])
def test_add_of_unprintable_or_endless_name_is_refused(people: CatalogWriter, name: str) -> None:
    with pytest.raises(InvalidNameError):
        people.add_group(name)


def test_collection_ids_are_never_used_again(writer: CatalogWriter) -> None:
    first = writer.add_collection("first")
    writer.remove_collection("first")
    assert writer.add_collection("second") > first
