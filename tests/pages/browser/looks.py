"""How a page looks: by day and by night, wide and narrow, as a picture, and to axe-core.

The pictures go to ``screenshots`` beside this file; ``SCREENSHOTS=docs/screenshots`` puts those
of the README where they belong.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize

axe = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")

RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
# By night a page has other colours and is the same for the rest, which is judged by day.
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
FINISH_TRANSITIONS = (
    "document.getAnimations().filter(a => a instanceof CSSTransition).forEach(a => a.finish())"
)
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"color_scheme": "light", "viewport": NARROW},
    "narrow-dark": {"color_scheme": "dark", "viewport": NARROW},
}
DAY_AND_NIGHT = [("light", "dark"), ("narrow", "narrow-dark")]
in_both_sizes = pytest.mark.parametrize("looks", DAY_AND_NIGHT, ids="-".join)


def violations(page: Page, look: str = "light") -> list[str]:
    """Rule, place and advice of each violation, and what is wider than the screen."""
    page.wait_for_load_state()  # without its styles everything looks wrong
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.AXE_SCRIPT)
    rules = COLOURS if LOOKS[look]["color_scheme"] == "dark" else RULES
    found = page.evaluate("rules => axe.run(rules)", rules)["violations"]
    faults = [
        f"{rule['id']}: {node['html'][:160]} -- {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
    return [*faults, "it scrolls sideways"] if is_too_wide(page) else faults


def each_look(page: Page, looks: Iterable[str]) -> Iterator[str]:
    """Have an open page look so, one after the other, without the transitions on the way."""
    page.wait_for_load_state()
    for look in looks:
        page.emulate_media(color_scheme=LOOKS[look]["color_scheme"])
        page.set_viewport_size(LOOKS[look].get("viewport", WIDE))
        page.evaluate(FINISH_TRANSITIONS)
        yield look


def see(page: Page, looks: Iterable[str], name: str = "", *, whole: bool = False) -> list[str]:
    """The violations of each look, which gets a picture of that name."""
    faults = []
    for look in each_look(page, looks):
        if name:
            take(page, f"{name}-{look}", whole=whole)
        faults += [f"{look}: {fault}" for fault in violations(page, look)]
    return faults


def take(page: Page, name: str, *, whole: bool = False) -> None:
    folder = Path(os.environ.get("SCREENSHOTS", Path(__file__).parent / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state()
    page.screenshot(path=folder / f"{name}.png", animations="disabled", full_page=whole)


def is_too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
