"""Runs a simulated GitLab over real HTTP, in threads of this process."""

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from gitlab_links.demo.gitlab.app import create_gitlab
from gitlab_links.demo.gitlab.sample import fill
from gitlab_links.demo.gitlab.state import GitLabState
from gitlab_links.demo.gitlab.timing import Clock

HOST = "127.0.0.1"


class _Handler(WSGIRequestHandler):
    """Says nothing about requests; the counters of the state know them. The date of an answer
    is by the instance's clock.
    """

    protocol_version = "HTTP/1.1"
    clock: Clock

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(timestamp or self.clock.now().timestamp())

    def version_string(self) -> str:
        return "nginx"

    def log_request(self, *_what: object) -> None:
        return None

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class SimulatedGitLab:
    """A GitLab that answers at ``url`` from ``start`` to ``stop``; also a context manager.

    Each connection has a thread of its own, so slow answers do not hold up others.
    ``port`` 0 takes a free one; with ``tls`` it is https. ``state`` is the way to change what
    it holds.
    """

    def __init__(
        self,
        state: GitLabState,
        *,
        port: int = 0,
        relative_root: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.state = state
        app = create_gitlab(state, relative_root=relative_root)
        handler = type("_HandlerOfOne", (_Handler,), {"clock": state.clock})
        self._server: BaseWSGIServer = make_server(
            HOST, port, app, threaded=True, request_handler=handler, ssl_context=tls
        )
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://{HOST}:{self._server.port}{relative_root.rstrip('/')}"
        state.settle_at(self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @classmethod
    def start(
        cls,
        *,
        sample: bool = False,
        token: str | None = None,
        port: int = 0,
        relative_root: str = "",
        sender_threads: int = 1,
    ) -> Self:
        """A running instance: with the sample data and its ``token``, or without any.

        An empty instance given a ``token`` has one user, the administrator ``root``, whose
        token of the scope ``api`` it is.
        """
        state = GitLabState(sender_threads=sender_threads)
        if sample:
            fill(state, token=token)
        elif token:
            root = state.people.add_user("root", "Administrator", is_admin=True)
            state.people.add_token(root, scopes=["api"], value=token)
        server = cls(state, port=port, relative_root=relative_root)
        server._thread.start()
        return server

    def stop(self) -> None:
        """Refuse connections from now on and stop sending webhooks."""
        # Wakes the thread that waits for connections; elsewhere than on Linux it looks up itself.
        with suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RD)
        self._server.shutdown()
        self._server.server_close()
        self.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
