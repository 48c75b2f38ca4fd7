"""What the fields of filters suggest while somebody types."""

import uuid

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.finding.suggestions import SuggestedFilter, suggestions
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.sought_texts import fault_of


@pages.get("/orgs/<uuid:org_id>/filters/suggestions")
@access(Permission.LINK_READ)
def filter_suggestions(org_id: uuid.UUID) -> ResponseReturnValue:
    """The options of the ``field`` for what is typed; none for a field that has none."""
    del org_id  # the caller has it
    field = parsed(SuggestedFilter, request.args.get("field", ""))
    visibility = Visibility.of(current_principal())
    text = request.args.get("q", "")
    found = suggestions(visibility, field, text.strip()) if field and not fault_of(text) else ()
    answer: Response = make_response(render_template("partials/suggestions.html", found=found))
    answer.headers["Cache-Control"] = "no-store"
    return answer
