"""axe-core finds no violation of WCAG 2.2 AA on any page, light and dark, wide and narrow."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.admin.browser.conftest import Open, Stack

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
PAGES = (
    "/tasks", "/tasks?q=nothing-like-it", "/tasks/new", "TASK", "TASK/edit", "/gitlab",
    "/deliveries", "DELIVERY", "/members", "/api-keys", "/audit", "/nothing",
)  # fmt: skip
LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
)
IDS = ("light", "dark", "narrow light", "narrow dark")


def violations(page: Page) -> list[str]:
    """Rule, place and advice of each violation, and what is wider than the screen."""
    found = axe.Axe().run(page, options=RULES).response["violations"]
    told = [
        f"{rule['id']}: {node['html'][:160]} -- {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return [*told, "it scrolls sideways"] if wide else told


@pytest.mark.parametrize("look", LOOKS, ids=IDS)
def test_no_page_has_a_violation(
    stack: Stack, open_page: Open, delivery_path: str, look: dict[str, Any]
) -> None:
    page = open_page("/tasks", **look)
    names = {"TASK": stack.task_path, "DELIVERY": delivery_path}
    told = {}
    for path in PAGES:
        for name, known in names.items():
            path = path.replace(name, stack.url + known)  # noqa: PLW2901
        page.goto(path if path.startswith("http") else stack.org_url + path)
        told[path] = violations(page)
    assert {path: found for path, found in told.items() if found} == {}


@pytest.mark.parametrize("look", LOOKS, ids=IDS)
def test_states_that_come_of_use_have_none(
    stack: Stack, open_page: Open, look: dict[str, Any]
) -> None:
    page = open_page(stack.task_url, **look)
    page.get_by_label("Link an issue or merge request").fill("nonsense")
    page.keyboard.press("Enter")
    page.locator("#link-url-error").wait_for()
    page.locator("details[data-menu] summary").last.click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Refresh now").click()
    page.locator(".toasts .notice").wait_for()
    page.locator(".item.changed").wait_for(state="detached")
    assert violations(page) == []


@pytest.mark.parametrize("look", LOOKS, ids=IDS)
def test_the_login_has_none(stack: Stack, browser: Browser, look: dict[str, Any]) -> None:
    context = browser.new_context(**look)
    page = context.new_page()
    page.goto(f"{stack.url}/login")
    assert violations(page) == []
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    assert violations(page) == []
    context.close()
