"""Who calls, what they may do, and which project they mean."""

from typing import cast

from flask import g, request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.records import Project, Token, User
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.permissions import check_permission
from gitlab_links.demo.gitlab.wsgi import ENCODED_SLASH

READS = {"GET", "HEAD"}
ANY_SCOPE = "*"
EXTRA_SCOPES = {
    "rest.version": "read_user",
    "rest.current_user": "read_user",
    "rest.token_self": ANY_SCOPE,
    "rest.rotate_token": "self_rotate",
    "graphql.query": "read_api",
}


def presented_token() -> str:
    """The bearer token of the request, or nothing; it may be nobody's."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme == "Bearer" else ""


def authenticate() -> None:
    """Let the caller in, or raise what GitLab answers."""
    token = state().people.tokens.get(presented_token())
    if token is None:
        raise errors.unauthorized()
    if token.revoked:
        raise errors.invalid_token("revoked")
    if token.expired(state().clock.now().date()):
        raise errors.invalid_token("expired")
    if token.permissions is None:
        _check_scope(token)
    else:
        check_permission(token)
    if token.user.state == "blocked":
        raise errors.forbidden("Your account has been blocked.")
    token.last_used_at = state().clock.now()
    g.token = token


def _check_scope(token: Token) -> None:
    extra = EXTRA_SCOPES.get(request.endpoint or "")
    allowed = ["api"]
    if request.method in READS:
        allowed.append("read_api")
    if extra == ANY_SCOPE:
        return
    if extra:
        allowed.append(extra)
    if not set(allowed) & set(token.scopes):
        raise errors.insufficient_scope(allowed)


def caller_token() -> Token:
    return cast(Token, g.token)


def caller() -> User:
    return caller_token().user


def spelled(key: str) -> str:
    """A project id or path as the client meant it."""
    return key.replace(ENCODED_SLASH, "/")


def project_named(key: str) -> Project:
    """The project a caller may read; a former path answers as GitLab does."""
    project, moved = state().projects.find(spelled(key))
    if project is None or not project.readable_by(caller()):
        raise errors.not_found("Project")
    if moved:
        if request.method not in READS:
            raise errors.moved_non_get()
        raise errors.Moved(_address_by_id(key, project))
    return project


def _address_by_id(key: str, project: Project) -> str:
    rest = request.path.partition(f"/projects/{key}")[2]
    query = f"?{request.query_string.decode()}" if request.query_string else ""
    return state().urls.api(f"projects/{project.id}{rest}{query}")


def require_level(project: Project, level: int) -> None:
    if project.access_level(caller()) < level:
        raise errors.forbidden()
