"""The whole flow with a real provider, by two HTTP clients: one is at Plinth, one there."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from assistant.errors import SignInRefusedError
from assistant.store.types import AuditAction, ProviderIdentity, SignInWay
from tests.ui.web.conftest import ORIGIN
from tests.ui.web.openid.conftest import (
    ACCOUNTS,
    ANN,
    OTHER_ANN,
    STRANGER,
    SUSPENDED,
    UNVERIFIED,
    Site,
    SiteWith,
    at_provider,
)
from tests.ui.web.openid_provider import CLIENT_SECRET, running_provider
from ui.web.access_rules import OPENID_END_PATH, OPENID_START_PATH, SIGN_IN_PATH
from ui.web.cookies import COOKIE, OPENID_COOKIE
from ui.web.resources import Resources
from ui.web.security import HEADERS
from ui.web.throttle import OF_ADDRESS

NAME = "ann@corp.example"


def changed(address: str, **fields: str | None) -> str:
    """Return an address with other fields; None takes one out."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | fields
    kept = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


def refused(site: Site, address: str, *, is_stray: bool = False) -> str:
    """Come to an address, be refused, and return the page.

    A stray answer says nothing of a sign-in that this browser may have begun: its cookie stays.
    """
    reply = site.end(address)
    assert reply.status_code == 403
    assert COOKIE not in site.browser.cookies
    assert not site.is_in
    assert re.search(r"this number: [0-9a-f]{12}", reply.text)
    ended = f"{OPENID_COOKIE}=; " in reply.headers.get("set-cookie", "")
    assert ended is not is_stray
    return reply.text


def test_a_person_whom_an_admin_added_signs_in_and_is_linked(site: Site, issuer: str) -> None:
    assert not site.is_in
    reply = site.sign_in()
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert site.is_in
    assert site.person == NAME
    (session,) = site.opened.accounts.sessions(NAME)
    assert session.signed_in_by is SignInWay.PROVIDER
    (linked,) = site.audit(AuditAction.ACCOUNT_LINKED)
    assert (linked.actor, linked.subject) == (NAME, NAME)
    assert linked.details["identity"] == f"{issuer}|{ANN}"
    (entry,) = site.audit(AuditAction.SIGNED_IN)
    assert entry.details["by"] == "provider"
    assert next(one for one in site.opened.catalog.people.users() if one.name == NAME).has_subject


