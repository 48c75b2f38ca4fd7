"""Ends processes whose supervisor was killed before it could end them.

Runs as a separate script, with only the standard library. It reads lines from stdin,
``session <leader pid> <signal>``, ``forget <leader pid>`` and ``folder <path>``; when stdin
closes or its parent is gone, it ends the sessions and removes the folders.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.5
GRACE_SECONDS = 3.0


def session_members(leader: int) -> list[int]:
    """The processes of ``leader``'s session, without zombies.

    By session instead of process group, because a child may create process groups.
    """
    members = []
    for pid, _, state in processes():
        try:
            if state != "Z" and os.getsid(pid) == leader:
                members.append(pid)
        except OSError:
            continue
    return members


def processes() -> list[tuple[int, int, str]]:
    """Every process: its id, its parent's, and the letter of its state."""
    proc = Path("/proc")
    if (proc / "self" / "stat").exists():
        found = (_status(entry) for entry in proc.iterdir() if entry.name.isdigit())
        return [status for status in found if status is not None]
    command = ["ps", "-axo", "pid=,ppid=,stat="]
    listing = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    rows = (line.split() for line in listing.stdout.decode().splitlines())
    return [(int(pid), int(parent), state[:1]) for pid, parent, state in rows]


def _status(entry: Path) -> tuple[int, int, str] | None:
    try:
        # The name before the bracket may contain anything, even spaces and brackets.
        state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return int(entry.name), int(parent), state


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each; a process that has ended is not an error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            continue


def end_session(leader: int, number: int = signal.SIGTERM) -> None:
    """Send a signal to the leader, wait ``GRACE_SECONDS``, then kill the rest of its session."""
    signal_all([leader], number)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := session_members(leader)) and time.monotonic() < deadline:
        time.sleep(0.05)
    signal_all(left, signal.SIGKILL)


def _watch() -> None:
    parent = os.getppid()
    sessions: dict[int, int] = {}
    folders: list[str] = []
    pending = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], POLL_SECONDS)[0]:
            continue
        received = os.read(0, 65536)
        if not received:
            break
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            _obey(line.decode(), sessions, folders)
    for leader, number in reversed(sessions.items()):
        end_session(leader, number)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _obey(line: str, sessions: dict[int, int], folders: list[str]) -> None:
    verb, _, rest = line.partition(" ")
    if verb == "session":
        leader, number = rest.split()
        sessions[int(leader)] = int(number)
    elif verb == "forget":
        sessions.pop(int(rest), None)
    elif verb == "folder":
        folders.append(rest)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    _watch()
    sys.exit(0)
