"""The overview of an org: what needs somebody, and how work flows."""

import uuid
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.overview.queries import overview_for
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.live_parts import etag_of, is_part, tagged
from gitlab_links.pages.overview_charts import charts_of
from gitlab_links.pages.roll_up_marks import NEED_MARKS
from gitlab_links.rollup.visibility import Visibility

PART = "overview"


@pages.get("/orgs/<uuid:org_id>/overview")
@access(Permission.TASK_READ)
def org_overview(org_id: uuid.UUID) -> ResponseReturnValue:
    """Counts that lead to the list of tasks, and charts. An open page polls the figures alone."""
    shown = _shown(org_id, Visibility.of(current_principal()))
    etag = etag_of(*shown.values())
    if is_part(PART):
        if etag in request.if_none_match:
            return tagged("", etag, 304)
        return tagged(render_template("overview/figures.html", **shown), etag)
    return render_template("overview/show.html", **shown, part=PART, etag=f'"{etag}"')


def _shown(org_id: uuid.UUID, visibility: Visibility) -> dict[str, Any]:
    found = overview_for(visibility)
    figures = found.figures
    needs = figures.needs.items() if figures else ()
    return {
        "org_id": org_id,
        "needs": [
            (NEED_MARKS[need], count, url_for("pages.task_list", org_id=org_id, need=need.value))
            for need, count in needs
        ],
        "charts": charts_of(figures) if figures else (),
        "computed_at": figures.computed_at if figures and found.kept else None,
        "counting": found.counting,
        "withholds": visibility.sees_links and not visibility.sees_all,
        "url": url_for("pages.org_overview", org_id=org_id),
    }
