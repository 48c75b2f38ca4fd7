"""What a person sets for themselves where the service sends mail: their address, their digest."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gitlab_links.demo import seed
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import Supervisor
from gitlab_links.mail import MailServer
from tests.invitations.conftest import Keeping, keeping, link_in, mail_server, mailbox
from tests.pages.browser.conftest import (
    PATIENCE_MS,
    environment_of,
    fill_in_login,
    new_context,
    send_by_enter,
)
from tests.pages.browser.looks import take, violations

__all__ = ["keeping", "mail_server", "mailbox"]
NEW = "amara@elsewhere.example"
MOST_STOPS = 60


@dataclass(frozen=True)
class Mailing:
    """A service with a mail server, and the cookies of its admin, whatever their address."""

    url: str
    org_path: str
    cookies: list[Any]


@pytest.fixture(scope="module")
def mailing_service(
    chromium: str, browser: Browser, keeping: tuple[MailServer, Keeping]
) -> Iterator[Mailing]:
    """Its own web and workers: those of the other tests hand links over instead of mailing them."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    server = keeping[0]
    with Supervisor() as supervisor:
        environment = {
            **environment_of(supervisor, url, "http://gitlab.example"),
            "SMTP_URL": f"smtp://{server.host}:{server.port}?tls=none",
            "MAIL_FROM": server.sender,
        }
        service.migrate(supervisor, environment)
        service.start_web(supervisor, environment, port)
        service.start_worker(supervisor, environment)
        org = seed.bootstrap(supervisor, environment, url)
        context = new_context(browser)
        log_in(context.new_page(), url, seed.ADMIN)
        cookies = list(context.cookies())
        context.close()
        yield Mailing(url, org.path, cookies)
        supervisor.check()


@pytest.fixture
def page(browser: Browser, mailing_service: Mailing) -> Iterator[Page]:
    """A page of the admin, who is logged in."""
    context = new_context(browser, viewport={"width": 1280, "height": 900})
    context.add_cookies(mailing_service.cookies)
    yield context.new_page()
    context.close()


def log_in(page: Page, url: str, email: str) -> None:
    page.goto(f"{url}/login")
    fill_in_login(page, email)
    page.wait_for_url("**/tasks")


def wait_for_mail(mailbox: list[EmailMessage], to: str) -> EmailMessage:
    """The first mail to this address; the worker sends it."""
    deadline = time.monotonic() + 2 * PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        found = [message for message in mailbox if message["To"] == to]
        if found:
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"no mail to {to}")


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"the Tab key does not lead to {target}")


def test_a_person_changes_their_address_by_the_link_in_a_mail(
    mailing_service: Mailing, page: Page, mailbox: list[EmailMessage], browser: Browser
) -> None:
    page.goto(f"{mailing_service.url}/account")
    page.get_by_label("New address").fill(NEW)
    page.get_by_label("Your password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.locator("#current-error")).to_be_visible()
    expect(page.get_by_label("New address")).to_have_value(NEW)
    page.get_by_label("Your password").fill(seed.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(f"{NEW} waits to be confirmed.")
    take(page, "account-address-waits")
    assert violations(page) == []
    link = link_in(wait_for_mail(mailbox, NEW))
    assert link.startswith(f"{mailing_service.url}/account/address/")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Use this address?")
    take(page, "account-address-confirm")
    assert violations(page) == []
    page.get_by_role("button", name="Use this address").click()
    expect(page.locator("body")).to_contain_text(f"Your address is {NEW} now.")
    page.reload()
    expect(page.locator("main")).to_contain_text(NEW)
    expect(page.locator("main")).not_to_contain_text(seed.ADMIN)
    expect(page.locator("main")).not_to_contain_text("waits to be confirmed")
    wait_for_mail(mailbox, seed.ADMIN)  # the former address hears of it
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is no longer valid")
    context = new_context(browser)
    log_in(context.new_page(), mailing_service.url, NEW)
    context.close()


def test_the_digest_is_switched_on_and_off_by_keyboard_alone(
    mailing_service: Mailing, page: Page
) -> None:
    page.goto(f"{mailing_service.url}{mailing_service.org_path}/waiting")
    tab_to(page, page.get_by_label("GitLab user name"))
    page.keyboard.type("amara.okafor")
    send_by_enter(page)
    wanted = page.get_by_label("Send me this list on workdays")
    zone = page.get_by_label("Time zone")
    save = page.locator("form", has=zone).get_by_role("button", name="Save")
    expect(wanted).not_to_be_checked()
    tab_to(page, wanted)
    page.keyboard.press("Space")
    tab_to(page, zone)
    page.keyboard.type("Europe/Lisbon")
    tab_to(page, save)
    send_by_enter(page)
    expect(page.locator("body")).to_contain_text("You get a mail on workdays.")
    page.reload()
    expect(wanted).to_be_checked()
    expect(zone).to_have_value("Europe/Lisbon")
    take(page, "waiting-digest")
    assert violations(page) == []
    tab_to(page, wanted)
    page.keyboard.press("Space")
    send_by_enter(page)
    expect(page.locator("body")).to_contain_text("You get no daily mail.")
    page.reload()
    expect(wanted).not_to_be_checked()
