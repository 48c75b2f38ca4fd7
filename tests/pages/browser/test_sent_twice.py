"""Buttons pressed twice, forms of two people, and what a session's end does not take away."""

import os
from pathlib import Path

from playwright.sync_api import Page, expect

from gitlab_links.demo import seed
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task
from tests.held_answers import hold_answers
from tests.pages.browser.conftest import Open, Stack

SHOTS = os.environ.get("HTTP_SHOTS")


def shoot(page: Page, name: str) -> None:
    if SHOTS is None:
        return
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png")


def test_a_double_click_makes_one_task_and_the_button_is_busy(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/tasks/new")
    page.get_by_label("Title").fill("Pressed twice")
    page.route("**/tasks/new", lambda route: page.wait_for_timeout(300) or route.continue_())
    page.get_by_role("button", name="Create task").dblclick(no_wait_after=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Pressed twice")
    with stack.app.app_context():
        assert db.session.query(Task).filter_by(title="Pressed twice").count() == 1


def test_two_people_who_edit_one_task_see_both_versions(open_page: Open) -> None:
    first = open_page("/tasks/new")
    first.get_by_label("Title").fill("Edited by two")
    first.get_by_role("button", name="Create task").click()
    expect(first.get_by_role("heading", level=1)).to_have_text("Edited by two")
    path = f"/tasks/{first.url.rpartition('/')[2]}/edit"
    second = open_page(path)
    first.get_by_role("link", name="Edit").click()
    first.get_by_label("Title").fill("Edited by the first")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("heading", level=1)).to_have_text("Edited by the first")
    second.get_by_label("Title").fill("Edited by the second")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_text("Somebody else changed this task")).to_be_visible()
    expect(second.get_by_text("Edited by the first")).to_be_visible()
    shoot(second, "conflict")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("heading", level=1)).to_have_text("Edited by the second")


def test_what_was_typed_is_there_after_logging_in_again(open_page: Open) -> None:
    page = open_page("/tasks/new")
    page.get_by_label("Title").fill("Typed before the end")
    page.context.clear_cookies()
    page.get_by_role("button", name="Create task").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.get_by_label("E-mail address").fill(seed.ADMIN)
    page.get_by_label("Password").fill(seed.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Title")).to_have_value("Typed before the end")
    shoot(page, "unsent")
    page.get_by_role("button", name="Create task").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Typed before the end")


def test_a_repair_shows_its_steps_on_the_open_page(stack: Stack, open_page: Open) -> None:
    page = open_page("/gitlab")
    is_seen = hold_answers(stack.gitlab, "/test/")
    page.get_by_role("button", name="Repair").or_(
        page.get_by_role("button", name="Create")
    ).first.click()
    expect(page.get_by_text("asking GitLab for a test event").first).to_be_visible()
    is_seen.set()
    expect(page.get_by_text("The webhook was", exact=False).first).to_be_visible()
    shoot(page, "operation")
