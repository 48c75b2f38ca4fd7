"""The overview of an org: what needs somebody, and how work flows."""

import uuid
from typing import Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.overview.figures import Figures
from gitlab_links.overview.queries import overview_for
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.overview.overview_charts import charts_of
from gitlab_links.pages.tasks.roll_up_marks import NEED_MARKS
from gitlab_links.pages.unapplied import unapplied
from gitlab_links.rollup.needs import OF_AN_ITEM
from gitlab_links.rollup.visibility import Visibility

PART = "overview"


@pages.get("/orgs/<uuid:org_id>/overview")
@access(Permission.TASK_READ)
def org_overview(org_id: uuid.UUID) -> ResponseReturnValue:
    """Counts that lead to the list of tasks, and charts. An open page polls the figures alone."""
    shown = _shown(org_id, Visibility.of(current_principal()))
    if is_part(PART):
        return answer_part("overview/figures.html", shown)
    return render_template("overview/show.html", **shown, part=PART, unapplied=unapplied({}))


def _shown(org_id: uuid.UUID, visibility: Visibility) -> dict[str, Any]:
    found = overview_for(visibility)
    figures = found.figures
    needs = figures.needs.items() if figures else ()
    shown = {
        "org_id": org_id,
        "needs": [
            (NEED_MARKS[need], count, url_for("pages.task_list", org_id=org_id, need=need.value))
            for need, count in needs
        ],
        "charts": charts_of(figures) if figures else (),
        "computed_at": figures.computed_at if figures and found.kept else None,
        "counting": found.counting,
        "withholds": visibility.sees_links and not visibility.sees_all,
    }
    away = ""
    if visibility.sees_links:
        away = away_words(visibility.connection, shows_links=_has_links(figures))
    url = url_for("pages.org_overview", org_id=org_id)
    return {**shown, "live": Live.of(url, away, *shown.values())}


def _has_links(figures: Figures | None) -> bool:
    """Whether any figure is of linked items."""
    if figures is None or figures.flow is None:
        return False
    weeks = any(week.opened or week.merged for week in figures.flow.weeks)
    return weeks or any(figures.needs[need] for need in OF_AN_ITEM)
