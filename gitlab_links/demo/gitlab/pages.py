"""Pages for people: look at the sample projects, change an item, see the webhooks go out."""

import re
from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from gitlab_links.demo.gitlab.control import same_origin
from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.hooks import HookEvent
from gitlab_links.demo.gitlab.page_forms import (
    BadForm,
    add_from_form,
    change_from_form,
    change_project_from_form,
)
from gitlab_links.demo.gitlab.pipelines import STATUSES
from gitlab_links.demo.gitlab.records import Issue, Item, MergeRequest, Project, User
from gitlab_links.demo.gitlab.rest.integrations import CUSTOM
from gitlab_links.plurals import counted

SHOWN_PER_PROJECT, SHOWN_ON_PROJECT_PAGE, SHOWN_EVENTS = 30, 500, 8
PATIENCE_SECONDS = 0.5
MERGEABILITY = (
    "mergeable", "not_approved", "ci_must_pass", "ci_still_running", "conflict",
    "discussions_not_resolved", "need_rebase", "checking",
)  # fmt: skip
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
# What GitLab takes for a key of an external issue tracker.
KEY = re.compile(r"\b[A-Z][A-Z0-9_]*-([0-9]+)\b")
KINDS = "any(issues, work_items, merge_requests)"


def create_pages() -> Blueprint:
    """The index, a page for each project and item at GitLab's own addresses."""
    pages = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static",
        static_url_path="/-/assets",
    )  # fmt: skip
    pages.before_request(_refuse_other_origins)
    pages.after_request(_harden)
    pages.get("/")(index)
    pages.get("/-/user_settings/personal_access_tokens")(show_tokens)
    one = f"/<path:path>/-/<{KINDS}:kind>/<int:iid>"
    for rule in (one, "/<path:path>/-/<any(issues):kind>/incident/<int:iid>"):
        pages.get(rule, endpoint="item")(show_item)
    pages.post(one, endpoint="change_item")(change_item)
    pages.get("/<path:path>/-/<any(issues, merge_requests, branches):kind>/new")(show_new)
    pages.get(f"/<path:path>/-/<{KINDS}:kind>")(show_kind)
    pages.post(f"/<path:path>/-/<{KINDS}:kind>")(add_item)
    pages.get("/<path:path>")(show_project)
    pages.post("/<path:path>")(change_project)
    for status in (400, 403, 404):
        pages.register_error_handler(status, _show_error)
    pages.add_app_template_filter(ago)
    pages.add_app_template_filter(counted)
    pages.add_app_template_filter(page_of)
    pages.add_app_template_filter(with_keys)
    return pages


def index() -> str:
    """Every project with its latest items."""
    with state().lock:
        projects = [(p, _items(p), SHOWN_PER_PROJECT) for p in state().projects.all()]
        return render_template("gitlab/index.html", projects=projects)


def show_tokens() -> str:
    """The tokens that work, with their values: who disconnects their org needs one to come back."""
    with state().lock:
        today = state().clock.now().date()
        known = state().people.tokens.values()
        tokens = [one for one in known if one.active(today)]
        return render_template("gitlab/tokens.html", tokens=tokens)


def show_project(path: str) -> str | WerkzeugResponse:
    """One project; a former path leads to where it is now."""
    with state().lock:
        project = _project(path)
        if project.path_with_namespace.lower() != path.lower():
            return redirect(url_for("pages.show_project", path=project.path_with_namespace))
        return _project_page(project)


def change_project(path: str) -> WerkzeugResponse | tuple[str, int]:
    """Rename or transfer a project: GitLab sends no webhook."""
    with state().lock:
        project = _project(path)
        try:
            change_project_from_form(state(), project, request.form)
        except BadForm as problem:
            return _project_page(project, problem=str(problem)), 400
        target = url_for("pages.show_project", path=project.path_with_namespace)
        return redirect(target, 303)


def show_kind(path: str, **_kind: str) -> WerkzeugResponse:
    """GitLab has a list of its own here; the project's page serves for it."""
    here = _project(path).path_with_namespace
    return redirect(url_for("pages.show_project", path=here, _anchor="items"))


def show_new(path: str, kind: str) -> str:
    """The form for something new, filled in from the address as GitLab's own forms are."""
    with state().lock:
        word = kind.removesuffix("s")
        new = {
            name: request.args.get(f"{word}[{name}]", "")
            for name in ("title", "description", "source_branch")
        }
        new["source_branch"] = new["source_branch"] or request.args.get("branch_name", "")
        return _project_page(_project(path), new=new)


