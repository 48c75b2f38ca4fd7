"""Pictures of the pages, for people to look at: in ``screenshots`` beside this file.

``SCREENSHOTS=docs/screenshots`` puts those of the README where they belong.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from gitlab_links.demo.sample_tasks import SHOP
from tests.admin.browser.conftest import Open, Stack

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


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_has_its_picture(stack: Stack, open_page: Open, look: str) -> None:
    folder = Path(os.environ.get("SCREENSHOTS", Path(__file__).parent / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page("/tasks", **LOOKS[look], device_scale_factor=1)
    for name, path in SHOWN.items():
        page.goto(stack.org_url + path)
        page.wait_for_load_state("load")
        picture = page.screenshot(path=folder / f"{name}-{look}.png", animations="disabled")
        assert picture.startswith(PNG)
