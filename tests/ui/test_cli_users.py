from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from assistant.access import Role
from assistant.settings import SignInSettings
from assistant.store.catalog import open_catalog
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.types import ProviderIdentity
from tests.ui.conftest import Plinth


def users_of(plinth: Plinth) -> dict[str, dict[str, object]]:
    listed = json.loads(plinth("users", "list", "--json").stdout)["users"]
    return {one.pop("user"): one for one in listed}


def name_of(data_dir: Path, link: str) -> str | None:
    """Whom a link would sign in."""
    secret = parse_qs(urlsplit(link).query)["secret"][0]
    with open_catalog(data_dir) as catalog:
        owner = catalog.accounts(SignInSettings()).link_owner(secret)
    return None if owner is None else owner.name


def test_add_prints_a_link_that_signs_in_once(plinth: Plinth, data_dir: Path) -> None:
    plinth("groups", "add", "staff")
    done = plinth("users", "add", "Ann", "--role", "evaluator", "--group", "staff")
    assert done.exit_code == 0
    assert "within 72 hours" in done.stderr
    link = done.stdout.strip()
    assert link.startswith("http://127.0.0.1:8501/plinth/link?secret=")
    assert name_of(data_dir, link) == "Ann"
    assert users_of(plinth) == {
        "Ann": {
            "role": "evaluator",
            "suspended": False,
            "groups": ["staff"],
            "password": False,
            "provider": False,
            "sessions": 0,
        }
    }


def test_add_as_json_is_user_and_link(plinth: Plinth, data_dir: Path) -> None:
    printed = json.loads(plinth("users", "add", "Ann", "--json").stdout)
    assert set(printed) == {"user", "link"}
    assert name_of(data_dir, printed["link"]) == printed["user"] == "Ann"


