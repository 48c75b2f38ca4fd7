"""The page that tells people of a failure and of a way on."""

from dataclasses import dataclass
from http import HTTPStatus

from flask import current_app, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from gitlab_links.http.mounting import address_here
from gitlab_links.http.problems import Problem
from gitlab_links.pages.unsent_forms import form_page_url
from gitlab_links.pages.viewer import visitor

FRAGMENT_HEADER = "X-Fragment"


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """What the page says; ``actions`` are pairs of words and address."""

    status: int
    title: str
    explanation: str
    detail: str
    actions: list[dict[str, str]]
    request_id: str | None


_WORDS = {
    400: ("That request could not be read", "Go back and try it once more."),
    403: ("You may not do this here", "Your role in this org does not include it."),
    404: (
        "There is nothing here",
        "The address is wrong, the thing was deleted, or it belongs to an org you are not in.",
    ),
    405: ("That cannot be done at this address", "Open the page itself and start again there."),
    409: ("That does not fit what is there now", ""),
    412: ("Somebody else came first", ""),
    413: ("That was too much", "What was sent is larger than this page takes."),
    415: ("That form could not be read", "Open the page itself and send its form once more."),
    422: ("The form was not taken", ""),
    429: ("Too many tries", "Wait a few minutes, then try again."),
    500: ("Something went wrong", "It is not your fault, and it has been logged."),
    503: (
        "Not available just now",
        "The database does not answer. Nothing was lost or half done: try again in a moment.",
    ),
}
# After these, what was typed waits on the page of the form.
_FORM_IS_KEPT = frozenset({400, 403, 409, 412, 413, 415, 422, 429, 500, 503})
_CSRF = (
    "This page was open for too long",
    "The form no longer belongs to your session. Go back to it and send it once more.",
)


def render(problem: Problem) -> ResponseReturnValue:
    """A page for ``problem``, or the way to the login for those who are not logged in."""
    if problem.status == 401:
        return _to_login(problem)
    title, explanation = _WORDS.get(problem.status, (problem.title, problem.detail))
    detail = problem.detail if problem.status in {403, 409, 422, 429} else ""
    if problem.code == "csrf_failed":
        (title, explanation), detail = _CSRF, ""
    page = ProblemPage(
        problem.status, title, explanation, detail, _actions(problem), g.get("request_id")
    )
    # Who is logged in is asked for once more, but not of a database that does not answer.
    shown = visitor() if problem.status != HTTPStatus.SERVICE_UNAVAILABLE else None
    # Not by render_template: Flask-Login's context processor would ask for the user.
    template = current_app.jinja_env.get_template("errors/page.html")
    html = template.render(page=page, get_viewer=lambda: shown)
    return make_response(html, problem.status)


def _to_login(problem: Problem) -> ResponseReturnValue:
    if FRAGMENT_HEADER in request.headers:
        return problem.detail, problem.status
    wanted = address_here() if request.method == "GET" else form_page_url()
    root = url_for("pages.root")
    target: Response = redirect(url_for("pages.log_in", next=wanted if wanted != root else None))
    return target


def _actions(problem: Problem) -> list[dict[str, str]]:
    actions = []
    form_page = form_page_url() if problem.status in _FORM_IS_KEPT else None
    if form_page is not None:
        actions.append({"text": "Back to the form", "url": form_page})
    if problem.status >= 500 and request.method == "GET":
        actions.append({"text": "Try again", "url": address_here()})
    principal = g.get("principal")
    if principal is not None:
        url = url_for("pages.task_list", org_id=principal.org_id)
        actions.append({"text": "To the tasks", "url": url})
    else:
        actions.append({"text": "To the start page", "url": url_for("pages.root")})
    return actions
