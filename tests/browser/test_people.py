"""Signing in and out, roles and grants, as people meet them in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from assistant.access import Role
from assistant.settings import SignInSettings
from assistant.store.catalog import open_catalog
from tests.browser.app import (
    RunningApp,
    add_person,
    ask,
    wait_for_reply,
    wait_until_settled,
)
from tests.browser.conftest import PDF_QUESTION, Visitor, visit

PAGES = {
    Role.EMPLOYEE: ["Ask", "Documents", "Account"],
    Role.EVALUATOR: ["Ask", "Documents", "Evaluate", "Account"],
    Role.ADMIN: ["Ask", "Documents", "Evaluate", "People", "Monitoring", "Account"],
}
PASSWORD = "three plain words"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_walks_its_pages(app: RunningApp, browser: Browser, role: Role) -> None:
    with visit(app, browser, role=role) as visitor:
        page = visitor.open()
        links = page.get_by_test_id("stSidebarNavLink")
        expect(links).to_have_count(len(PAGES[role]))
        assert [one.splitlines()[-1] for one in links.all_inner_texts()] == PAGES[role]
        for name in PAGES[role][1:]:
            page.get_by_role("link", name=name).click()
            page.get_by_role("heading", name=name, exact=True).wait_for()
            wait_until_settled(page)
            assert page.get_by_test_id("stException").count() == 0
        if role is not Role.ADMIN:
            page.goto(f"{app.url}/people")  # typed by hand
            page.get_by_placeholder("Ask about your documents").wait_for()
            assert page.get_by_label("Name to sign in with").count() == 0
        visitor.errors.clear()  # Streamlit says on its console that there is no such page


def test_a_link_leads_to_a_password_and_the_password_back(
    app: RunningApp, browser: Browser
) -> None:
    with visit(app, browser, role=None) as visitor:
        page = visitor.context.new_page()
        page.goto(add_person(app, "Grete Weber", Role.EMPLOYEE))
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set it and sign in").click()
        page.get_by_text("no documents that you may read").wait_for()
        page.get_by_role("link", name="Account").click()
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_role("link", name="Sign in again").click()
        page.get_by_label("Name").fill("grete weber")
        page.get_by_label("Password").fill("a wrong one")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_placeholder("Ask about your documents").wait_for()


def test_a_page_is_found_again_after_signing_in(app: RunningApp, browser: Browser) -> None:
    with visit(app, browser, role=None) as visitor:
        page = visitor.context.new_page()
        with open_catalog(app.data_dir) as catalog:
            add_person(app, "Ida")
            catalog.accounts(SignInSettings()).set_password("Ida", PASSWORD, by="test")
        page.goto(f"{app.url}/documents")
        page.get_by_label("Name").fill("Ida")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Documents", exact=True).wait_for()


def test_an_admin_lets_somebody_in_and_takes_it_back(app: RunningApp, browser: Browser) -> None:
    with visit(app, browser) as admin, visit(app, browser, role=None) as other:
        page = admin.open("/people", mark="People")
        page.get_by_role("tab", name="Groups").click()
        page.get_by_label("Name of a new group").fill("night shift")
        page.get_by_role("button", name="Add group").click()
        page.get_by_text("night shift", exact=True).first.wait_for()
        page.get_by_role("tab", name="People").click()
        page.get_by_label("Name to sign in with").fill("Otto")
        page.get_by_label("Groups", exact=True).first.click()
        page.get_by_role("option", name="night shift").click()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Add person").click()
        link = page.get_by_test_id("stCode").inner_text()
        theirs = other.context.new_page()
        theirs.goto(link)
        theirs.get_by_role("button", name="Later").click()
        theirs.get_by_text("no documents that you may read").wait_for()

        page.get_by_role("tab", name="Who reads what").click()
        _choose(page, "sample", "night shift")
        theirs.reload()
        ask(theirs, PDF_QUESTION)
        wait_for_reply(theirs)
        assert theirs.get_by_text("employee-handbook").count()

        with open_catalog(app.data_dir) as catalog:
            catalog.edit_people("test").revoke("sample", "night shift")
        theirs.reload()
        wait_until_settled(theirs)
        theirs.get_by_text("removed document").first.wait_for()
        assert not theirs.get_by_text("employee-handbook").count()

        with open_catalog(app.data_dir) as catalog:
            catalog.edit_people("test").change_user("Otto", suspended=True)
        ask(theirs, "And what else?")
        theirs.get_by_text("You are signed out").wait_for()


def _choose(page, collection: str, group: str) -> None:  # type: ignore[no-untyped-def]
    box = page.get_by_label(f"{collection} (", exact=False).first
    box.click()
    page.get_by_role("option", name=group).click()
    page.keyboard.press("Escape")
    wait_until_settled(page)


def test_hostile_names_of_people_and_groups_stay_text(visitor: Visitor) -> None:
    hostile = "![x](http://127.0.0.2:9/a) <img src=//127.0.0.2:9/b>"
    with open_catalog(visitor.app.data_dir) as catalog:
        editor = catalog.edit_people("test")
        editor.add_group(f"G {hostile}")
        editor.add_user(f"U {hostile}", groups=[f"G {hostile}"])
        editor.add_collection(f"C {hostile}")
        editor.grant(f"C {hostile}", f"G {hostile}")
    page = visitor.open("/people", mark="People")
    for tab in ("People", "Groups", "Who reads what", "Sessions", "Audit log"):
        page.get_by_role("tab", name=tab, exact=True).click()
        wait_until_settled(page)
    assert page.get_by_text("<img src=").count()
    assert page.locator("img[src*='127.0.0.2']").count() == 0
