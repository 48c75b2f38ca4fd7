"""Items to choose from while somebody types into the field for a link."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid, RateLimited
from gitlab_links.gitlab.items import ItemType
from gitlab_links.health.title_search import FoundItem, Search, search_titles
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.queries import links_page
from gitlab_links.links.sought_items import SoughtItem
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.live_parts import is_part
from gitlab_links.pasting.reading import Reader
from gitlab_links.tasks.queries import task_at
from gitlab_links.tasks.summaries import TaskView

PART = "suggestions"
SHORTEST, LONGEST = 3, 100


@pages.get("/orgs/<uuid:org_id>/tasks/<reference>/links/suggestions")
@access(Permission.LINK_WRITE)
def link_suggestions(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """The items that a typed text may mean: by reference or address, else by title, by a call."""
    principal, task = current_principal(), task_at(org_id, reference)
    if not is_part(PART):
        return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))
    text = " ".join(request.args.get("q", "").replace("\0", "").split())
    try:
        found = _found(principal, task, text)
    except WAITS:  # perhaps for an earlier search of the same person: the page asks again
        return render_template("links/suggestions.html", found=Search(), busy=True)
    except (Conflict, RateLimited) as refusal:
        found = Search(problem=refusal.detail)
    return render_template("links/suggestions.html", found=found, text=text[:LONGEST])


def _found(principal: Principal, task: TaskView, text: str) -> Search:
    if len(text) < SHORTEST:
        return Search()
    reader = Reader.of(principal.org_id, principal.role)
    try:
        ref = reader.read(text)
    except Invalid:
        # An address that is not whole yet is no title.
        return Search() if "://" in text else search_titles(principal, task, text[:LONGEST])
    item = SoughtItem(principal.org_id, reader.base_url, ref.project_path, ref.iid, ref.type)
    known = links_page(principal.org_id, LinkFilter(item=item), limit=1, viewer=principal.role)
    return Search(
        [
            FoundItem(
                link.reference,
                ItemType(link.gitlab_type),
                link.title,
                link.state,
                link.draft,
                link.confidential,
            )
            for link in known
            if link.title
        ]
    )
