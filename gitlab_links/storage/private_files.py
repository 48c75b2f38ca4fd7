"""Files and folders that only the service's own user may read, whoever makes them first."""

import os
from contextlib import suppress
from pathlib import Path

from gitlab_links.places import HOME

INSTANCE = HOME / "instance"

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_private_folder(path: Path) -> None:
    """Make it, with its parents; close it to others if it was there and is ours."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _close_to_others(path, FOLDER_MODE)


def make_private_file(path: Path) -> None:
    """Make it, empty, or close it to others if it was there and is ours.

    ``instance/`` is made and closed as well; any other folder is the operator's.
    """
    if path.parent == INSTANCE:
        make_private_folder(INSTANCE)
    # Whoever may not make it is told so by who wants to open it. One that is there is not opened:
    # to close it again would end the locks that this process has on it.
    with suppress(OSError):
        if not path.exists():
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
            os.close(os.open(path, flags, FILE_MODE))
        _close_to_others(path, FILE_MODE)


def _close_to_others(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o777 & ~mode:
        with suppress(PermissionError):  # another user's: the operator has decided
            path.chmod(path.stat().st_mode & mode)
