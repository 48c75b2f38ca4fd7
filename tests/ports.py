"""Ports that no other run of the tests on this machine takes meanwhile."""

import socket
from contextlib import ExitStack

from gitlab_links.local.services import LOOPBACK, free_port


def reserved_port(kept: ExitStack, among: range) -> int:
    """A TCP port that nobody listens on, and that stays ours until ``kept`` is closed.

    Whoever holds the UDP port of the same number has it; that ends with the process, too.
    """
    while True:
        port = free_port(among)
        holder = socket.socket(type=socket.SOCK_DGRAM)
        try:
            holder.bind((LOOPBACK, port))
        except OSError:
            holder.close()
            continue
        kept.enter_context(holder)
        return port
