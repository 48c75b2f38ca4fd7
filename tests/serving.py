"""A server of the standard library in a thread, for as long as a test needs it."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[None]:
    """It answers within, and refuses connections afterwards."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        # Wakes the thread that waits for connections; elsewhere than on Linux it looks up itself.
        with suppress(OSError):
            server.socket.shutdown(socket.SHUT_RD)
        server.shutdown()
        thread.join()
        server.server_close()