def test_the_session_is_as_any_other(site: Site) -> None:
    reply = site.sign_in()
    cookie = next(
        one for one in reply.headers.get_list("set-cookie") if one.startswith(f"{COOKIE}=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    site.opened.catalog.edit_people("test").change_user(NAME, suspended=True)
    assert not site.is_in


def test_a_new_sign_in_ends_the_browsers_earlier_session(site: Site) -> None:
    site.sign_in()
    first = site.browser.cookies[COOKIE]
    site.sign_in()
    assert site.browser.cookies[COOKIE] != first
    assert site.opened.accounts.person(first) is None
    assert len(site.audit(AuditAction.ACCOUNT_LINKED)) == 1


@pytest.mark.parametrize(
    ("wanted", "address"),
    [
        ("/documents?x=1", "/documents?x=1"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/plinth/audit.jsonl", "/"),
        (f"/documents?x={'1' * 2000}", "/"),
    ],
)
def test_signing_in_leads_to_our_own_pages_only(site: Site, wanted: str, address: str) -> None:
    back = at_provider(site.start(next=wanted), ANN)
    assert site.end(back).headers["location"] == address


def test_the_sign_in_page_leads_there_and_keeps_what_was_wanted(site: Site) -> None:
    page = site.browser.get(SIGN_IN_PATH, params={"next": "/documents?x=1"}).text
    assert f'href="{OPENID_START_PATH}?next=%2Fdocuments%3Fx%3D1"' in page
    assert "Sign in with your company account" in page
    assert "<script" not in page


def test_the_browser_is_sent_with_challenge_state_and_nonce(site: Site, issuer: str) -> None:
    first, second = (parse_qs(urlsplit(site.start()).query) for _ in range(2))
    assert first["code_challenge_method"] == ["S256"]
    assert first["response_type"] == ["code"]
    assert first["redirect_uri"] == [ORIGIN + OPENID_END_PATH]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]
    reply = site.browser.get(OPENID_START_PATH)
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/;" in cookie
    assert "Max-Age=600" in cookie
    assert {name: reply.headers[name] for name in HEADERS} == HEADERS
    assert reply.headers["cache-control"] == "no-store"


def test_later_the_account_counts_and_not_its_name(site: Site) -> None:
    site.sign_in()
    site.browser = site.new_browser()
    # Another account to which the provider gave the same address meanwhile.
    page = refused(site, at_provider(site.start(), OTHER_ANN))
    assert "Ask your admin to add you" in page
    site.opened.catalog.edit_people("test").unlink_user(NAME)
    assert site.sign_in(OTHER_ANN).status_code == 303
    site.browser = site.new_browser()
    refused(site, at_provider(site.start(), ANN))


def test_unlinking_ends_the_sessions_and_is_recorded(site: Site, issuer: str) -> None:
    site.sign_in()
    editor = site.opened.catalog.edit_people("test")
    editor.unlink_user(NAME)
    editor.unlink_user(NAME)
    assert not site.is_in
    (entry,) = site.audit(AuditAction.ACCOUNT_UNLINKED)
    assert (entry.actor, entry.subject) == ("test", NAME)
    assert entry.details == {"identity": f"{issuer}|{ANN}"}


@pytest.mark.parametrize("login", [UNVERIFIED, STRANGER, SUSPENDED])
def test_who_is_not_added_or_suspended_is_told_the_same(site: Site, login: str) -> None:
    page = refused(site, at_provider(site.start(), login))
    assert "Ask your admin to add you" in page
    assert site.failures() == ["not allowed"]
    assert site.audit(AuditAction.ACCOUNT_LINKED) == ()
    assert not any(one.has_subject for one in site.opened.catalog.people.users())


def test_an_address_that_is_not_verified_names_nobody(site: Site) -> None:
    refused(site, at_provider(site.start(), UNVERIFIED))
    (entry,) = site.audit(AuditAction.SIGN_IN_FAILED)
    assert "account" not in entry.details
    refused(site, at_provider(site.start(), STRANGER))
    assert site.audit(AuditAction.SIGN_IN_FAILED)[0].details["account"] == "no@corp.example"


def test_another_claim_can_name_people(site_with: SiteWith, issuer: str) -> None:
    site = site_with(issuer, name_claim="preferred_username")
    site.sign_in(UNVERIFIED)
    assert site.person == "ann"


@pytest.mark.parametrize("name_claim", ["email", "preferred_username"])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_what_is_told_beside_the_token_names_people_too(
    site_with: SiteWith, name_claim: str, algorithm: str
) -> None:
    with running_provider(ACCOUNTS, claims_in_token=False, algorithm=algorithm) as issuer:
        site = site_with(issuer, name_claim=name_claim)
        if name_claim == "email":
            refused(site, at_provider(site.start(), UNVERIFIED))
        assert site.sign_in().status_code == 303
        assert site.person in (NAME, "ann")


def test_a_token_signed_with_the_shared_secret_is_refused(site_with: SiteWith) -> None:
    with running_provider(ACCOUNTS, algorithm="HS256") as issuer:
        site = site_with(issuer)
        refused(site, at_provider(site.start(), ANN))
        assert site.failures() == ["token refused"]


def test_another_browser_cannot_use_the_answer(site: Site) -> None:
    back = at_provider(site.start(), ANN)
    theirs = site.browser
    site.browser = site.new_browser()
    refused(site, back, is_stray=True)  # no cookie
    site.start()
    refused(site, back, is_stray=True)  # the cookie of its own sign-in
    site.browser = theirs
    assert site.end(back).status_code == 303


def test_an_answer_works_once(site: Site) -> None:
    address = site.start()
    cookie = site.browser.cookies[OPENID_COOKIE]
    back = at_provider(address, ANN)
    assert site.end(back).status_code == 303
    site.browser = site.new_browser()
    refused(site, back, is_stray=True)  # the cookie went with the first
    site.browser.cookies.set(OPENID_COOKIE, cookie)
    refused(site, back)  # and who kept it has a code that the provider has taken back
    assert site.failures() == ["refused by the provider"]


@pytest.mark.parametrize("state", ["", "made up", None])
def test_another_state_is_refused(site: Site, state: str | None) -> None:
    refused(site, changed(at_provider(site.start(), ANN), state=state), is_stray=True)
    assert site.failures() == []  # nobody's guess: what would have to be is too long


def test_a_changed_cookie_is_refused(site: Site) -> None:
    back = at_provider(site.start(), ANN)
    text, _, mark = site.browser.cookies[OPENID_COOKIE].partition(".")
    for value in (f"{text}.{'0' * 64}", f"x{text}.{mark}", mark, "", "é.é".encode().decode()):
        site.browser = site.new_browser()
        headers = {"Cookie": f"{OPENID_COOKIE}={value}".encode()}
        reply = site.browser.get(back.removeprefix(ORIGIN), headers=headers)
        assert reply.status_code == 403
        assert not site.is_in


def test_another_verifier_is_refused_by_the_provider(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = changed(site.start(), code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    refused(site, at_provider(address, ANN))
    assert site.failures() == ["refused by the provider"]


def test_another_nonce_is_refused(site: Site) -> None:
    refused(site, at_provider(changed(site.start(), nonce="another"), ANN))
    assert site.failures() == ["token refused"]


@pytest.mark.parametrize("iss", ["https://other.example", None])
def test_an_answer_of_another_provider_is_refused(site: Site, iss: str | None) -> None:
    refused(site, changed(at_provider(site.start(), ANN), iss=iss), is_stray=True)
    assert site.failures() == []  # nobody's guess: what would have to be is too long


def test_who_takes_too_long_begins_again(site: Site) -> None:
    back = at_provider(site.start(), ANN)
    site.clock.ahead_s = 601
    refused(site, back, is_stray=True)
    assert site.failures() == []  # nobody's guess: what would have to be is too long


def test_a_token_that_has_expired_is_refused(site: Site) -> None:
    site.clock.ahead_s = 7200  # the provider's tokens are good for an hour
    refused(site, at_provider(site.start(), ANN))
    assert site.failures() == ["token refused"]


def test_who_cancels_at_the_provider_is_told_so_plainly(site: Site) -> None:
    refused(site, at_provider(site.start(), ANN, cancel="1"))
    assert site.failures() == ["refused by the provider"]


def test_a_wrong_secret_signs_nobody_in(site_with: SiteWith, issuer: str) -> None:
    site = site_with(issuer, client_secret="another")
    refused(site, at_provider(site.start(), ANN))
    assert site.failures() == ["refused by the provider"]


def test_a_provider_that_is_down_is_nobodys_failure(site_with: SiteWith) -> None:
    with running_provider(ACCOUNTS) as issuer:
        early, late = site_with(issuer), site_with(issuer)
        back = at_provider(early.start(), ANN)
    for reply in (late.browser.get(OPENID_START_PATH), early.end(back)):
        assert reply.status_code == 502
        assert "does not answer as it should" in reply.text
        assert "set-cookie" not in reply.headers or COOKIE not in reply.headers["set-cookie"]
    assert early.failures() == []


def test_failures_of_an_address_are_limited(site: Site, issuer: str) -> None:
    back = at_provider(site.start(), ANN)
    for _ in range(OF_ADDRESS.amount):
        browser = site.new_browser()
        away = browser.get(OPENID_START_PATH, follow_redirects=False).headers["location"]
        state = parse_qs(urlsplit(away).query)["state"][0]
        query = {"state": state, "error": "access_denied", "iss": issuer}
        assert browser.get(f"{OPENID_END_PATH}?{urlencode(query)}").status_code == 403
    reply = site.end(back)
    assert reply.status_code == 429
    assert "Wait a minute" in reply.text
    assert site.browser.get(OPENID_START_PATH).status_code == 429
    form = {"name": "ann", "password": "wrong"}
    headers = {"Origin": ORIGIN}
    assert site.browser.post(SIGN_IN_PATH, data=form, headers=headers).status_code == 429


def test_what_other_pages_send_here_ends_no_sign_in_and_counts_for_nothing(site: Site) -> None:
    back = at_provider(site.start(), ANN)
    for _ in range(OF_ADDRESS.amount):
        assert site.browser.get(f"{OPENID_END_PATH}?state=x&code=y").status_code == 403
    ahead = {"Sec-Purpose": "prefetch"}
    assert site.browser.get(back.removeprefix(ORIGIN), headers=ahead).status_code == 403
    assert site.failures() == []
    assert site.end(back).status_code == 303


def test_a_crowd_is_turned_away_without_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.web.openid.routes.MOST_AT_A_TIME", 0)
    assert site.browser.get(OPENID_START_PATH).status_code == 503
    assert site.end(OPENID_END_PATH).status_code == 503


def test_other_sites_pages_start_and_end_nothing(site: Site) -> None:
    for other in ("cross-site", "same-site"):
        reply = site.browser.get(OPENID_START_PATH, headers={"Sec-Fetch-Site": other})
        assert (reply.status_code, reply.headers["location"]) == (303, SIGN_IN_PATH)
        assert "set-cookie" not in reply.headers
    for place in ("image", "iframe"):
        reply = site.end(OPENID_END_PATH, **{"Sec-Fetch-Dest": place})
        assert reply.status_code == 403
        assert "set-cookie" not in reply.headers
    assert site.failures() == []


def test_logs_hold_no_token_code_or_secret(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    for change in ({}, {"code": "another"}, {"state": "another"}):
        address = site.start()
        back = changed(at_provider(address, ANN), **change)
        cookie = site.browser.cookies[OPENID_COOKIE]
        caplog.clear()
        reply = site.end(back)
        query = parse_qs(urlsplit(back).query)
        seen += [cookie, query["code"][0], CLIENT_SECRET, "eyJ"]
        ours = "\n".join(one.getMessage() for one in caplog.records if one.name != "httpx2")
        assert [one for one in seen if one in ours.replace(back.removeprefix(ORIGIN), "")] == []
        if change:
            number = re.search(r"number: ([0-9a-f]{12})", reply.text)
            assert number is not None
            fields = [getattr(one, "fields", {}) for one in caplog.records]
            assert {"error_id": number[1]} in fields


def test_the_first_admins_link_is_made_until_one_signs_in_by_the_provider(site: Site) -> None:
    without = site.opened
    with_provider = replace(
        without, settings=without.settings.model_copy(update={"openid": site.settings})
    )
    assert Resources.first_admin_link(with_provider) is not None
    identity = ProviderIdentity(subject="x|1", name="root")
    without.accounts.sign_in_by_provider(identity, browser="", address="")
    assert Resources.first_admin_link(with_provider) is None
    assert Resources.first_admin_link(without) is not None  # else nobody could come in


def test_accounts_refuse_what_changed_meanwhile(site: Site) -> None:
    accounts = site.opened.accounts
    identity = ProviderIdentity(subject="x|1", name="ann")
    accounts.sign_in_by_provider(identity, browser="", address="")
    other = ProviderIdentity(subject="x|2", name="ann")
    with pytest.raises(SignInRefusedError):
        accounts.sign_in_by_provider(other, browser="", address="")


@pytest.mark.parametrize(
    ("added", "claimed", "is_same"),
    [
        ("Gross@corp.example", "gross@corp.example", True),
        ("gross@corp.example", "groß@corp.example", False),
        ("ﬁnn", "finn", False),
        ("finn", "ﬁnn", False),
        ("Zoë", "Zoë", True),
        ("Zoë", "zoë", False),
    ],
)
def test_names_that_only_look_alike_are_not_linked(
    site: Site, added: str, claimed: str, is_same: bool
) -> None:
    site.opened.catalog.edit_people("test").add_user(added)
    identity = ProviderIdentity(subject="x|1", name=claimed)
    if is_same:
        site.opened.accounts.sign_in_by_provider(identity, browser="", address="")
    else:
        with pytest.raises(SignInRefusedError):
            site.opened.accounts.sign_in_by_provider(identity, browser="", address="")