def test_links_lead_to_the_server_that_runs_or_to_the_address_that_is_set(
    plinth: Plinth, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Layout(data_dir).server_address.write_text("http://127.0.0.1:9999\n")
    plinth("users", "add", "Ann")
    assert plinth("users", "link", "Ann").stdout.startswith("http://127.0.0.1:8501/")
    with ProcessLock(Layout(data_dir).server_lock, wait_s=0):
        assert plinth("users", "link", "Ann").stdout.startswith("http://127.0.0.1:9999/")
        monkeypatch.setenv("PLINTH_SIGN_IN__ADDRESS", "https://plinth.example/")
        assert plinth("users", "link", "Ann").stdout.startswith("https://plinth.example/plinth/")


def test_a_new_link_ends_the_earlier_one(plinth: Plinth, data_dir: Path) -> None:
    first = plinth("users", "add", "Ann").stdout.strip()
    second = plinth("users", "link", "Ann").stdout.strip()
    assert (name_of(data_dir, first), name_of(data_dir, second)) == (None, "Ann")


def test_change_sets_role_and_groups(plinth: Plinth) -> None:
    for group in ("staff", "board"):
        plinth("groups", "add", group)
    plinth("users", "add", "Ann", "--group", "staff")
    assert plinth("users", "change", "Ann", "--role", "admin", "--group", "board").exit_code == 0
    assert users_of(plinth)["Ann"]["role"] == Role.ADMIN
    assert users_of(plinth)["Ann"]["groups"] == ["board"]
    plinth("users", "add", "Bob", "--role", "admin")
    assert plinth("users", "change", "Ann", "--no-groups").exit_code == 0
    assert users_of(plinth)["Ann"]["groups"] == []


@pytest.mark.parametrize("options", [(), ("--group", "staff", "--no-groups"), ("--role", "king")])
def test_change_without_a_meaning_is_a_usage_error(
    plinth: Plinth, options: tuple[str, ...]
) -> None:
    plinth("users", "add", "Ann")
    assert plinth("users", "change", "Ann", *options).exit_code == 2


def test_suspend_ends_the_link_and_resume_lets_make_another(plinth: Plinth, data_dir: Path) -> None:
    link = plinth("users", "add", "Ann").stdout.strip()
    assert plinth("users", "suspend", "Ann").exit_code == 0
    assert name_of(data_dir, link) is None
    assert plinth("users", "list").stdout == "Ann: employee, suspended; no group\n"
    assert plinth("users", "link", "Ann").exit_code == 1
    assert plinth("users", "resume", "Ann").exit_code == 0
    assert plinth("users", "link", "Ann").exit_code == 0


def test_sign_out_says_how_many_sessions_ended(plinth: Plinth, data_dir: Path) -> None:
    link = plinth("users", "add", "Ann").stdout.strip()
    secret = parse_qs(urlsplit(link).query)["secret"][0]
    with open_catalog(data_dir) as catalog:
        accounts = catalog.accounts(SignInSettings())
        session = accounts.use_link(secret, password=None, browser="", address="")
        assert plinth("users", "sign-out", "Ann").stderr == "1 sessions ended\n"
        assert accounts.person(session) is None


def test_unlink_forgets_the_account_at_the_provider(plinth: Plinth, data_dir: Path) -> None:
    plinth("users", "add", "ann")
    identity = ProviderIdentity(subject="https://id.example|1", name="ann")
    with open_catalog(data_dir) as catalog:
        accounts = catalog.accounts(SignInSettings())
        session = accounts.sign_in_by_provider(identity, browser="", address="")
        assert users_of(plinth)["ann"]["provider"] is True
        assert "signs in by the provider" in plinth("users", "list").stdout
        assert plinth("users", "unlink", "ann").exit_code == 0
        assert accounts.person(session) is None
    assert users_of(plinth)["ann"]["provider"] is False


def test_remove_asks_before(plinth: Plinth) -> None:
    plinth("users", "add", "Ann")
    assert plinth("users", "remove", "Ann").exit_code == 2  # nobody to ask
    assert plinth("users", "remove", "Ann", "--yes").exit_code == 0
    assert plinth("users", "list").stdout == "No users.\n"


@pytest.mark.parametrize(
    "command",
    [
        ("add", "ANN"),
        ("add", " "),
        ("add", "Bob", "--group", "unknown"),
        ("link", "unknown"),
        ("suspend", "unknown"),
        ("change", "unknown", "--role", "admin"),
        ("remove", "unknown", "--yes"),
        ("sign-out", "unknown"),
    ],
)
def test_wrong_names_are_errors_on_one_line(plinth: Plinth, command: tuple[str, ...]) -> None:
    plinth("users", "add", "Ann")
    done = plinth("users", *command)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_user_sees_a_document_that_is_granted_by_itself(asking: Plinth) -> None:
    asking("groups", "add", "staff")
    asking("users", "add", "Ann", "--group", "staff")
    assert asking("docs", "list", "--as", "Ann").stdout == "No documents.\n"
    assert asking("docs", "grant", "leave.md", "staff").exit_code == 0
    listed = asking("docs", "list", "--as", "Ann", "--json")
    assert [one["document"] for one in json.loads(listed.stdout)["documents"]] == ["leave.md"]
    assert "granted by itself to staff" in asking("docs", "show", "leave.md").stdout
    assert "staff" not in asking("docs", "show", "leave.md", "--as", "Ann").stdout
    found = json.loads(asking("search", "hotel limit", "--as", "Ann", "--json").stdout)
    assert {one["document"] for one in found["passages"]} == {"leave.md"}
    assert "1 documents granted one by one" in asking("groups", "list").stdout
    assert asking("docs", "revoke", "leave.md", "staff").exit_code == 0
    assert asking("docs", "list", "--as", "Ann").stdout == "No documents.\n"


@pytest.mark.parametrize("name", ["travel.md", "no-such-document.md"])
def test_an_unreadable_document_is_like_a_missing_one(asking: Plinth, name: str) -> None:
    asking("users", "add", "Ann")
    done = asking("docs", "show", name, "--as", "Ann")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.replace(name, "X") == (
        "error: no document 'X'; `plinth docs list` shows names and ids\n"
    )


def test_audit_shows_who_did_what(asking: Plinth) -> None:
    asking("groups", "add", "staff")
    asking("collections", "grant", "documents", "staff")
    lines = asking("audit").stdout.splitlines()
    assert "operator  granted  documents" in lines[0]
    assert "operator  group added  staff" in lines[1]
    assert "operator  uploaded  documents" in lines[2]
    entries = json.loads(asking("audit", "--json", "--action", "granted").stdout)["entries"]
    assert [(one["subject"], one["details"]) for one in entries] == [
        ("documents", {"group": "staff"})
    ]
    assert asking("audit", "--user", "nobody").stdout == "No entries.\n"
    assert asking("audit", "--action", "flew").exit_code == 1


def test_doctor_finds_an_audit_log_that_was_changed(asking: Plinth, data_dir: Path) -> None:
    assert "ok    audit log: 2 entries" in asking("doctor").stdout
    Layout(data_dir).audit_anchor.write_text("{}")
    done = asking("doctor")
    assert done.exit_code == 3
    assert "anchor" in done.stdout + done.stderr