def add_item(path: str, kind: str) -> WerkzeugResponse | tuple[str, int]:
    """Open a new issue or merge request."""
    with state().lock:
        project = _project(path)
        try:
            item = add_from_form(state(), project, kind, request.form)
        except BadForm as problem:
            return _project_page(project, problem=str(problem)), 400
        return redirect(page_of(item), 303)


def show_item(path: str, kind: str, iid: int) -> str | WerkzeugResponse:
    """One item with everything that can be changed about it."""
    with state().lock:
        item = _item(path, kind, iid)
        if item.project.path_with_namespace.lower() != path.lower():
            return redirect(page_of(item))
        return _item_page(item)


def change_item(path: str, kind: str, iid: int) -> WerkzeugResponse | tuple[str, int]:
    """Save the form, which sends the webhooks, and show the item again."""
    with state().lock:
        item = _item(path, kind, iid)
        before = state().sender.enqueued
        try:
            still_there = change_from_form(state(), item, request.form)
        except BadForm as problem:
            return _item_page(item, problem=str(problem)), 400
        sent = state().sender.enqueued - before
    if not still_there:
        target = url_for("pages.show_project", path=item.project.path_with_namespace)
        return redirect(target, 303)
    # So that the page already shows how the webhooks were answered; a slow receiver is not
    # waited for.
    state().sender.wait_idle(PATIENCE_SECONDS)
    return redirect(f"{page_of(item)}?sent={sent}", 303)


def page_of(item: Item) -> str:
    """The path of an item's page on this server."""
    kind = state().urls.item(item).split("/")[-2]
    return url_for("pages.item", path=item.project.path_with_namespace, kind=kind, iid=item.iid)


def with_keys(text: str, project: Project) -> Markup:
    """The text with a link for each key, if the project has an issue tracker for keys."""
    tracker = project.integrations.get(CUSTOM)
    if tracker is None:
        return escape(text)
    parts, place = [Markup()], 0
    for key in KEY.finditer(text):
        url = tracker["issues_url"].replace(":id", key[1])
        parts += [
            escape(text[place : key.start()]),
            Markup('<a href="{}">{}</a>').format(url, key[0]),
        ]
        place = key.end()
    return Markup().join([*parts, escape(text[place:])])


def ago(moment: datetime) -> str:
    """``3 hours ago``, in words and whole units."""
    seconds = max(0, int((state().clock.now() - moment).total_seconds()))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(seconds // size, unit)} ago"
    return "just now"


def _item_page(item: Item, problem: str | None = None) -> str:
    sent = request.args.get("sent", "")
    return render_template(
        "gitlab/item.html",
        item=item,
        project=item.project,
        issue=item if isinstance(item, Issue) else None,
        mr=item if isinstance(item, MergeRequest) else None,
        people=_people(item.project),
        statuses=STATUSES,
        mergeability=MERGEABILITY,
        events=_events(item.project),
        hooks=state().hooks.of(item.project),
        now=state().clock.now(),
        sent=int(sent) if sent.isdecimal() and len(sent) < 4 else None,
        problem=problem,
    )


def _project_page(
    project: Project, problem: str | None = None, new: dict[str, str] | None = None
) -> str:
    return render_template(
        "gitlab/project.html",
        project=project,
        items=_items(project),
        shown=SHOWN_ON_PROJECT_PAGE,
        people=_people(project),
        events=_events(project),
        hooks=state().hooks.of(project),
        now=state().clock.now(),
        problem=problem,
        new=new or {},
    )


def _items(project: Project) -> list[Item]:
    items: list[Item] = [*project.issues.values(), *project.merge_requests.values()]
    return sorted(items, key=lambda item: item.updated_at, reverse=True)


def _people(project: Project) -> list[User]:
    users = [u for u in state().people.users.values() if u.id in project.members and not u.bot]
    return sorted(users, key=lambda user: user.name)


def _events(project: Project) -> Sequence[HookEvent]:
    events = [event for hook in state().hooks.of(project) for event in hook.events]
    return sorted(events, key=lambda event: event.created_at, reverse=True)[:SHOWN_EVENTS]


def _project(path: str) -> Project:
    project, _ = state().projects.find(path)
    if project is None:
        abort(404)
    return project


def _item(path: str, kind: str, iid: int) -> Item:
    project = _project(path)
    try:
        kind_of_item = "merge_request" if kind == "merge_requests" else "issue"
        return state().items.find(project, kind_of_item, iid)
    except KeyError:
        abort(404)


def _refuse_other_origins() -> None:
    if request.method == "POST" and not same_origin():
        abort(403)


def _harden(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _show_error(error: HTTPException) -> tuple[str, int]:
    return render_template("gitlab/error.html", error=error), error.code or 500
