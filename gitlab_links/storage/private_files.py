"""Files and folders that only the service's own user may read."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gitlab_links.installed_files import HOME

INSTANCE = HOME / "instance"

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC


def make_private_folder(path: Path) -> None:
    """Create it with its parents; if it exists and is ours, remove others' permissions."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _close_to_others(path, FOLDER_MODE)


def make_private_file(path: Path) -> None:
    """Create it empty; if it exists and is ours, remove others' permissions.

    ``instance/`` is created and closed to others as well; other folders are the operator's.
    """
    if path.parent == INSTANCE:
        make_private_folder(INSTANCE)
    # An error here is ignored: opening the file fails too, and reports it. An existing file is not
    # opened: closing it again would release this process's locks on it.
    with suppress(OSError):
        if not path.exists():
            os.close(os.open(path, _NEW, FILE_MODE))
        _close_to_others(path, FILE_MODE)


def open_new_private_file(path: Path) -> BinaryIO:
    """Create it and open it to write; raises :class:`FileExistsError` if it exists."""
    return os.fdopen(os.open(path, _NEW, FILE_MODE), "wb")


def _close_to_others(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o777 & ~mode:
        with suppress(PermissionError):  # another user's file: the operator's decision
            path.chmod(path.stat().st_mode & mode)
