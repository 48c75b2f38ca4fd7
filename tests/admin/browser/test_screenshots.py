"""Pictures of the pages, for people to look at: in ``test-results``, which git ignores.

``SCREENSHOTS=docs/screenshots`` puts those of the README where they belong.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from gitlab_links.demo.supervisor import PROJECT
from tests.admin.browser.conftest import Open, Stack

SHOWN = {
    "tasks": "/tasks",
    "task": "TASK",
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


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_has_its_picture(stack: Stack, open_page: Open, look: str) -> None:
    folder = Path(os.environ.get("SCREENSHOTS", PROJECT / "test-results/screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page("/tasks", **LOOKS[look], device_scale_factor=1)
    for name, path in SHOWN.items():
        page.goto(stack.task_url if path == "TASK" else stack.org_url + path)
        page.wait_for_load_state("networkidle" if path != "TASK" else "load")
        picture = page.screenshot(path=folder / f"{name}-{look}.png", animations="disabled")
        assert picture.startswith(PNG)
