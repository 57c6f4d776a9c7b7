from __future__ import annotations

import json

import pytest


def collections_of(plinth) -> dict[str, list[str]]:
    listed = json.loads(plinth("collections", "list", "--json").stdout)["collections"]
    return {one["collection"]: one["groups"] for one in listed}


def test_collections_are_added_granted_and_revoked(plinth):
    assert plinth("groups", "add", "staff").exit_code == 0
    assert plinth("collections", "add", "hr").exit_code == 0
    assert collections_of(plinth) == {"hr": []}
    assert plinth("collections", "grant", "hr", "staff").exit_code == 0
    assert collections_of(plinth) == {"hr": ["staff"]}
    assert plinth("collections", "revoke", "hr", "staff").exit_code == 0
    assert collections_of(plinth) == {"hr": []}


def test_collections_list_says_who_reads(plinth):
    assert plinth("collections", "list").stdout == "No collections.\n"
    plinth("collections", "add", "hr")
    assert plinth("collections", "list").stdout == "hr: 0 documents, read by admins only\n"


def test_groups_list_says_what_they_read(plinth):
    assert plinth("groups", "list").stdout == "No groups.\n"
    plinth("groups", "add", "staff")
    plinth("collections", "add", "hr")
    plinth("collections", "grant", "hr", "staff")
    assert plinth("groups", "list").stdout == "staff: nobody; reads hr\n"
    listed = json.loads(plinth("groups", "list", "--json").stdout)
    assert listed == {
        "groups": [{"group": "staff", "users": [], "collections": ["hr"], "documents": []}]
    }


def test_groups_remove_takes_their_grants_along(plinth):
    plinth("groups", "add", "staff")
    plinth("collections", "add", "hr")
    plinth("collections", "grant", "hr", "staff")
    assert plinth("groups", "remove", "staff").exit_code == 0
    assert collections_of(plinth) == {"hr": []}


@pytest.mark.parametrize(
    "command",
    [
        ("collections", "grant", "hr", "unknown"),
        ("collections", "grant", "unknown", "staff"),
        ("collections", "revoke", "unknown", "staff"),
        ("collections", "add", "hr"),
        ("groups", "add", "staff"),
        ("groups", "remove", "unknown"),
        ("groups", "add", " "),
    ],
)
def test_wrong_names_are_errors_on_one_line(plinth, command):
    plinth("groups", "add", "staff")
    plinth("collections", "add", "hr")
    done = plinth(*command)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
