"""What a view declares is found wherever the view came from; what declares nothing has none."""

import pytest
from flask import Flask
from flask.views import MethodView

from gitlab_links.accounts.roles import Permission
from gitlab_links.http.access import (
    Declaration,
    Kind,
    access,
    declaration_of,
    declare_endpoint,
    public,
)


class Reports(MethodView):
    @public("a view of the tests")
    def get(self) -> str:
        return "read"

    @access(Permission.INTEGRATION)
    def post(self) -> str:
        return "written"

    def delete(self) -> str:
        return "undeclared"


@pytest.fixture
def bare() -> Flask:
    """An application of one class of views and one function."""
    app = Flask("bare")
    app.add_url_rule("/reports", view_func=Reports.as_view("reports"))
    app.add_url_rule("/asset", "asset", lambda: "of a library")
    return app


@pytest.mark.parametrize(
    ("method", "kind"),
    [("GET", Kind.PUBLIC), ("HEAD", Kind.PUBLIC), ("OPTIONS", Kind.PUBLIC), ("POST", Kind.ORG)],
)
def test_each_method_of_a_class_declares_for_itself(bare: Flask, method: str, kind: Kind) -> None:
    declared = declaration_of(bare, "reports", method)
    assert declared is not None
    assert declared.kind is kind


def test_a_method_of_a_class_that_declares_nothing_has_nothing(bare: Flask) -> None:
    assert declaration_of(bare, "reports", "DELETE") is None
    assert declaration_of(bare, "reports", "PATCH") is None


def test_the_view_of_a_library_is_declared_by_its_endpoint(bare: Flask) -> None:
    assert declaration_of(bare, "asset", "GET") is None
    declare_endpoint(bare, "asset", Declaration(Kind.SIGNED_IN))
    assert declaration_of(bare, "asset", "GET") == Declaration(Kind.SIGNED_IN)


def test_a_declaration_for_no_endpoint_is_a_mistake(bare: Flask) -> None:
    with pytest.raises(LookupError, match="there is no endpoint assets"):
        declare_endpoint(bare, "assets", Declaration(Kind.PUBLIC, why="a slip of the pen"))
