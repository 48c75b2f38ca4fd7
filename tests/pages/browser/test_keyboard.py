"""Every page from the keyboard alone: the focus is always visible."""

from typing import Any

from playwright.sync_api import Page

from tests.pages.browser.conftest import Open, Stack

MOST_STOPS = 80  # the API's documentation has many more, all alike
PATHS = ("/tasks", "/tasks/new", "/gitlab", "/deliveries", "/members", "/api-keys", "/audit")
ELSEWHERE = ("/account/password", "/nothing", "/api/docs", "/ops/rq/")
# Whatever gets the focus notes how it shows that; the row of a task does it for its title.
WATCHING = """
window.stops = [];
document.addEventListener("focusin", ({ target }) => {
    const shown = [target, target.closest(".task-row")].filter(Boolean).some((element) => {
        const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1
            && !/, 0\\)$/.test(outlineColor);
    });
    window.stops.push({ shown, html: target.outerHTML.slice(0, 160) });
});
"""


def stops(page: Page) -> list[dict[str, Any]]:
    """Where the Tab key leads on a page, until it begins anew."""
    page.evaluate(WATCHING)
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    found: list[dict[str, Any]] = page.evaluate("window.stops")
    return found


def test_the_focus_is_seen_wherever_the_tab_key_leads(
    stack: Stack, open_page: Open, delivery_path: str
) -> None:
    page = open_page("/tasks")
    paths = [*(stack.org_path + path for path in PATHS), stack.task_path, *ELSEWHERE]
    hidden = {}
    for path in [*paths, f"{stack.task_path}/edit", delivery_path]:
        page.goto(stack.url + path)
        found = stops(page)
        assert len(found) > 4, path
        hidden[path] = [stop["html"] for stop in found if not stop["shown"]]
    assert {path: found for path, found in hidden.items() if found} == {}
