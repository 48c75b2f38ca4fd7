"""The API's blueprints, one per feature.

A view has its decorators in this order: route, access, query or body, answer, refusals.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import marshmallow as ma
from flask_smorest import Blueprint

from gitlab_links.errors import DomainError
from gitlab_links.http.json_bodies import StrictParser

F = TypeVar("F", bound=Callable[..., Any])

REFUSALS = "__refusals__"
TAKES_QUERY, TAKES_BODY = "__takes_query__", "__takes_body__"


class Decorator(Protocol):
    """Returns a view of the same type."""

    def __call__(self, view: F, /) -> F: ...


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with types; an operation is named after its endpoint.

    ``body`` passes the parsed JSON body as the first argument, or after the query; ``returns``
    takes a status and a schema; ``documented`` adds members to the operation in the contract.
    """

    ARGUMENTS_PARSER = StrictParser()
    get: Callable[[str], Decorator]
    post: Callable[[str], Decorator]
    patch: Callable[[str], Decorator]
    delete: Callable[[str], Decorator]
    after_request: Callable[[F], F]
    returns: Callable[..., Decorator] = Blueprint.response
    documented: Callable[..., Decorator] = staticmethod(Blueprint.doc)

    def body(self, schema: type[ma.Schema]) -> Decorator:
        """Pass the parsed body; the schema is made once, not for each request."""
        return self._parsed(TAKES_BODY, self.arguments(schema()))

    def query(self, schema: type[ma.Schema]) -> Decorator:
        """Pass the parsed query string as the first argument."""
        return self._parsed(TAKES_QUERY, self.arguments(schema(), location="query"))

    @staticmethod
    def _parsed(takes: str, parse: Decorator) -> Decorator:
        def decorator(view: F) -> F:
            parsing = parse(view)
            setattr(parsing, takes, True)
            return parsing

        return decorator


def refuses(*errors: type[DomainError] | DomainError) -> Callable[[F], F]:
    """Declare the errors of an operation in the contract, besides the common ones."""

    def decorator(view: F) -> F:
        setattr(view, REFUSALS, errors)
        return view

    return decorator


accounts = ApiBlueprint(
    "accounts", __name__, description="Who is calling; orgs, members and API keys."
)
tasks = ApiBlueprint("tasks", __name__, description="Tasks, which links belong to.")
links = ApiBlueprint(
    "links", __name__, description="Links from tasks to GitLab issues and merge requests."
)
integrations = ApiBlueprint(
    "integrations", __name__, description="The org's GitLab: address, token, secrets, health."
)
webhooks = ApiBlueprint(
    "webhooks", __name__, description="GitLab's webhooks, and the log of their deliveries."
)
rules = ApiBlueprint(
    "rules", __name__, description="Rules that set the status of tasks from their links."
)
events = ApiBlueprint(
    "events",
    __name__,
    description="What happens to tasks and links, for programs that follow.",
)
audit = ApiBlueprint("audit", __name__, description="Who changed what, and when.")

ALL = (accounts, tasks, links, integrations, webhooks, rules, events, audit)
