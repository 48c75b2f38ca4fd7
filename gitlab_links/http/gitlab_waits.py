"""Limits for requests that wait for a GitLab: a few per process, and one per org."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis.exceptions import RedisError

from gitlab_links.errors import DomainError, RateLimited
from gitlab_links.extensions import redis, settings

# Of the 8 threads of a process; the others are for webhooks, pages and API.
WAITING_REQUESTS = 2
RETRY_SECONDS = 5

_places = threading.BoundedSemaphore(WAITING_REQUESTS)
_waiting: set[uuid.UUID] = set()
_lock = threading.Lock()


class GitLabAskedAlready(RateLimited, code="gitlab_asked_already"):
    """Another request of the org is waiting for its GitLab (429)."""


class NoPlaceToWait(DomainError, status=503, code="busy"):
    """Too many requests of other orgs are waiting for their GitLab (503)."""


WAITS = (GitLabAskedAlready, NoPlaceToWait)


@contextmanager
def waiting_for_gitlab(org_id: uuid.UUID) -> Iterator[None]:
    """Reserve a place for a request that waits for the org's GitLab.

    Raises at once :class:`GitLabAskedAlready` if a request of the org waits in any process, and
    :class:`NoPlaceToWait` if ``WAITING_REQUESTS`` wait in this process.
    """
    with _one_of_the_org(org_id), waiting_for_an_issuer():
        yield


@contextmanager
def waiting_for_an_issuer() -> Iterator[None]:
    """Reserve a place for a request that waits for another service, in the name of no org.

    Raises :class:`NoPlaceToWait`.
    """
    if not _places.acquire(blocking=False):
        raise NoPlaceToWait(
            "Too many requests are waiting for GitLab. Try again in a few seconds.",
            retry_after=RETRY_SECONDS,
        )
    try:
        yield
    finally:
        _places.release()


@contextmanager
def _one_of_the_org(org_id: uuid.UUID) -> Iterator[None]:
    with _lock:
        if org_id in _waiting:
            raise _asked_already()
        _waiting.add(org_id)
    try:
        with _one_in_all_processes(org_id):
            yield
    finally:
        with _lock:
            _waiting.discard(org_id)


@contextmanager
def _one_in_all_processes(org_id: uuid.UUID) -> Iterator[None]:
    """While Redis is unavailable, each process counts alone."""
    name, mark = f"gitlab_links:waiting:{org_id}", uuid.uuid4().hex
    ends_in = round(settings().gitlab_timeout) + RETRY_SECONDS
    try:
        taken = redis().set(name, mark, nx=True, ex=ends_in)
    except RedisError:
        taken = True
    if not taken:
        raise _asked_already()
    try:
        yield
    finally:
        with suppress(RedisError):
            if redis().get(name) == mark.encode():
                redis().delete(name)


def _asked_already() -> GitLabAskedAlready:
    return GitLabAskedAlready(
        "Another request is waiting for your GitLab. Wait until it is done, then try again.",
        retry_after=RETRY_SECONDS,
    )
