"""The HTTP session that python-gitlab is given: guarded connections, bounded answers.

requests-hardened was looked at and left: it checks the first of a name's addresses only,
knows no allow list, and sets no bound on the time or the size of an answer.
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

    Connects to permitted addresses only, follows redirects within the origin only, reads
    neither proxies nor ``.netrc`` from the environment, keeps no cookies. Each answer is
    read whole, up to ``max_bytes``; ``deadline.start()`` begins the time for a call,
    redirects included, and ``whole_seconds`` limits all calls together. ``ca_file`` names
    certificates to trust besides the well-known ones.
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
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.max_redirects = MAX_REDIRECTS
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _GuardedAdapter(Guard(allowed, self.deadline, resolver), max_bytes, ca_file)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The redirect to follow: within the origin and for reading, else None, and then
        the redirect itself is the answer.
        """
        target = super().get_redirect_target(resp)
        if target is None or resp.request.method not in ("GET", "HEAD"):
            return None
        try:
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
        """Send without a proxy and read the answer whole, whatever was asked for."""
        kwargs |= {"stream": True, "timeout": None, "proxies": None}
        response = super().send(request, *args, **kwargs)
        # The attribute is what Response.content itself fills; nothing public does it bounded.
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
