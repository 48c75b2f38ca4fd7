"""Getting in and staying in, by hand: invitations, with what their pages look like."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from gitlab_links.demo.seed import PASSWORD
from tests.pages.browser.conftest import PATIENCE_MS, Open, Stack, fill_in_login
from tests.pages.browser.test_looks import LOOKS, take, violations

Stranger = Callable[..., Page]


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Stranger]:
    """Opens pages in a browser that is not logged in."""
    contexts = []

    def open_it(address: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()


def picture_each_look(stranger: Stranger, address: str, name: str) -> None:
    """In all looks, without a violation of the rules of accessibility."""
    faults = {}
    for look, options in LOOKS.items():
        page = stranger(address, **options, device_scale_factor=1)
        take(page, f"{name}-{look}")
        faults[look] = violations(page)
    assert {look: found for look, found in faults.items() if found} == {}


def invite(page: Page, email: str) -> str:
    """By the form on the page of the members; gives the link to hand over."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Name").fill("Nia New")
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_label("Invitation link for").input_value()
    assert violations(page) == []
    return link


def test_an_invited_person_comes_in(stack: Stack, open_page: Open, stranger: Stranger) -> None:
    members = open_page("/members")
    link = invite(members, "nia@acme.example")
    take(members, "members-invited")
    picture_each_look(stranger, link, "invitation")
    page = stranger(link)
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_label("Password, again").fill("other")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator("#again-error")).to_contain_text("The two passwords differ.")
    assert violations(page) == []
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, again").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Welcome to Acme.")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This invitation is no longer valid")
    assert violations(page) == []
    members.reload()
    expect(members.get_by_role("region", name="Members")).to_contain_text("nia@acme.example")


def test_an_invitation_is_replaced_and_revoked(
    stack: Stack, open_page: Open, stranger: Stranger
) -> None:
    members = open_page("/members", viewport={"width": 390, "height": 844})
    first = invite(members, "ole@acme.example")
    members.get_by_role("button", name="New link for ole@acme.example").click()
    second = members.get_by_label("Invitation link for").input_value()
    assert violations(members) == []
    take(members, "members-invited-narrow")
    heading = "This invitation is no longer valid"
    expect(stranger(first).get_by_role("heading", level=1)).to_have_text(heading)
    expect(stranger(second).get_by_role("heading", level=1)).to_have_text("Join Acme")
    members.on("dialog", lambda dialog: dialog.accept())
    members.get_by_role("button", name="Revoke the invitation of ole@acme.example").click()
    expect(members.locator("body")).to_contain_text("Its link no longer works.")
    expect(stranger(second).get_by_role("heading", level=1)).to_have_text(heading)


def test_the_account_has_its_pictures_and_ends_sessions(
    stack: Stack, open_page: Open, stranger: Stranger
) -> None:
    for look, options in LOOKS.items():
        page = open_page(f"{stack.url}/account", **options, device_scale_factor=1)
        take(page, f"account-{look}")
        assert violations(page) == []
    other = stranger(f"{stack.url}/login")
    fill_in_login(other)
    other.wait_for_url("**/tasks")
    page = open_page(f"{stack.url}/account")
    rows = page.get_by_role("region", name="Sessions").locator("tbody tr")
    before = rows.count()
    rows.first.get_by_text("This one").wait_for()
    page.get_by_role("button", name="End the session of").first.click()
    expect(rows).to_have_count(before - 1)
    other.reload()
    expect(other.get_by_role("heading", level=1)).to_have_text("Log in")
    page.get_by_label("Your name").fill("Amara O.")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("Your name is changed.")
    page.get_by_label("Your name").fill("Amara Okafor")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your name")).to_have_value("Amara Okafor")
