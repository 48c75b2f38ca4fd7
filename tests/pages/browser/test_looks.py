"""Every page as people see it, light and dark, wide and narrow: axe-core finds no violation of
WCAG 2.2 AA, nothing scrolls sideways, and there is a picture to look at.
"""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from gitlab_links.clock import utcnow
from gitlab_links.demo.sample_tasks import MOBILE, SHOP
from tests.pages.browser.conftest import CHECKED_MS, GITLAB_TOKEN, Open, Stack, new_context
from tests.pages.browser.looks import (
    LOOKS,
    NARROW,
    WIDE,
    each_look,
    in_both_sizes,
    is_too_wide,
    see,
    take,
)

PICTURED = {
    "tasks": "/tasks",
    "task": "/tasks/ACME-2",
    "gitlab": "/gitlab",
    "watch": "/gitlab/projects",
    "mentions": "/gitlab/mentions",
    "deliveries": "/deliveries",
    "members": "/members",
    "api-keys": "/api-keys",
    "audit": "/audit",
    "settings": "/settings",
    "waiting": "/waiting",
    "links": "/links",
}
OTHERS = ("/tasks?q=nothing-like-it", "/tasks/new", "/nothing")
TABLETS = (768, 820)


@pytest.fixture(scope="module", autouse=True)
def _events(stack: Stack, delivery_path: str) -> None:
    """Something to see among the deliveries."""
    state = stack.gitlab.state
    for issue in state.projects.get(SHOP).issues.values():
        state.items.comment(issue, "Seen by support, too.")
        state.items.edit(issue, add_labels=["customer"])
    state.sender.wait_idle()


def actions_cut_off(page: Page) -> list[str]:
    """The links and buttons that reach past the screen, or past what a table shows unscrolled."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("main :is(a, button, input, select, summary)")]
        .filter((one) => {
          const frame = one.closest(".table-frame")?.getBoundingClientRect();
          const end = Math.min(window.innerWidth, frame?.right ?? Infinity);
          return one.getBoundingClientRect().right > end + 1;
        })
        .map((one) => one.outerHTML.slice(0, 160))"""
    )
    return found


@in_both_sizes
def test_no_page_has_a_violation_and_each_has_its_picture(
    stack: Stack, open_page: Open, delivery_path: str, looks: tuple[str, str]
) -> None:
    page = open_page("/tasks", **LOOKS[looks[0]], device_scale_factor=1)
    faults = {}
    for name, path in PICTURED.items():
        page.goto(stack.org_url + path)
        faults[path] = see(page, looks, name)
    others = [stack.org_path + path for path in OTHERS]
    for path in [*others, stack.task_path, f"{stack.task_path}/edit", delivery_path, "/api/docs"]:
        page.goto(stack.url + path)
        faults[path] = see(page, looks)
    assert {path: found for path, found in faults.items() if found} == {}


def test_no_page_pans_sideways_or_cuts_an_action_off_on_a_tablet(
    stack: Stack, open_page: Open, delivery_path: str
) -> None:
    page = open_page("/tasks")
    tabs = page.locator(".tabs a").all()
    paths = [str(tab.get_attribute("href")) for tab in tabs]
    paths += [stack.org_path + path for path in (*PICTURED.values(), "/api-keys/service-accounts")]
    paths += [delivery_path, f"{stack.task_path}/timeline", "/account", "/account/delete"]
    faults = {}
    for path in dict.fromkeys(paths):
        page.goto(stack.url + path)
        for width in TABLETS:
            page.set_viewport_size({"width": width, "height": 900})
            if found := actions_cut_off(page) or is_too_wide(page):
                faults[path, width] = found
    assert faults == {}


