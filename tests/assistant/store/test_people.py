from __future__ import annotations

import pytest

from assistant.access import OPERATOR, ReadableSet, Role
from assistant.errors import InvalidNameError, LastAdminError, NameTakenError, UnknownNameError
from assistant.settings import SignInSettings
from assistant.store.people import owner_of
from assistant.store.writer import CatalogWriter
from tests.assistant.corpora import publish


@pytest.fixture
def people(writer: CatalogWriter) -> CatalogWriter:
    """Collections docs and board; group staff reads docs; ann is in staff, eve in nothing."""
    writer.people.add_collection("board")
    writer.people.add_group("staff")
    writer.people.grant("docs", "staff")
    writer.people.add_user("ann", groups=["staff"])
    writer.people.add_user("eve")
    return writer


def test_readable_set_of_member_is_what_the_groups_are_granted(people: CatalogWriter) -> None:
    docs = people.catalog.people.collection_id("docs", OPERATOR)
    assert people.catalog.people.readable_set("ann") == ReadableSet(collections=frozenset({docs}))


def test_readable_set_of_user_without_group_is_empty(people: CatalogWriter) -> None:
    assert people.catalog.people.readable_set("eve") == ReadableSet()


def test_readable_set_of_admin_is_everything(people: CatalogWriter) -> None:
    people.people.change_user("eve", role=Role.ADMIN)
    assert people.catalog.people.readable_set("eve") == OPERATOR


@pytest.mark.parametrize("role", list(Role))
def test_readable_set_of_suspended_user_is_empty(people: CatalogWriter, role: Role) -> None:
    people.people.change_user("ann", role=role, suspended=True)
    assert people.catalog.people.readable_set("ann") == ReadableSet()


def test_readable_set_of_unknown_user_is_an_error(people: CatalogWriter) -> None:
    with pytest.raises(UnknownNameError, match="no user 'bob'"):
        people.catalog.people.readable_set("bob")


@pytest.mark.parametrize("twice", [1, 2])
def test_revoke_ends_what_grant_began(people: CatalogWriter, twice: int) -> None:
    for _ in range(twice):
        people.people.grant("board", "staff")
    assert len(people.catalog.people.readable_set("ann").collections) == 2
    for _ in range(twice):
        people.people.revoke("board", "staff")
    assert len(people.catalog.people.readable_set("ann").collections) == 1


def test_collection_id_is_hidden_from_who_may_not_read_it(people: CatalogWriter) -> None:
    ann = people.catalog.people.readable_set("ann")
    with pytest.raises(UnknownNameError) as unreadable:
        people.catalog.people.collection_id("board", ann)
    with pytest.raises(UnknownNameError) as missing:
        people.catalog.people.collection_id("nonex", ann)
    assert str(unreadable.value).replace("board", "nonex") == str(missing.value)
    assert str(missing.value) == "no collection 'nonex' that you may read; check its name"


def test_collection_id_is_known_by_a_single_document_in_it(people: CatalogWriter) -> None:
    people.people.add_collection("plans")
    for name in ("board", "plans"):
        publish(people, name, **{f"of_{name}": "words"})
    (pay,) = people.catalog.list_documents(OPERATOR, "board")
    people.people.grant_document(pay.document_id, "staff")
    ann = people.catalog.people.readable_set("ann")
    board = people.catalog.people.collection_id("board", OPERATOR)
    assert people.catalog.people.collection_id("board", ann) == board
    for name in ("plans", "nonex"):
        with pytest.raises(UnknownNameError):
            people.catalog.people.collection_id(name, ann)
    with pytest.raises(UnknownNameError):
        people.catalog.people.collection_id("nonex", OPERATOR)


def test_grants_of_other_groups_and_to_other_people_do_not_count(people: CatalogWriter) -> None:
    publish(people, "board", pay="one")
    (pay,) = people.catalog.list_documents(OPERATOR, "board")
    people.people.add_group("night")
    people.people.change_user("eve", groups=["night"])
    people.people.grant("board", "night")
    people.people.grant_document(pay.document_id, "night")
    docs, board = (
        people.catalog.people.collection_id(name, OPERATOR) for name in ("docs", "board")
    )
    readable = people.catalog.people.readable_set
    assert readable("ann") == ReadableSet(collections=frozenset({docs}))
    assert readable("eve") == ReadableSet(
        collections=frozenset({board}), documents=frozenset({pay.document_id})
    )
    people.people.change_user("ann", groups=["staff", "night"])
    assert readable("ann") == ReadableSet(
        collections=frozenset({docs, board}), documents=frozenset({pay.document_id})
    )


def test_within_unreadable_collection_is_empty(people: CatalogWriter) -> None:
    board = people.catalog.people.collection_id("board", OPERATOR)
    assert people.catalog.people.readable_set("ann").within(board) == ReadableSet()


def test_lists_tell_who_reads_what(people: CatalogWriter) -> None:
    publish(people, "docs", a="one", b="two")
    people.people.change_user("eve", groups=["staff"], suspended=True)
    collections = people.catalog.people.collections()
    assert [(one.name, one.n_documents, one.groups) for one in collections] == [
        ("board", 0, ()),
        ("docs", 2, ("staff",)),
    ]
    (group,) = people.catalog.people.groups()
    assert (group.name, group.users, group.collections) == ("staff", ("ann", "eve"), ("docs",))
    assert [(user.name, user.suspended, user.groups) for user in people.catalog.people.users()] == [
        ("ann", False, ("staff",)),
        ("eve", True, ("staff",)),
    ]


