"""An operator creates an org."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.accounts.new_orgs import OrgExists, found_org, require_operator
from gitlab_links.errors import Invalid
from gitlab_links.http.access import signed_in
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.unsent_forms import Typed, typed_before


@pages.route("/new-org", methods=["GET", "POST"])
@signed_in
def new_org() -> ResponseReturnValue:
    """Create an org; the operator becomes its first admin."""
    if request.method == "GET":
        require_operator(current_user.user_id, current_user.email)
        return _page((typed_before() or Typed()).get("name", ""), {})
    [name] = sent("name")
    try:
        org = found_org(current_user.user_id, current_user.email, name)
    except (Invalid, OrgExists) as refusal:
        return _page(name, refusal.errors), refusal.status
    flash(f"{org.name} was created. You are its admin: add its members next.", "success")
    return redirect(url_for("pages.member_list", org_id=org.id))


def _page(name: str, errors: dict[str, list[str]]) -> str:
    return render_template("orgs/new.html", name=name, errors=errors)
