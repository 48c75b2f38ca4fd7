"""Pictures of the pages, for people to look at: in ``screenshots`` beside this file.

``SCREENSHOTS=docs/screenshots`` puts those of the README where they belong.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gitlab_links.clock import utcnow
from gitlab_links.demo.sample_tasks import MOBILE, SHOP
from tests.admin.browser.conftest import GITLAB_TOKEN, Open, Stack

SHOWN = {
    "tasks": "/tasks",
    "task": "/tasks/ACME-2",
    "gitlab": "/gitlab",
    "deliveries": "/deliveries",
    "members": "/members",
    "api-keys": "/api-keys",
    "audit": "/audit",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
PNG = b"\x89PNG"


@pytest.fixture(scope="module", autouse=True)
def _events(stack: Stack, delivery_path: str) -> None:
    """Something to see among the deliveries."""
    state = stack.gitlab.state
    for issue in state.projects.get(SHOP).issues.values():
        state.items.comment(issue, "Seen by support, too.")
        state.items.edit(issue, add_labels=["customer"])
    state.sender.wait_idle()


def pictures() -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", Path(__file__).parent / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_has_its_picture(stack: Stack, open_page: Open, look: str) -> None:
    folder = pictures()
    page = open_page("/tasks", **LOOKS[look], device_scale_factor=1)
    for name, path in SHOWN.items():
        page.goto(stack.org_url + path)
        page.wait_for_load_state("load")
        picture = page.screenshot(path=folder / f"{name}-{look}.png", animations="disabled")
        assert picture.startswith(PNG)


def test_the_health_of_a_connection_has_its_pictures_in_green_amber_and_red(
    stack: Stack, open_page: Open
) -> None:
    token = stack.gitlab.state.people.tokens[GITLAB_TOKEN]
    (hook,) = stack.gitlab.state.hooks.of(stack.gitlab.state.projects.get(MOBILE))
    page = open_page("/gitlab")
    check(page)
    picture(page, "green", "Everything works")
    token.expires_at, before = (utcnow() + timedelta(days=6)).date(), token.expires_at
    check(page)
    picture(page, "amber", "Needs your attention")
    stack.gitlab.state.hooks.fail(hook, 40)
    check(page)
    picture(page, "red", "Not working")
    page.get_by_role("button", name=f"Repair the webhook of {MOBILE}").click()
    token.expires_at = before
    check(page)
    expect(page.locator("#health-heading")).to_have_text("Everything works", timeout=20_000)


def check(page: Page) -> None:
    """Have GitLab asked now, which is not done twice within five seconds."""
    page.wait_for_timeout(6000)
    page.get_by_role("button", name="Check now").click()


def picture(page: Page, colour: str, headline: str) -> None:
    """Wait for the open page to say so, and take it as wide and as narrow."""
    expect(page.locator("#health-heading")).to_have_text(headline, timeout=20_000)
    page.reload()  # without the word that GitLab is asked
    for suffix, size in {"": (1280, 900), "-narrow": (390, 844)}.items():
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.screenshot(path=pictures() / f"health-{colour}{suffix}.png", animations="disabled")
        sideways = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not sideways
    page.set_viewport_size({"width": 1280, "height": 900})
