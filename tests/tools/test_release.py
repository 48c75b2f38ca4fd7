"""make release: what it writes, what it says, and what it refuses."""

import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tools.release import PROJECT, ReleaseRefused, main, release

pytestmark = pytest.mark.slow

DAY = date(2026, 12, 1)
CHANGES = """# Changelog

## [Unreleased]

### Added

- A thing.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What a release touches, committed: the project's own version and migrations."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT / "migrations", folder / "migrations")
    (folder / "gitlab_links").mkdir()
    shutil.copy(PROJECT / "gitlab_links" / "__init__.py", folder / "gitlab_links")
    (folder / "CHANGELOG.md").write_text(CHANGES)
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All of it")


def written(folder: Path) -> tuple[str, str]:
    version = (folder / "gitlab_links" / "__init__.py").read_text()
    return (folder / "CHANGELOG.md").read_text(), version


def test_the_changes_get_the_version_the_day_and_the_schema(project: Path) -> None:
    assert release(project, "0.7.0", DAY) is None
    changes, version = written(project)
    assert re.fullmatch(
        r"# Changelog\n\n## \[Unreleased\]\n\n## \[0\.7\.0\] - 2026-12-01\n\n"
        r"The schema is at revision \d{4}\.\n\n### Added\n\n- A thing\.\n",
        changes,
    )
    assert '\n__version__ = "0.7.0"\n' in version


def test_the_next_one_goes_above_and_leaves_the_former_alone(project: Path) -> None:
    release(project, "0.9.0", DAY)
    former = written(project)[0].partition("## [0.9.0]")[2]
    path = project / "CHANGELOG.md"
    path.write_text(path.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n- More.\n"))
    commit(project)
    assert release(project, "0.10.0", DAY) == "0.9.0"
    changes, version = written(project)
    assert re.findall(r"^## \[(.+)\]", changes, re.MULTILINE) == ["Unreleased", "0.10.0", "0.9.0"]
    assert changes.endswith(former)
    assert '"0.10.0"' in version


def test_it_says_what_to_tag(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["0.7.0"], project) == 0
    said = capsys.readouterr().out
    assert 'git tag --annotate v0.7.0 --message "gitlab_links 0.7.0"' in said
    assert "tests.soak.upgrade" not in said
    day = datetime.now(UTC).date()
    assert f"## [0.7.0] - {day.year}-" in written(project)[0]


def test_it_says_from_which_version_the_upgrade_is_to_be_tried(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "CHANGELOG.md"
    path.write_text(path.read_text() + "\n## [0.6.1] - 2026-05-01\n\n- It.\n")
    commit(project)
    assert main(["0.7.0"], project) == 0
    assert "python -m tests.soak.upgrade v0.6.1\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3rc1", "1.2.3\n", "１.2.3"]
)
def test_a_malformed_version_is_refused(project: Path, version: str) -> None:
    refused(project, version, "VERSION=0.2.0")


def test_a_dirty_tree_is_refused(project: Path) -> None:
    (project / "new").touch()
    refused(project, "0.7.0", "uncommitted")


def test_a_version_that_is_not_newer_is_refused(project: Path) -> None:
    path = project / "CHANGELOG.md"
    path.write_text(path.read_text() + "\n## [0.10.0] - 2026-05-01\n\n- It.\n")
    commit(project)
    refused(project, "0.10.0", "not newer")
    refused(project, "0.9.9", "not newer")


def test_a_tag_that_is_there_is_refused(project: Path) -> None:
    git(project, "tag", "v0.7.0")
    refused(project, "0.7.0", "tag v0.7.0")


def test_nothing_to_release_is_refused(project: Path) -> None:
    (project / "CHANGELOG.md").write_text(CHANGES.partition("###")[0])
    commit(project)
    refused(project, "0.7.0", "nothing under Unreleased")


def refused(project: Path, version: str, why: str) -> None:
    before = written(project)
    with pytest.raises(ReleaseRefused, match=why):
        release(project, version, DAY)
    assert written(project) == before


def test_a_refusal_is_a_sentence(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([""], project) == 1
    assert capsys.readouterr().err.startswith("Say which version")
