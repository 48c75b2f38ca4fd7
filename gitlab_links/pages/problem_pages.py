"""The error page: what happened, and where to go next."""

from dataclasses import dataclass
from http import HTTPStatus

from flask import current_app, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from gitlab_links.http.error_rendering import Problem
from gitlab_links.http.mounting import address_here
from gitlab_links.pages.unsent_forms import form_page_url
from gitlab_links.pages.viewer import visitor

FRAGMENT_HEADER = "X-Fragment"


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """What the page says. Each of ``actions`` has ``text`` and ``url``. The focus goes to what
    comes of a form.
    """

    status: int
    code: str
    title: str
    explanation: str
    detail: str
    actions: list[dict[str, str]]
    request_id: str | None
    answers_form: bool


_WORDS = {
    400: ("The request could not be read", "Go back and try again."),
    403: ("You are not allowed to do this", "Your role in this org does not include it."),
    404: (
        "Page not found",
        "The address is wrong, the page was deleted, or it belongs to an org you are not in.",
    ),
    405: ("This cannot be done at this address", "Open the page and start again there."),
    409: ("This conflicts with the current state", ""),
    412: ("Somebody else made a change first", ""),
    413: ("The form is too large", "It is larger than this page accepts."),
    415: ("The form could not be read", "Open the page and send the form again."),
    422: ("The form was not accepted", ""),
    429: ("Too many attempts", "Wait a few minutes, then try again."),
    500: ("Something went wrong", "The error has been logged. Try again in a moment."),
    503: ("Temporarily unavailable", ""),
}
# After these errors the page of the form still has what was typed.
_FORM_IS_KEPT = frozenset({400, 403, 409, 412, 413, 415, 422, 429, 500, 503})
_WORDS_OF_CODE = {
    "csrf_failed": (
        "Your session has changed",
        "The form was opened in an older session. Go back to it and send it again.",
    ),
    "task_deleted": (
        "This task was deleted",
        "Somebody deleted it while its page was open here. Nothing was changed, and it cannot be "
        "restored. The other tasks are in the list.",
    ),
}


def render(problem: Problem) -> ResponseReturnValue:
    """The error page for ``problem``, its words alone for a file, or a redirect to the login for
    a 401.
    """
    if problem.status == 401:
        return _to_login(problem)
    if request.path.endswith(".csv"):  # a program reads it, or a browser saves it
        return Response(f"{problem.detail}\n", status=problem.status, mimetype="text/plain")
    page = _page(problem)
    # The header needs the user, and a 503 may mean that the database does not answer.
    shown = visitor() if problem.status != HTTPStatus.SERVICE_UNAVAILABLE else None
    # Not render_template: Flask-Login's context processor would query the user.
    template = current_app.jinja_env.get_template("errors/page.html")
    html = template.render(page=page, get_viewer=lambda: shown)
    return make_response(html, problem.status)


def _page(problem: Problem) -> ProblemPage:
    title, explanation = _WORDS.get(problem.status, (problem.title, problem.detail))
    detail = problem.detail if problem.status in {403, 409, 422, 429, 503} else ""
    if problem.code in _WORDS_OF_CODE:
        (title, explanation), detail = _WORDS_OF_CODE[problem.code], ""
    return ProblemPage(
        status=problem.status,
        code=problem.code,
        title=title,
        explanation=explanation,
        detail=detail,
        actions=_actions(problem),
        request_id=g.get("request_id"),
        answers_form=request.method == "POST",
    )


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
        actions.append({"text": "Go to tasks", "url": url})
    else:
        actions.append({"text": "Go to the start page", "url": url_for("pages.root")})
    return actions