def test_change_user_groups_replaces_them(people: CatalogWriter) -> None:
    people.people.add_group("night")
    people.people.change_user("ann", groups=["night"])
    assert people.catalog.people.users()[0].groups == ("night",)


def test_remove_group_ends_its_grants_and_memberships(people: CatalogWriter) -> None:
    people.people.remove_group("staff")
    assert people.catalog.people.readable_set("ann") == ReadableSet()
    assert people.catalog.people.groups() == ()


def test_remove_user_forgets_the_name(people: CatalogWriter) -> None:
    people.people.remove_user("ann")
    with pytest.raises(UnknownNameError):
        people.catalog.people.readable_set("ann")


def test_add_of_existing_name_is_refused(people: CatalogWriter) -> None:
    editor = people.people
    for add in (editor.add_collection, editor.add_group, editor.add_user):
        name = {"add_collection": "docs", "add_group": "staff"}.get(add.__name__, "ann")
        with pytest.raises(NameTakenError, match="exists already"):
            add(name)


@pytest.mark.parametrize("name", ["", " ", " docs", "a\nb", "x" * 101])
def test_add_of_unprintable_or_endless_name_is_refused(people: CatalogWriter, name: str) -> None:
    with pytest.raises(InvalidNameError):
        people.people.add_group(name)


def test_collection_ids_are_never_used_again(writer: CatalogWriter) -> None:
    first = writer.people.add_collection("first")
    writer.remove_collection("first")
    assert writer.people.add_collection("second") > first


def test_document_grant_is_readable_wherever_it_lies(people: CatalogWriter) -> None:
    publish(people, "board", pay="one", plan="two")
    pay, plan = people.catalog.list_documents(OPERATOR, "board")
    people.people.grant_document(pay.document_id, "staff")
    ann = people.catalog.people.readable_set("ann")
    assert people.catalog.list_documents(ann, "board") == (pay,)
    assert people.catalog.readable_ids([pay.document_id, plan.document_id], ann) == {
        pay.document_id
    }
    assert people.catalog.people.document_groups(pay.document_id) == ("staff",)
    assert people.catalog.people.groups()[0].documents == (pay.document_id,)
    people.people.revoke_document(pay.document_id, "staff")
    assert people.catalog.list_documents(people.catalog.people.readable_set("ann")) == ()


def test_within_a_collection_leaves_documents_granted_elsewhere_out(people: CatalogWriter) -> None:
    publish(people, "board", pay="one")
    people.people.add_collection("plans")
    publish(people, "plans", plan="two")
    for document in people.catalog.list_documents(OPERATOR):
        people.people.grant_document(document.document_id, "staff")
    ann = people.catalog.people.readable_set("ann")
    assert len(people.catalog.list_documents(ann)) == 2
    board = people.catalog.people.collection_id("board", ann)
    plans = people.catalog.people.collection_id("plans", ann)
    assert [one.document for one in people.catalog.list_documents(ann.within(board))] == ["pay.txt"]
    assert people.catalog.list_documents(ann.within(board).within(plans)) == ()


def test_document_grant_ends_with_its_document(people: CatalogWriter) -> None:
    publish(people, "board", pay="one")
    (pay,) = people.catalog.list_documents(OPERATOR)
    people.people.grant_document(pay.document_id, "staff")
    people.delete_document(pay.document_id)
    assert people.catalog.people.groups()[0].documents == ()
    with pytest.raises(UnknownNameError, match="no document"):
        people.people.grant_document(pay.document_id, "staff")


def test_names_that_differ_by_capitals_only_are_one(people: CatalogWriter) -> None:
    with pytest.raises(NameTakenError):
        people.people.add_user("ANN")


@pytest.mark.parametrize("change", ["role", "suspended", "remove"])
def test_the_last_admin_stays(people: CatalogWriter, change: str) -> None:
    editor = people.people
    editor.add_user("root", role=Role.ADMIN)
    ways = {
        "role": lambda: editor.change_user("root", role=Role.EMPLOYEE),
        "suspended": lambda: editor.change_user("root", suspended=True),
        "remove": lambda: editor.remove_user("root"),
    }
    with pytest.raises(LastAdminError):
        ways[change]()
    assert people.catalog.people.readable_set("root") == OPERATOR
    editor.add_user("second", role=Role.ADMIN)
    ways[change]()


def test_remove_user_takes_the_conversations_along(people: CatalogWriter) -> None:
    conversations = people.catalog.conversations
    (owner,) = (owner_of(i) for i in [user_id(people, "ann")])
    conversations.add_turn(None, owner, "Why?", {"citations": [], "passages": []})
    people.people.add_user("bob")
    last = user_id(people, "bob")
    people.people.remove_user("ann")
    assert conversations.list(owner) == ()
    people.people.remove_user("bob")
    people.people.add_user("carl")
    assert user_id(people, "carl") > last  # no id comes again


@pytest.mark.parametrize("name", ["operator", "Somebody"])
def test_names_of_the_audit_log_are_nobodys(people: CatalogWriter, name: str) -> None:
    with pytest.raises(InvalidNameError, match="audit log"):
        people.people.add_user(name)
    people.people.add_group(name)


def user_id(people: CatalogWriter, name: str) -> int:
    accounts = people.catalog.accounts(SignInSettings())
    secret = accounts.use_link(
        accounts.make_link(name, by="test"), password=None, browser="", address=""
    )
    person = accounts.person(secret)
    assert person is not None
    return person.user_id
