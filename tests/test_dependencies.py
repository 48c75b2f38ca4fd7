"""docs/dependencies.md has a reason for every package, and for none that is not there."""

import re

from gitlab_links.local.supervisor import PROJECT

COME_WITH_OTHERS = {"click", "markupsafe", "requests", "urllib3"}


def test_every_requirement_has_its_reason() -> None:
    required = "\n".join(path.read_text() for path in (PROJECT / "requirements").glob("*.in"))
    named = {name.lower() for name in re.findall(r"^([\w.\[\]-]+)[=>]=", required, re.MULTILINE)}
    document = (PROJECT / "docs" / "dependencies.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| .+ \|$", document, re.MULTILINE)
    told = {name.strip().lower() for row in rows for name in row.split(",")} - {"package"}

    assert told == named | COME_WITH_OTHERS
    assert f"({', '.join(sorted(COME_WITH_OTHERS))})" in document
