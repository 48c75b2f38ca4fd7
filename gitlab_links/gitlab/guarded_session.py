"""The HTTP session for python-gitlab: guarded connections, limited answers.

requests-hardened does not do: it checks only the first address of a name, has no allow list,
and limits neither the time nor the size of an answer.
"""

from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from gitlab_links import __version__
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.gitlab.guarded_socket import (
    Deadline,
    Guard,
    GuardedPoolManager,
    Resolver,
    system_resolver,
    tls_context,
)

MAX_RESPONSE_BYTES = 10 * 1024 * 1024
MAX_REDIRECTS = 3
USER_AGENT = f"gitlab_links/{__version__}"
_CHUNK_BYTES = 64 * 1024
_DEFAULT_PORTS = {"https": 443, "http": 80}


class ResponseTooLargeError(Exception):
    """An answer with more bytes than allowed, after decompression."""

    def __init__(self, status: int, limit: int) -> None:
        super().__init__(f"The answer has more than {limit} bytes.")
        self.status = status


class GuardedSession(requests.Session):
    """A session for one GitLab, one thread and one token.

    Connects only to permitted addresses, follows redirects only within the origin, ignores
    proxies and ``.netrc`` of the environment, and stores no cookies. Each answer is read
    whole, up to ``max_bytes``. ``deadline.start()`` starts the time for a call, redirects
    included; ``whole_seconds`` limits all calls together. ``ca_file`` has certificates to
    trust in addition to the well-known ones.
    """

    def __init__(
        self,
        allowed: AllowedHosts,
        *,
        seconds: float,
        whole_seconds: float | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
        ca_file: str | None = None,
        resolver: Resolver = system_resolver,
    ) -> None:
        super().__init__()
        self.deadline = Deadline(seconds, whole_seconds)
        self.stopped_by: Exception | None = None
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.max_redirects = MAX_REDIRECTS
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _GuardedAdapter(Guard(allowed, self.deadline, resolver), max_bytes, ca_file)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, unless ``stopped_by`` is set: that is raised instead."""
        if self.stopped_by is not None:
            raise self.stopped_by
        return super().send(request, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The redirect to follow, if it stays within the origin and the request only reads.
        Otherwise None; the redirect itself is then the answer.
        """
        if resp.request.method not in ("GET", "HEAD"):
            return None
        try:
            target = super().get_redirect_target(resp)  # may not be UTF-8
            if target is None:
                return None
            absolute = urljoin(resp.url, target)
            within = "@" not in urlsplit(absolute).netloc and _origin(absolute) == _origin(resp.url)
        except ValueError:
            return None
        return absolute if within else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, guard: Guard, max_bytes: int, ca_file: str | None) -> None:
        self._guard = guard
        self._max_bytes = max_bytes
        self._ca_file = ca_file
        super().__init__()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        self.poolmanager = GuardedPoolManager(
            self._guard,
            num_pools=connections,
            maxsize=maxsize,
            block=block,
            ssl_context=tls_context(self._ca_file),
            **pool_kwargs,
        )

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send without a proxy and read the whole answer, ignoring the caller's options."""
        kwargs |= {"stream": True, "timeout": None, "proxies": None}
        response = super().send(request, *args, **kwargs)
        # Response.content fills this attribute. No public way to fill it has a size limit.
        response._content = self._read(response)
        return response

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        try:
            for chunk in response.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > self._max_bytes:
                    raise ResponseTooLargeError(response.status_code, self._max_bytes)
        except BaseException:
            response.close()
            raise
        return bytes(body)
