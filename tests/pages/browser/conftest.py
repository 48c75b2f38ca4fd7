"""A real browser before the real service: web, workers, Redis and a simulated GitLab."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect
from sqlalchemy import select

from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.demo import seed
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.sample_tasks import SHOP
from gitlab_links.extensions import db
from gitlab_links.job_triggers import CHECK_SECONDS
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port, start_redis
from gitlab_links.local.supervisor import Supervisor
from tests.hanging import HANGS

GITLAB_TOKEN = "glpat-of-the-browser-tests"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# What is waited for comes within a second; a busy machine must not make a failure of it.
PATIENCE_MS = 1000 * HANGS
# Until an open page shows what GitLab says now, if it has just been asked.
CHECKED_MS = 1000 * CHECK_SECONDS + PATIENCE_MS
expect.set_options(timeout=PATIENCE_MS)
# With each page of a test Chromium makes two more, of its own, for an address bar that nobody sees:
# a third of what opening a page costs. The rest is Playwright's own list, which this one replaces.
UNUSED = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,LensOverlay,MediaRouter,PaintHolding,"
    "ThirdPartyStoragePartitioning,OptimizationHints,NetworkTimeServiceQuerying,PreconnectToSearch"
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    f"--disable-features={UNUSED}",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
    # Its pictures show the sample data before other tests have changed any of it.
    items.sort(key=lambda item: item.path != here / "test_looks.py")


@dataclass(frozen=True)
class Stack:
    """The service with the demo's data, and the GitLab it follows."""

    url: str
    app: Flask
    gitlab: SimulatedGitLab
    org_path: str
    task_path: str
    environment: Mapping[str, str]

    @property
    def org_url(self) -> str:
        return self.url + self.org_path

    @property
    def task_url(self) -> str:
        """The page of the first task, which has an issue and a merge request."""
        return self.url + self.task_path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is; its tests are skipped where there is none."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium fonts-dejavu-core")
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    return {"executable_path": chromium, "args": FLAGS, "timeout": PATIENCE_MS}


@pytest.fixture(scope="session")
def stack(chromium: str) -> Iterator[Stack]:
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    with (
        Supervisor() as supervisor,
        SimulatedGitLab.start(sample=True, token=GITLAB_TOKEN) as gitlab,
    ):
        environment = environment_of(supervisor, url, gitlab.url)
        service.migrate(supervisor, environment)
        service.start_web(supervisor, environment, port)
        service.start_worker(supervisor, environment)
        org = seed.bootstrap(supervisor, environment, url)
        seed.add_people(org)
        seed.connect(org, gitlab.url, GITLAB_TOKEN)
        task_path = f"{org.path}/tasks/{seed.add_tasks(org, gitlab.url)}"
        seed.wait_until_synced(org, supervisor.check)
        app = create_app(Settings.from_environ(environment))
        yield Stack(url, app, gitlab, org.path, task_path, environment)
        supervisor.check()


def environment_of(supervisor: Supervisor, url: str, gitlab_url: str) -> dict[str, str]:
    secrets = {
        "SECRET_KEY_FILE": "not a secret but long enough to be one",
        "VIA_RAH_ENCRYPTION_KEY_FILE": Fernet.generate_key().decode(),
    }
    for name, value in secrets.items():
        (supervisor.folder / name).write_text(value)
    return {
        "DATABASE_URL": f"sqlite:///{supervisor.folder / 'browser.db'}",
        "REDIS_URL": start_redis(supervisor),
        "GITLAB_ALLOWED_HOSTS": gitlab_url.removeprefix("http://"),
        "PUBLIC_BASE_URL": url,
        "OPERATOR_EMAILS": seed.ADMIN,  # whichever orgs other tests have made
        "LOG_LEVEL": "WARNING",
        **{name: str(supervisor.folder / name) for name in secrets},
    }


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Somebody's browser, whose pages are waited for as long as all else."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    return context


def log_in(page: Page, stack: Stack, email: str = seed.ADMIN) -> None:
    """Through the form, as people do."""
    page.goto(f"{stack.url}/login")
    fill_in_login(page, email)
    page.wait_for_url("**/tasks")


def fill_in_login(page: Page, email: str = seed.ADMIN) -> None:
    """On the page of the login that one has come to."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(seed.PASSWORD)
    page.get_by_role("button", name="Log in").click()


def send_by_enter(page: Page) -> None:
    """Press Enter in a form, and wait for the whole page that answers, be it the same again."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def notice(page: Page, words: str) -> Locator:
    """What the page tells in these words, wherever it does."""
    return page.locator(".notice", has_text=words).first


def poll_now(page: Page) -> None:
    """Have a live page ask at once, as when somebody returns to it."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")


@pytest.fixture(scope="session")
def delivery_path(stack: Stack) -> str:
    """The page of an event that has come from GitLab and was processed."""
    state = stack.gitlab.state
    issue = state.items.find(state.projects.get(SHOP), "issue", 2)
    state.items.edit(issue, add_labels=["documentation"])
    deadline = time.monotonic() + HANGS
    while time.monotonic() < deadline:
        with stack.app.app_context():
            done = select(GitLabWebhookDelivery.id).filter_by(status="processed")
            delivery_id = db.session.scalars(done).first()
        if delivery_id is not None:
            return f"{stack.org_path}/deliveries/{delivery_id}"
        time.sleep(0.2)
    pytest.fail("no event came through")


@pytest.fixture(scope="session")
def cookies(stack: Stack, browser: Browser) -> list[Any]:
    """Those of an admin who has logged in once."""
    context = new_context(browser)
    log_in(context.new_page(), stack)
    found = context.cookies()
    context.close()
    return list(found)


Open = Callable[..., Page]


@pytest.fixture
def open_page(stack: Stack, browser: Browser, cookies: list[Any]) -> Iterator[Open]:
    """Opens a page as the admin: ``open_page("/members", color_scheme="dark")``.

    The test fails if the page writes an error to the console.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A refused form is an answer of 4xx, which Chromium reports on its own.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            errors.append(message.text)

    def open_it(path: str = "", **options: Any) -> Page:
        context = new_context(browser, **{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.add_cookies(cookies)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path if path.startswith("http") else stack.org_url + path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []
