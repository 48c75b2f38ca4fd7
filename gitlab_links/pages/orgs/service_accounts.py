"""The service accounts of an org and their keys."""

import uuid
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission, Role, Scope
from gitlab_links.accounts.service_accounts import (
    change_service_account,
    create_service_account,
    create_service_key,
    delete_service_account,
    find_service_account,
    keys_by_account,
    service_accounts_page,
)
from gitlab_links.errors import Invalid, required
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.http.mounting import path_here
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed, sent
from gitlab_links.pages.orgs import keys
from gitlab_links.pages.orgs.keys import EXPIRIES, SCOPE_HINTS, KeyForm, key_mark, show_once
from gitlab_links.pages.orgs.members import ROLE_HINTS
from gitlab_links.pages.shown_once import take_shown, unless_shown
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.pages.viewer import ROLE_NAMES

PATH = f"{keys.PATH}/service-accounts"


@pages.get(PATH)
@access(Permission.SERVICE_ACCOUNTS)
def service_account_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """All service accounts of the org."""
    new = take_shown(path_here())
    return unless_shown(_list(org_id, new=new, typed=typed_before() or {}), new)


@pages.post(PATH)
@access(Permission.SERVICE_ACCOUNTS)
def make_service_account(org_id: uuid.UUID) -> ResponseReturnValue:
    """Create a service account; its page is where to create its first key."""
    name, role = sent("name", "role")
    try:
        made = create_service_account(current_principal(), name, required(parsed(Role, role)))
    except Invalid as refusal:
        typed = {"name": name, "role": role}
        return _list(org_id, typed=typed, errors=refusal.errors), refusal.status
    flash(f"Created {made.name}. Create a key for it next.", "success")
    return redirect(url_for("pages.service_account", org_id=org_id, account_id=made.id))


@pages.get(f"{PATH}/<uuid:account_id>")
@access(Permission.SERVICE_ACCOUNTS)
def service_account(org_id: uuid.UUID, account_id: uuid.UUID) -> ResponseReturnValue:
    """One service account with its keys."""
    new = take_shown(path_here())
    return unless_shown(_one(org_id, account_id, new=new), new)


@pages.post(f"{PATH}/<uuid:account_id>/keys")
@access(Permission.SERVICE_ACCOUNTS)
def make_service_key(org_id: uuid.UUID, account_id: uuid.UUID) -> ResponseReturnValue:
    """Create a key of the account; the next page shows its secret once."""
    form = KeyForm.sent()
    if form.errors:
        return _one(org_id, account_id, **form.shown), Invalid.status
    new = create_service_key(current_principal(), account_id, form.name, form.scopes, form.days)
    return show_once(url_for("pages.service_account", org_id=org_id, account_id=account_id), new)


@pages.post(f"{PATH}/<uuid:account_id>/role")
@access(Permission.SERVICE_ACCOUNTS)
def set_service_role(org_id: uuid.UUID, account_id: uuid.UUID) -> ResponseReturnValue:
    """Change the role of the account, and so of its keys."""
    role = required(parsed(Role, sent("role")[0]))
    changed = change_service_account(current_principal(), account_id, role=role)
    flash(f"{changed.name} is now: {ROLE_NAMES[changed.role]}.", "success")
    return redirect(url_for("pages.service_account", org_id=org_id, account_id=account_id))


@pages.post(f"{PATH}/<uuid:account_id>/delete")
@access(Permission.SERVICE_ACCOUNTS)
def end_service_account(org_id: uuid.UUID, account_id: uuid.UUID) -> ResponseReturnValue:
    """Delete the account; its keys are revoked at once."""
    account = find_service_account(org_id, account_id)
    delete_service_account(current_principal(), account_id)
    flash(f"Deleted {account.name}. Its keys no longer work.", "success")
    return redirect(url_for("pages.service_account_list", org_id=org_id))


def _list(org_id: uuid.UUID, **shown: Any) -> str:
    accounts = service_accounts_page(org_id)
    return render_template(
        "keys/accounts.html",
        org_id=org_id,
        accounts=accounts,
        keys=keys_by_account(org_id, [account.id for account in accounts]),
        roles=[(role.value, f"{ROLE_NAMES[role]}: {ROLE_HINTS[role]}") for role in Role],
        role_names=ROLE_NAMES,
        **{"typed": {}, "errors": {}, "new": None, **shown},
    )


def _one(org_id: uuid.UUID, account_id: uuid.UUID, **shown: Any) -> str:
    account = find_service_account(org_id, account_id)
    typed = {"name": "", "chosen": {Scope.READ}, "expiry": next(iter(EXPIRIES))}
    return render_template(
        "keys/account.html",
        org_id=org_id,
        account=account,
        keys=[(key, key_mark(key)) for key in keys_by_account(org_id, [account_id])[account_id]],
        role_names=ROLE_NAMES,
        scopes=SCOPE_HINTS,
        expiries=EXPIRIES,
        **{**typed, "errors": {}, "new": None, **shown},
    )
