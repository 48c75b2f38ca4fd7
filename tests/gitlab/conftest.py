"""A scripted GitLab on loopback, and clients for it."""

import time
from collections.abc import Callable, Iterator

import pytest

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.gitlab.client import GitLabClient
from gitlab_links.gitlab.urls import parse_base_url
from tests.gitlab.asking import TOKEN
from tests.gitlab.servers import Server, reply_json, serving

MakeClient = Callable[..., GitLabClient]


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is nine hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda _: reply_json([])) as running:
        yield running


@pytest.fixture
def make_client(server: Server) -> Iterator[MakeClient]:
    """Clients of ``server``, or of the base URL given; closed at the end."""
    made: list[GitLabClient] = []

    def make(
        base_url: str | None = None,
        *,
        listed: tuple[str, ...] = (),
        kind: type[GitLabClient] = GitLabClient,
        **options,
    ):
        allowed = AllowedHosts.parse([f"127.0.0.1:{server.port}", *listed])
        base = parse_base_url(base_url or f"http://127.0.0.1:{server.port}", allowed)
        client = kind(base, TOKEN, allowed=allowed, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
