"""The table of roles and permissions in docs/security.md is that of the code."""

import re
from pathlib import Path

from flask import Flask

from gitlab_links.accounts.roles import Permission, Role
from gitlab_links.api.contract import operations

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \|(.*)\|(?: `(\w+)`)? \|$", re.MULTILINE)


def test_the_document_has_the_roles_and_the_scope_of_every_permission(app: Flask) -> None:
    """A permission that no operation of the API needs is of no use to a key."""
    of_the_api = {one.declaration.permission for one in operations(app)}
    written = {}
    for label, cells, scope in ROW.findall(DOCUMENT.read_text(encoding="utf-8")):
        answers = [cell.strip() for cell in cells.split("|")]
        roles = {role for role, answer in zip(Role, answers, strict=True) if answer == "yes"}
        written[label] = (roles, scope)
    assert written == {
        one.label: (set(one.roles), one.scope.value if one in of_the_api else "")
        for one in Permission
    }
