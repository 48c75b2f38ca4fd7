"""The API's blueprints, one per feature.

A view has its decorators in this order: route, access, query or body, answer, refusals.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import marshmallow as ma
from flask_smorest import Blueprint

from gitlab_links.errors import DomainError
from gitlab_links.http.json_bodies import StrictParser

F = TypeVar("F", bound=Callable[..., Any])

REFUSALS = "__refusals__"
TAKES_QUERY = "__takes_query__"


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with types; an operation is named after its endpoint."""

    ARGUMENTS_PARSER = StrictParser()

    def get(self, rule: str) -> Callable[[F], F]:
        """Register a view for GET (and HEAD)."""
        return self._on("GET", rule)

    def post(self, rule: str) -> Callable[[F], F]:
        """Register a view for POST."""
        return self._on("POST", rule)

    def patch(self, rule: str) -> Callable[[F], F]:
        """Register a view for PATCH."""
        return self._on("PATCH", rule)

    def delete(self, rule: str) -> Callable[[F], F]:
        """Register a view for DELETE."""
        return self._on("DELETE", rule)

    def query(self, schema: type[ma.Schema]) -> Callable[[F], F]:
        """Pass the parsed query string as the first argument."""
        parse: Callable[[F], F] = self.arguments(schema, location="query")

        def decorator(view: F) -> F:
            parsing = parse(view)
            setattr(parsing, TAKES_QUERY, True)
            return parsing

        return decorator

    def body(self, schema: type[ma.Schema]) -> Callable[[F], F]:
        """Pass the parsed JSON body as the first argument, or after the query."""
        decorator: Callable[[F], F] = self.arguments(schema)
        return decorator

    def returns(
        self, status: int, schema: type[ma.Schema] | None = None, description: str | None = None
    ) -> Callable[[F], F]:
        """Answer with this status and schema."""
        decorator: Callable[[F], F] = self.response(status, schema, description=description)
        return decorator

    def documented(self, **members: Any) -> Callable[[F], F]:
        """Add these members to the operation in the contract."""
        decorator: Callable[[F], F] = self.doc(**members)
        return decorator

    def _on(self, method: str, rule: str) -> Callable[[F], F]:
        decorator: Callable[[F], F] = self.route(rule, methods=[method])
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
audit = ApiBlueprint("audit", __name__, description="Who changed what, and when.")

ALL = (accounts, tasks, links, integrations, webhooks, audit)
