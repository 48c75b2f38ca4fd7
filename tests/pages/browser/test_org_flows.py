"""What admins and operators do with orgs as a whole."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gitlab_links.accounts.models import Org, User
from gitlab_links.demo.seed import PASSWORD
from gitlab_links.extensions import db
from gitlab_links.security import hash_password
from tests.pages.browser.conftest import Open, Stack, fill_in_login, new_context, notice

# How often the page asks the service when somebody returns to it.
ASKED_AT_FOCUS = """() => {
    let asked = 0;
    window.fetch = async () => { asked += 1; throw new Error("no answer"); };
    window.dispatchEvent(new Event("focus"));
    return asked;
}"""


@pytest.fixture
def _no_second_org(stack: Stack) -> Iterator[None]:
    yield
    with stack.app.app_context():
        db.session.query(Org).filter(Org.name != "Acme").delete()
        db.session.commit()


def test_a_task_keeps_its_old_address_when_the_key_changes(stack: Stack, open_page: Open) -> None:
    page = open_page("/settings")
    page.get_by_role("textbox", name="Task key").fill("rocket")
    page.get_by_role("button", name="Save").first.click()
    expect(notice(page, "Saved.")).to_be_visible()
    expect(page.get_by_text("Former keys, which still work: ACME")).to_be_visible()
    page.goto(f"{stack.org_url}/tasks/ACME-1")
    expect(page.get_by_text("ROCKET-1").first).to_be_visible()
    page.goto(f"{stack.org_url}/settings")
    page.get_by_role("textbox", name="Task key").fill("ACME")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Former keys, which still work: ROCKET")).to_be_visible()


@pytest.mark.usefixtures("_no_second_org")
def test_an_operator_creates_an_org_switches_and_cannot_leave_as_last_admin(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/tasks")
    page.locator("details[data-menu] summary").last.click()
    page.get_by_role("link", name="Create an org").click()
    page.get_by_role("textbox", name="Name").fill("Globex Rockets")
    page.get_by_role("button", name="Create org").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Members")
    page.get_by_role("link", name="Settings").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Leave Globex Rockets").click()
    expect(page.get_by_text("An org needs an admin")).to_be_visible()
    page.locator("details[data-menu] summary").first.click()
    page.get_by_role("link", name="Acme", exact=True).click()
    expect(page).to_have_url(f"{stack.org_url}/tasks")


def test_an_admin_gives_a_program_a_key_of_its_own(open_page: Open) -> None:
    page = open_page("/api-keys")
    page.get_by_role("link", name="Service accounts").click()
    page.get_by_role("textbox", name="Name").fill("Wiki bot")
    page.get_by_role("button", name="Create service account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wiki bot")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Enter a name of 1 to 100")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("nightly")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_label("Key nightly")).to_have_value(re.compile("^glk_"))
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete service account").click()
    expect(notice(page, "Its keys no longer work")).to_be_visible()


def test_a_review_to_do_is_listed_and_counted_in_the_header(stack: Stack, open_page: Open) -> None:
    page = open_page("/waiting")
    field = page.get_by_role("textbox", name="GitLab user name")
    field.fill("not a name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Enter your user name in GitLab")).to_be_visible()
    field.fill("@amara.okafor")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Waiting for your review")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Waiting on me [1-9]"))).to_be_visible()
    page.get_by_role("listitem").get_by_role("link", name=re.compile("^ACME-")).first.click()
    expect(page).to_have_url(re.compile("/tasks/ACME-[0-9]+$"))


def test_an_admin_downloads_everything(open_page: Open) -> None:
    page = open_page("/settings")
    for button, ending in (("Download JSON lines", ".jsonl.gz"), ("Download CSV", ".zip")):
        with page.expect_download() as found:
            page.get_by_role("button", name=button).click()
        assert found.value.suggested_filename.endswith(ending)
        assert Path(found.value.path()).stat().st_size > 1000


@pytest.mark.usefixtures("_no_second_org")
def test_an_admin_deletes_an_org_and_sees_it_go(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/new-org")
    page.get_by_role("textbox", name="Name").fill("Initech")
    page.get_by_role("button", name="Create org").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Delete Initech").click()
    expect(page.get_by_text("Type the name of the org as it stands above")).to_be_visible()
    page.get_by_role("textbox", name="Name of the org").fill("Initech")
    page.get_by_role("button", name="Delete Initech").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The org is gone")
    assert page.evaluate(ASKED_AT_FOCUS) == 0
    page.get_by_role("link", name="Continue").click()
    expect(page).to_have_url(re.compile("/tasks$"))


def test_a_person_deletes_their_account(stack: Stack, browser: Browser) -> None:
    with stack.app.app_context():
        user = User(email="leaver@example.com", name="Lea Ver")
        user.password_hash = hash_password(PASSWORD)
        db.session.add(user)
        db.session.commit()
    page = new_context(browser).new_page()
    page.goto(f"{stack.url}/login")
    fill_in_login(page, "leaver@example.com")
    expect(page.get_by_label("Password")).to_have_count(0)
    page.goto(f"{stack.url}/account")
    page.get_by_role("link", name="Delete the account").click()
    page.get_by_label("Your e-mail address").fill("leaver@example.com")
    page.get_by_label("Your password").fill("wrong")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("This is not your password")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    expect(notice(page, "Your account is deleted.")).to_be_visible()
    fill_in_login(page, "leaver@example.com")
    expect(page.get_by_text("E-mail address or password is wrong")).to_be_visible()
