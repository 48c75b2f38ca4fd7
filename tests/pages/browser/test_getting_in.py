"""Getting in and staying in, by hand: invitations, with what their pages look like."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from gitlab_links.demo.seed import PASSWORD
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import Supervisor
from tests.pages.browser.conftest import Open, Stack, fill_in_login, new_context, send_by_enter
from tests.pages.browser.looks import LOOKS, see, take, violations

Stranger = Callable[..., Page]


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Stranger]:
    """Opens pages in a browser that is not logged in."""
    contexts = []

    def open_it(address: str, **options: object) -> Page:
        context = new_context(browser, **{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()


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
    assert see(stranger(link), LOOKS, "invitation") == []
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
    link = members.get_by_label("Invitation link for")
    expect(link).not_to_have_value(first)
    second = link.input_value()
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
    page = open_page(f"{stack.url}/account")
    assert see(page, LOOKS, "account") == []
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
    send_by_enter(page)
    expect(page.get_by_label("Your name")).to_have_value("Amara Okafor")


@pytest.fixture(scope="session")
def with_issuer(stack: Stack) -> Iterator[str]:
    """Another web process on the same data, with the simulated GitLab as its issuer."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    stack.gitlab.state.sign_ins.register("browser", "its-secret", f"{url}/sign-in/callback")
    issuer = {
        "OIDC_ISSUER": stack.gitlab.url,
        "OIDC_CLIENT_ID": "browser",
        "OIDC_CLIENT_SECRET": "its-secret",
        "OIDC_TRUST_ADDRESSES": "yes",
        "OIDC_LABEL": "GitLab",
        "PUBLIC_BASE_URL": url,
    }
    with Supervisor() as supervisor:
        service.start_web(supervisor, {**stack.environment, **issuer}, port, name="web-issuer")
        yield url


def test_signing_in_with_gitlab(
    stack: Stack, with_issuer: str, open_page: Open, stranger: Stranger
) -> None:
    assert see(stranger(f"{with_issuer}/login"), LOOKS, "login-issuer") == []
    page = stranger(f"{with_issuer}{stack.org_path}/tasks?q=a")
    page.get_by_role("link", name="Sign in with GitLab").click()
    page.get_by_role("button", name="Amara Okafor").click()
    page.wait_for_url("**/tasks?q=a")
    page.goto(f"{with_issuer}/account")
    unlink = page.get_by_role("button", name="Unlink amara.okafor")
    expect(unlink).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    take(page, "account-linked")
    assert violations(page) == []
    unlink.click()
    expect(page.locator("body")).to_contain_text("no longer linked")
    page.get_by_label("Your password").last.fill(PASSWORD)
    page.get_by_role("button", name="Link your GitLab account").click()
    page.get_by_role("button", name="Amara Okafor").click()
    expect(page.locator("body")).to_contain_text("Your GitLab account amara.okafor is linked.")
    stranger_page = stranger(f"{with_issuer}/login")
    stranger_page.get_by_role("link", name="Sign in with GitLab").click()
    stranger_page.get_by_role("button", name="Tom Whitfield").click()
    expect(stranger_page.locator("body")).to_contain_text("No account here is linked")
    take(stranger_page, "login-refused")
    assert violations(stranger_page) == []


def test_an_invited_person_joins_with_gitlab(
    stack: Stack, with_issuer: str, open_page: Open, stranger: Stranger
) -> None:
    link = invite(open_page("/members"), "elif@acme.example")
    address = link.replace(stack.url, with_issuer)
    assert see(stranger(address), LOOKS, "invitation-issuer") == []
    page = stranger(address)
    page.get_by_role("link", name="Join with GitLab").click()
    page.get_by_role("button", name="Elif Demir").click()
    page.wait_for_url("**/tasks")
    page.goto(f"{with_issuer}/account")
    expect(page.locator("main")).to_contain_text("elif@acme.example")
    assert violations(page) == []


def test_a_member_sets_a_new_password_by_a_link(
    stack: Stack, open_page: Open, stranger: Stranger
) -> None:
    members = open_page("/members")
    members.on("dialog", lambda dialog: dialog.accept())
    members.get_by_role("button", name="Password link for Mei Tanaka").click()
    link = members.get_by_label("Password link for").input_value()
    assert violations(members) == []
    assert see(stranger(link), LOOKS, "new-password") == []
    page = stranger(link)
    for typed in ("short", "qwertyqwerty", PASSWORD):
        page.get_by_label("New password", exact=True).fill(typed)
        page.get_by_label("New password, again").fill(typed)
        send_by_enter(page)
        if typed != PASSWORD:
            expect(page.locator("#password-error")).to_be_visible()
            assert violations(page) == []
    expect(page.locator("body")).to_contain_text("Your new password is set.")
    fill_in_login(page, "member@acme.example")
    page.wait_for_url("**/tasks")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is no longer valid")
    page = stranger(f"{stack.url}/login")
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.locator("main")).to_contain_text("Ask an admin of your org")
    assert violations(page) == []
