"""The API keys of an org: create, replace the secret, revoke. A secret is shown once."""

import uuid
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.api_keys import (
    DEFAULT_DAYS,
    NewKey,
    create_key,
    find_key,
    is_of_other_secret_key,
    keys_page,
    revoke_key,
    rotate_key,
)
from gitlab_links.accounts.models import ApiKey
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.roles import Permission, Scope
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.http.mounting import path_here
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.shown_once import redirect_and_show, take_shown, unless_shown
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.pages.wording import Mark

PATH = "/orgs/<uuid:org_id>/api-keys"
_DEFAULT = {str(DEFAULT_DAYS): f"in {DEFAULT_DAYS} days"}
EXPIRIES = {**_DEFAULT, "30": "in 30 days", "365": "in a year", "": "never"}
SCOPE_HINTS = {
    Scope.READ: "read tasks and links",
    Scope.WRITE: "create and change tasks and links",
    Scope.ADMIN: "the GitLab connection, deliveries, members, keys and the audit log",
}


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What was chosen for a new key, and what is wrong with it."""

    name: str
    scopes: Set[Scope]
    expiry: str | None
    errors: dict[str, list[str]]

    @classmethod
    def sent(cls) -> "KeyForm":
        """The form of the request."""
        name = request.form.get("name", "")
        scopes = {scope for scope in Scope if scope.value in request.form.getlist("scopes")}
        errors: dict[str, list[str]] = {}
        try:
            name = checked_name(name)
        except Invalid as refusal:
            errors |= refusal.errors
        if not scopes:
            errors["scopes"] = ["Choose at least one scope."]
        expiry = request.form.get("expires")
        if expiry not in EXPIRIES:
            errors["expires"] = ["Choose when the key expires."]
        return cls(name, scopes, expiry, errors)

    @property
    def days(self) -> int | None:
        """After how many days it expires; None for never."""
        return int(self.expiry) if self.expiry else None

    @property
    def shown(self) -> dict[str, Any]:
        """The fields as the page shows them again."""
        return {
            "name": self.name,
            "chosen": self.scopes,
            "expiry": self.expiry,
            "errors": self.errors,
        }


@pages.get(PATH)
@access(Permission.API_KEYS)
def key_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """All keys of the org, including revoked ones."""
    new, typed = take_shown(path_here()), typed_before()
    if typed is None:
        return unless_shown(_page(org_id, new=new), new)
    return _page(
        org_id,
        name=typed.get("name", ""),
        chosen={scope for scope in Scope if scope.value in typed.getlist("scopes")},
        expiry=typed.get("expires", ""),
    )


@pages.post(PATH)
@access(Permission.API_KEYS)
def make_key(org_id: uuid.UUID) -> ResponseReturnValue:
    """Create a key of one's own; the next page shows its secret once."""
    form = KeyForm.sent()
    if form.errors:
        return _page(org_id, **form.shown), 422
    new = create_key(current_principal(), form.name, form.scopes, form.days)
    return show_once(url_for("pages.key_list", org_id=org_id), new)


@pages.post(f"{PATH}/<uuid:key_id>/rotate")
@access(Permission.API_KEYS)
def renew_key(org_id: uuid.UUID, key_id: uuid.UUID) -> ResponseReturnValue:
    """Replace the secret of one's own key; the old secret is refused at once."""
    renewed = rotate_key(current_principal(), key_id)
    page = "pages.key_list" if renewed.key.user.is_person else "pages.service_account_list"
    return show_once(url_for(page, org_id=org_id), renewed)


@pages.post(f"{PATH}/<uuid:key_id>/revoke")
@access(Permission.API_KEYS)
def end_key(org_id: uuid.UUID, key_id: uuid.UUID) -> ResponseReturnValue:
    """Revoke a key permanently."""
    key = find_key(org_id, key_id)
    revoke_key(current_principal(), key_id)
    flash(f"Revoked {key.name}. It no longer works.", "success")
    page = "pages.key_list" if key.user.is_person else "pages.service_account_list"
    return redirect(url_for(page, org_id=org_id))


def key_mark(key: ApiKey) -> Mark:
    """Active, expired or revoked, or without effect because ``SECRET_KEY`` has changed."""
    if key.revoked_at is not None:
        return Mark("Revoked", "gray", "cross")
    if key.expires_at is not None and key.expires_at <= utcnow():
        return Mark("Expired", "gray", "clock")
    if is_of_other_secret_key(key):
        return Mark("Refused", "red", "warning")
    return Mark("Active", "green", "check")


def show_once(page: str, new: NewKey) -> ResponseReturnValue:
    """Redirect to a page, which shows the secret once."""
    return redirect_and_show(page, name=new.key.name, secret=new.secret)


def _page(org_id: uuid.UUID, **shown: Any) -> str:
    typed = {"name": "", "chosen": {Scope.READ}, "expiry": next(iter(EXPIRIES))}
    found = (*keys_page(org_id), *keys_page(org_id, revoked=True))
    keys = [key for key in found if key.user.is_person]
    principal = current_principal()
    return render_template(
        "keys/list.html",
        org_id=org_id,
        keys=[(key, key_mark(key)) for key in keys],
        own_id=principal.user_id,
        may_have_services=principal.may(Permission.SERVICE_ACCOUNTS),
        scopes=SCOPE_HINTS,
        expiries=EXPIRIES,
        **{**typed, "errors": {}, **shown},
    )
