"""Asking a scripted GitLab for an issue, in the few ways the tests need."""

import pytest

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.items import ItemType

TOKEN = "glpat-canary-3f1f2b3c4d5e"
ONE_ISSUE = [{"iid": 1, "title": "Pump leaks"}]


def fetch(client, project=42):
    return client.fetch_items(project, ItemType.ISSUE, [1]).items


def failure(client, project=42) -> GitLabFailure:
    with pytest.raises(GitLabFailure) as caught:
        fetch(client, project)
    raised = caught.value
    assert raised.detail.endswith((".", "?"))
    assert TOKEN not in f"{raised!s} {raised!r} {raised.detail}"
    return raised


def tls_client(make_client, port, **options):
    name = f"gitlab.test:{port}"
    return make_client(
        f"https://{name}", listed=(name,), resolver=lambda *_: ["127.0.0.1"], **options
    )
