"""``python -m tools.dependencies``: does docs/dependencies.md fit the lock, and the lock base.in?

Prints what does not fit, a line each, and exits 1 then. Part of ``make check``.
"""

import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# Imported by the service, and brought along by others.
COME_WITH_OTHERS = frozenset({"click", "markupsafe", "requests", "urllib3"})
WHERE_DATES_ARE = (
    "uv pip compile --universal --python-version 3.11 --format pylock.toml requirements.txt"
)

_REQUIREMENT = re.compile(r"^([\w.-]+(?:\[\w+\])?)([=<>][^\s#;\\]+)", re.MULTILINE)
_RUNNING_ROW = re.compile(r"^\| (\S+) \| (\d\S*) \| (\S+) \| [^|]+ \| ([^|]+) \| [^|]+ \|$")
_DEVELOPING_ROW = re.compile(r"^\| ([^|]+) \| [^|]+ \|$")


def main(project: Path = PROJECT) -> int:
    """Check everything; 1 if something does not fit."""
    found = [*_check_ranges(project), *_check_document(project), *_check_backend(project)]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def _requirements(path: Path) -> dict[str, str]:
    return {name.lower(): versions for name, versions in _REQUIREMENT.findall(path.read_text())}


def _locked(project: Path, name: str = "requirements.txt") -> dict[str, str]:
    locked = _requirements(project / name)
    return {name.partition("[")[0]: pin.removeprefix("==") for name, pin in locked.items()}


def allowed(version: str) -> str:
    """The range of base.in around a locked version."""
    major, minor, *_ = (int(part) for part in version.split("."))
    return f">={version},<{major + 1 if major else f'0.{minor + 1}'}"


def _check_ranges(project: Path) -> Iterator[str]:
    locked = _locked(project)
    for name, versions in _requirements(project / "requirements" / "base.in").items():
        wanted = allowed(locked[name.partition("[")[0]])
        if versions != wanted:
            yield f"requirements/base.in: {name}{versions} should be {name}{wanted}"


def _check_document(project: Path) -> Iterator[str]:
    text = (project / "docs" / "dependencies.md").read_text()
    running, developing = text.split("\n## ")[1:3]
    named = _requirements(project / "requirements" / "base.in").keys() | COME_WITH_OTHERS
    rows = [match for line in running.splitlines() if (match := _RUNNING_ROW.match(line))]
    yield from _check_names("runs on", [row[1] for row in rows], named)
    for row in rows:
        yield from _check_row(project, *row.groups())
    rows = [match for line in developing.splitlines() if (match := _DEVELOPING_ROW.match(line))]
    names = [name for row in rows for name in row[1].split(", ") if name != "package"]
    needed = {
        name
        for file in ("local.in", "dev.in")
        for name in _requirements(project / "requirements" / file)
    }
    yield from _check_names("needs on top", [name.lower() for name in names], needed)
    if f"({', '.join(sorted(COME_WITH_OTHERS))})" not in text:
        yield "docs/dependencies.md: does not name those that others bring along"


def _check_names(table: str, listed: list[str], named: set[str]) -> Iterator[str]:
    for name in sorted(named - set(listed)):
        yield f"docs/dependencies.md, {table}: no row for {name}"
    for name in sorted(set(listed) - named):
        yield f"docs/dependencies.md, {table}: {name} is no requirement"


def _check_row(project: Path, name: str, version: str, day: str, where: str) -> Iterator[str]:
    locked = _locked(project).get(name.partition("[")[0])
    if locked is not None and version != locked:
        yield (
            f"docs/dependencies.md: {name} {version} is locked as {locked}; "
            f"when that was released: {WHERE_DATES_ARE}"
        )
    if not _is_day(day):
        yield f"docs/dependencies.md: {name}: {day} is no day such as 2026-05-01"
    for path in re.findall(r"`([^`]+)`", where):
        if not any((root / path).exists() for root in (project / "gitlab_links", project)):
            yield f"docs/dependencies.md: {name}: there is no {path}"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_backend(project: Path) -> Iterator[str]:
    """A build in an environment of its own must be the build that is tested."""
    wanted = f'["setuptools=={_locked(project, "requirements/dev.txt")["setuptools"]}"]'
    if f"requires = {wanted}" not in (project / "pyproject.toml").read_text():
        yield f"pyproject.toml: requires should be {wanted}"


if __name__ == "__main__":
    sys.exit(main())
