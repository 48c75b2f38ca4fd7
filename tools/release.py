"""``make release VERSION=0.2.0``: date the changes, set the version, and say what is left to do.

Writes CHANGELOG.md and the version, and commits nothing.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from alembic.script import ScriptDirectory

PROJECT = Path(__file__).resolve().parents[1]
VERSION_FILE = Path("gitlab_links") / "__init__.py"
CHANGELOG = Path("CHANGELOG.md")
UNRELEASED = "## [Unreleased]\n"

_NUMBER = r"(?:0|[1-9][0-9]*)"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_SECTION = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - ", re.MULTILINE)
_ASSIGNMENT = re.compile(r'^__version__ = "[^"]+"$', re.MULTILINE)


class ReleaseRefused(Exception):
    """Nothing was written; the text says why."""


def main(arguments: Sequence[str] | None = None, project: Path = PROJECT) -> int:
    """Release the version that is named; 1 if that is refused."""
    parser = argparse.ArgumentParser(prog="make release")
    parser.add_argument("version")
    version: str = parser.parse_args(arguments).version
    try:
        before = release(project, version, datetime.now(UTC).date())
    except ReleaseRefused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print(_what_is_left(version, before))
    return 0


def release(project: Path, version: str, day: date) -> str | None:
    """Write the section of ``version`` and set it; gives the version before, if there was one.

    Raises :class:`ReleaseRefused` and writes nothing unless the version is well formed and newer,
    there is something to release, and the tree is clean.
    """
    if _VERSION.fullmatch(version) is None:
        raise ReleaseRefused("Say which version, as in: make release VERSION=0.2.0")
    if _git(project, "status", "--porcelain"):
        raise ReleaseRefused("There are uncommitted changes. Commit or stash them first.")
    changes = (project / CHANGELOG).read_text(encoding="utf-8")
    released = _SECTION.findall(changes)
    before = max(released, key=_key, default=None)
    if before is not None and _key(version) <= _key(before):
        raise ReleaseRefused(f"{version} is not newer than {before}, the last one in {CHANGELOG}.")
    if _git(project, "tag", "--list", f"v{version}"):
        raise ReleaseRefused(f"There is a tag v{version} already.")
    dated = _dated(changes, f"## [{version}] - {day.isoformat()}\n\n{_schema(project)}\n")
    source = (project / VERSION_FILE).read_text(encoding="utf-8")
    set_to, found = _ASSIGNMENT.subn(f'__version__ = "{version}"', source)
    if found != 1:
        raise ReleaseRefused(f"{VERSION_FILE} has no line that sets __version__.")
    (project / CHANGELOG).write_text(dated, encoding="utf-8")
    (project / VERSION_FILE).write_text(set_to, encoding="utf-8")
    return before


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _git(project: Path, *words: str) -> str:
    command = ["git", *words]
    return subprocess.run(  # noqa: S603
        command, cwd=project, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def _schema(project: Path) -> str:
    """Whoever upgrades reads from which revision to which."""
    (head,) = ScriptDirectory(str(project / "migrations")).get_heads()
    return f"The schema is at revision {head}."


def _dated(changes: str, heading: str) -> str:
    """What was unreleased under ``heading``, below an empty list for what comes next."""
    head, found, rest = changes.partition(UNRELEASED)
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not found or not re.search(r"^- ", section, re.MULTILINE):
        raise ReleaseRefused(f"{CHANGELOG} has nothing under Unreleased.")
    return f"{head}{UNRELEASED}\n{heading}{rest}"


def _what_is_left(version: str, before: str | None) -> str:
    soak = f"  .venv/bin/python -m tests.soak.upgrade v{before}\n" if before else ""
    return (
        f"{CHANGELOG} and {VERSION_FILE} say {version} now. What is left:\n"
        f'  git commit --all --message "Release {version}"\n'
        f"{soak}"
        f'  git tag --annotate v{version} --message "gitlab_links {version}"\n'
        "  git push --follow-tags\n"
        "  make package"
    )


if __name__ == "__main__":
    sys.exit(main())
