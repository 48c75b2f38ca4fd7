"""The marks of the menu for an open page, which follows them."""

import uuid
from functools import partial

from flask import render_template
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.live_parts import etag_of, if_changed
from gitlab_links.pages.menu_marks import MenuMarks


@pages.get("/orgs/<uuid:org_id>/menu")
@access(Permission.TASK_READ)
def menu_marks(org_id: uuid.UUID) -> ResponseReturnValue:
    """The marks alone, for pages that follow GitLab; a 304 if nothing changed."""
    marks = MenuMarks.of(current_principal())
    etag = etag_of(org_id, marks)
    return if_changed(etag, partial(render_template, "partials/menu_marks.html", marks=marks))