def test_no_filter_cuts_a_choice_on_a_phone(
    stack: Stack, open_page: Open, delivery_path: str
) -> None:
    page, faults = open_page("/status-rules", viewport=NARROW), {}
    page.get_by_role("button", name="Try the rules").click()
    page.locator("#filter-outcome").wait_for()
    # The log of the audit has choices that are longer than the screen.
    for path in ("/status-rules", "/tasks", "/links", "/deliveries", "/tasks/ACME-1/timeline"):
        page.goto(stack.org_url + path)
        cut = page.locator("main .filters select").evaluate_all(
            """choices => choices.filter((one) => {
                const shown = one.offsetWidth;
                one.style.width = "max-content";
                return one.offsetWidth > shown;
            }).map((one) => one.id)"""
        )
        if cut or is_too_wide(page):
            faults[path] = cut
    page.goto(f"{stack.org_url}/status-rules")
    page.get_by_role("button", name="End the trial").click()
    page.get_by_role("heading", name="The rules are off").wait_for()
    assert faults == {}


@in_both_sizes
def test_states_that_come_of_use_have_none(
    stack: Stack, open_page: Open, looks: tuple[str, str]
) -> None:
    page = open_page(stack.task_url, **LOOKS[looks[0]])
    page.get_by_label("Link an issue or merge request").fill("nonsense")
    page.keyboard.press("Enter")
    page.locator("#link-url-error").wait_for()
    page.get_by_label("Link an issue or merge request").fill("nonsense\nhttps://gitlab.com/a/b")
    page.keyboard.press("Enter")
    page.locator("#link-answers").wait_for()
    for look in each_look(page, looks):
        take(page, f"pasted-{look}")
    page.get_by_label("Link an issue or merge request").fill("checkout")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert see(page, looks, "picker") == []
    page.get_by_text("Start something new in GitLab").click()
    for look in each_look(page, looks):
        take(page, f"new-items-{look}")
    page.locator("details[data-menu] summary").last.click()
    assert see(page, looks) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Refresh now").click()
    expect(page.locator(".toasts .notice")).not_to_have_count(0)
    expect(page.locator(".item.changed")).to_have_count(0)
    assert see(page, looks) == []


@in_both_sizes
def test_the_fields_for_clickable_keys_have_none(
    stack: Stack, open_page: Open, looks: tuple[str, str]
) -> None:
    page = open_page(f"{stack.org_url}/gitlab", **LOOKS[looks[0]])
    page.locator("#clickable-keys").scroll_into_view_if_needed()
    assert see(page, looks, "clickable-keys") == []


@in_both_sizes
def test_the_login_has_none(stack: Stack, browser: Browser, looks: tuple[str, str]) -> None:
    context = new_context(browser, **LOOKS[looks[0]])
    page = context.new_page()
    page.goto(f"{stack.url}/login")
    assert see(page, looks) == []
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    assert see(page, looks) == []
    context.close()


def test_the_health_of_a_connection_has_its_pictures_in_green_amber_and_red(
    stack: Stack, open_page: Open
) -> None:
    token = stack.gitlab.state.people.tokens[GITLAB_TOKEN]
    (hook,) = stack.gitlab.state.hooks.of(stack.gitlab.state.projects.get(MOBILE))
    page = open_page("/gitlab")
    check(page)
    take_when_it_says(page, "green", "Everything works")
    token.expires_at, before = (utcnow() + timedelta(days=6)).date(), token.expires_at
    check(page)
    take_when_it_says(page, "amber", "Needs your attention")
    stack.gitlab.state.hooks.fail(hook, 40)
    check(page)
    take_when_it_says(page, "red", "Not working")
    page.get_by_role("button", name=f"Repair the webhook of {MOBILE}").click()
    token.expires_at = before
    check(page)
    expect(page.locator("#health-heading")).to_have_text("Everything works", timeout=CHECKED_MS)


def check(page: Page) -> None:
    """Have GitLab asked now, which is not done twice within five seconds."""
    page.wait_for_timeout(6000)
    page.get_by_role("button", name="Check now").click()


def take_when_it_says(page: Page, colour: str, headline: str) -> None:
    """Wait for the open page to say so, and take it as wide and as narrow."""
    expect(page.locator("#health-heading")).to_have_text(headline, timeout=CHECKED_MS)
    page.reload()  # without the word that GitLab is asked
    for suffix, size in (("-narrow", NARROW), ("", WIDE)):
        page.set_viewport_size(size)
        page.evaluate("window.scrollTo(0, 0)")
        take(page, f"health-{colour}{suffix}")
        assert not is_too_wide(page)
