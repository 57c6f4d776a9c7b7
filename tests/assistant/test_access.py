from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.access import (
    ALLOWED,
    OPERATOR,
    Action,
    Person,
    ReadableSet,
    Role,
    readable_by,
)
from assistant.errors import ForbiddenError
from assistant.types import CollectionId, DocumentId

COLLECTIONS = tuple(map(CollectionId, (1, 2, 3)))
DOCUMENTS = tuple(map(DocumentId, ("pay", "plan")))
READABLE_SETS = st.builds(
    ReadableSet,
    everything=st.booleans(),
    collections=st.frozensets(st.sampled_from(COLLECTIONS)),
    documents=st.frozensets(st.sampled_from(DOCUMENTS)),
    documents_in=st.none() | st.sampled_from(COLLECTIONS),
)


def reads(readable: ReadableSet) -> set[tuple[CollectionId, DocumentId]]:
    """What the words of `ReadableSet` say: each document, wherever it may lie."""
    return {
        (place, document)
        for place, document in itertools.product(COLLECTIONS, DOCUMENTS)
        if readable.everything
        or place in readable.collections
        or (document in readable.documents and readable.documents_in in (None, place))
    }


def readable(
    role: Role = Role.EMPLOYEE,
    *,
    suspended: bool = False,
    collections: Iterable[CollectionId] = (),
    documents: Iterable[DocumentId] = (),
) -> ReadableSet:
    return readable_by(role=role, suspended=suspended, collections=collections, documents=documents)


def person(role: Role) -> Person:
    return Person(
        user_id=1,
        name="ann",
        role=role,
        readable=ReadableSet(),
        owner="user:1",
        session_id="s",
        has_password=False,
    )


@pytest.mark.parametrize("role", [Role.EMPLOYEE, Role.EVALUATOR])
def test_readable_by_gives_what_is_granted_and_nothing_else(role: Role) -> None:
    assert readable(role) == ReadableSet()
    one = readable(role, collections=iter([COLLECTIONS[0]]), documents=iter([DOCUMENTS[1]]))
    assert one == ReadableSet(
        collections=frozenset({COLLECTIONS[0]}), documents=frozenset({DOCUMENTS[1]})
    )
    assert not one.everything


def test_readable_by_gives_admins_everything() -> None:
    assert readable(Role.ADMIN) == OPERATOR
    assert OPERATOR.everything


@pytest.mark.parametrize("role", list(Role))
def test_readable_by_gives_who_is_suspended_nothing(role: Role) -> None:
    suspended = readable(role, suspended=True, collections=COLLECTIONS, documents=DOCUMENTS)
    assert suspended == ReadableSet()
    assert reads(suspended) == set()


@given(READABLE_SETS, st.sampled_from(COLLECTIONS))
def test_within_is_what_of_a_set_lies_in_the_collection(
    whole: ReadableSet, collection: CollectionId
) -> None:
    inside = whole.within(collection)
    assert not inside.everything
    assert reads(inside) == {one for one in reads(whole) if one[0] == collection}


@given(READABLE_SETS, st.sampled_from(COLLECTIONS))
def test_within_the_same_collection_again_changes_nothing(
    whole: ReadableSet, collection: CollectionId
) -> None:
    inside = whole.within(collection)
    assert inside.within(collection) == inside


@given(st.lists(READABLE_SETS, min_size=2, max_size=2))
def test_sets_that_read_something_else_have_other_fingerprints(sets: list[ReadableSet]) -> None:
    one, other = sets
    if reads(one) != reads(other):
        assert one.fingerprint != other.fingerprint
    if one == other:
        assert one.fingerprint == other.fingerprint


def test_fingerprint_is_the_same_in_every_process() -> None:
    # Stored with evaluation runs; the order in which a frozenset is walked changes.
    assert OPERATOR.fingerprint == "everything"
    granted = ReadableSet(collections=frozenset(COLLECTIONS), documents=frozenset(DOCUMENTS))
    assert granted.fingerprint == "c5058d7c3337de59"


def test_every_action_has_a_rule() -> None:
    assert set(ALLOWED) == set(Action)


def test_allowed_is_the_table_of_the_documentation() -> None:
    everybody = {Role.EMPLOYEE, Role.EVALUATOR, Role.ADMIN}
    assert dict(ALLOWED) == {
        Action.ASK: everybody,
        Action.READ: everybody,
        Action.RATE: everybody,
        Action.CHANGE_OWN_ACCOUNT: everybody,
        Action.EVALUATE: {Role.EVALUATOR, Role.ADMIN},
        Action.REVIEW: {Role.EVALUATOR, Role.ADMIN},
        Action.CHANGE_DOCUMENTS: {Role.ADMIN},
        Action.JUDGE_HIDDEN_TEXT: {Role.ADMIN},
        Action.MANAGE_PEOPLE: {Role.ADMIN},
        Action.SEE_AUDIT_LOG: {Role.ADMIN},
        Action.SEE_MONITORING: {Role.ADMIN},
    }


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_an_action_passes_for_its_roles_only(role: Role, action: Action) -> None:
    one = person(role)
    assert one.may(action) == (role in ALLOWED[action])
    if role in ALLOWED[action]:
        one.require(action)
    else:
        with pytest.raises(ForbiddenError) as refused:
            one.require(action)
        assert str(refused.value) == f"your role ({role}) does not allow to {action}; ask an admin"


@pytest.mark.parametrize("role", list(Role))
def test_an_action_without_a_rule_is_for_nobody(
    monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    monkeypatch.setattr("assistant.access.ALLOWED", {})
    assert not any(person(role).may(action) for action in Action)


def test_a_set_holds_a_collection_only_if_all_of_it_is_readable() -> None:
    one, other = CollectionId(1), CollectionId(2)
    whole = ReadableSet(collections=frozenset({one}), documents=frozenset({DocumentId("d")}))
    assert [whole.holds(one), whole.holds(other)] == [True, False]
    assert OPERATOR.holds(other)
    assert not ReadableSet(documents=frozenset({DocumentId("d")}), documents_in=one).holds(one)
