"""Signing in with the operator's issuer, linking an account to it, and unlinking."""

import uuid
from contextlib import suppress
from typing import Any

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.accounts.models import User
from gitlab_links.accounts.session_list import check_just_signed_in
from gitlab_links.accounts.sessions import (
    check_current_password,
    count_request_of_address,
    open_session,
)
from gitlab_links.config.issuers import Issuer
from gitlab_links.errors import Conflict, DomainError, Invalid, required
from gitlab_links.extensions import db, settings
from gitlab_links.http import transactions
from gitlab_links.http.access import public, signed_in
from gitlab_links.http.gitlab_waits import waiting_for_an_issuer
from gitlab_links.http.guard import current_caller
from gitlab_links.http.logins import start_browser_session
from gitlab_links.invitations.acceptance import InvitationEnded, open_invitation
from gitlab_links.pages.accounts.login import local_path
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.sign_in.claims import Claims, SignInRefused
from gitlab_links.sign_in.identities import account_of, join, link, unlink
from gitlab_links.sign_in.pending import Intent, Pending

KEPT = "sign_in"
SIGN_INS_PER_ADDRESS = 60
# From where a browser came: old ones and connections without TLS do not say it.
SITE, SAME_ORIGIN = "Sec-Fetch-Site", "same-origin"
# The codes of OAuth that say the person declined; others are faults of the set-up.
DECLINED = frozenset({"access_denied", "login_required", "interaction_required"})


@pages.get("/sign-in")
@public("people open it before they are logged in; it changes nothing but their own cookie")
def sign_in() -> ResponseReturnValue:
    """Go to the issuer, to log in or to accept an invitation."""
    issuer = _issuer()
    token = request.args.get("invitation")
    wanted = local_path(request.args.get("next"))
    intent = Intent.LOG_IN if token is None else Intent.JOIN
    back = _back(intent, wanted, token)
    if token is not None and request.headers.get(SITE, SAME_ORIGIN) != SAME_ORIGIN:
        return redirect(back)  # another site must not accept it in somebody's name
    try:
        return redirect(_leave(issuer, intent, wanted=wanted, invitation=token))
    except DomainError as refusal:
        flash(refusal.detail, "error")
        return redirect(back)


@pages.post("/account/identities")
@signed_in
def link_identity() -> ResponseReturnValue:
    """Go to the issuer, to link the account of the person logged in.

    The page leads there: a form may lead to this service only.
    """
    issuer = _issuer()
    user = db.session.get_one(User, current_caller().user_id)
    (current,) = sent("current") if user.password_hash else ("",)
    try:
        if user.password_hash:
            check_current_password(user, current)
        else:
            check_just_signed_in(current_user.session_id, "current")
        target = _leave(issuer, Intent.LINK, session_id=current_user.session_id)
    except Invalid as refusal:
        wrong = "This is not your password. Nothing was linked."
        flash(wrong if user.password_hash else refusal.detail, "error")
        return redirect(url_for("pages.account"))
    except DomainError as refusal:
        flash(refusal.detail, "error")
        return redirect(url_for("pages.account"))
    return render_template("auth/to_issuer.html", issuer=issuer, target=target)


@pages.post("/account/identities/<uuid:identity_id>/unlink")
@signed_in
def unlink_identity(identity_id: uuid.UUID) -> ResponseReturnValue:
    """End a link, and the sessions that it opened elsewhere."""
    keeping = current_user.session_id
    try:
        unlink(settings().issuer, current_caller().user_id, identity_id, keeping)
    except Conflict as refusal:
        flash(refusal.detail, "error")
    else:
        flash("The accounts are no longer linked.", "success")
    return redirect(url_for("pages.account"))


@pages.get("/sign-in/callback")
@public("the issuer sends people here; state, nonce and code are checked")
def returned_from_issuer() -> ResponseReturnValue:
    """Check the issuer's answer, and do what the sign-in was begun for.

    What the browser kept is used up first, so that no answer counts twice.
    """
    issuer, kept = _issuer(), session.pop(KEPT, None)
    pending: Pending | None = None
    try:
        count_request_of_address(
            request.remote_addr or "", what="sign-in", limit=SIGN_INS_PER_ADDRESS
        )
        pending = Pending.returned(kept, issuer, request.args.get("state", ""))
        claims = _claims(issuer, pending)
        transactions.begin_write()
        return _finish(issuer, pending, claims)
    except DomainError as refusal:
        db.session.rollback()
        flash(refusal.detail, "error")
        if pending is None:
            return redirect(url_for("pages.log_in"))
        return redirect(_back(Intent(pending.intent), pending.wanted, pending.invitation))


def _leave(issuer: Issuer, intent: Intent, **more: Any) -> str:
    """Begin a sign-in, and return the address at the issuer."""
    # Authlib takes time to import, and most requests need none of it.
    from gitlab_links.sign_in.provider import authorization_url

    pending = Pending.begin(issuer, intent, **more)
    with waiting_for_an_issuer():
        target = authorization_url(issuer, pending)
    session[KEPT] = pending.kept()
    return target


def _claims(issuer: Issuer, pending: Pending) -> Claims:
    from gitlab_links.sign_in.provider import claims_of_code

    if "error" in request.args:
        if request.args["error"] in DECLINED:
            raise SignInRefused(f"You have not signed in with {issuer.label}.")
        raise SignInRefused(f"{issuer.label} refuses to sign anybody in. Ask the operator.")
    with waiting_for_an_issuer():
        return claims_of_code(
            issuer, pending, request.args.get("code", ""), request.args.get("iss")
        )


def _finish(issuer: Issuer, pending: Pending, claims: Claims) -> ResponseReturnValue:
    intent = Intent(pending.intent)
    if intent is Intent.LINK:
        return _link(pending, claims, issuer)
    if intent is Intent.JOIN and pending.invitation is not None:
        identity = join(issuer, claims, pending.invitation)
    else:
        identity = account_of(issuer, claims)
    db.session.flush()
    start_browser_session(open_session(identity.user_id, identity.id))
    return redirect(_home(pending))


def _home(pending: Pending) -> str:
    """The page that was wanted; the invitation, if an account that was there has not accepted
    it yet.
    """
    if pending.invitation is not None:
        with suppress(InvitationEnded):
            open_invitation(pending.invitation)
            return url_for("pages.invitation", token=pending.invitation)
    return local_path(pending.wanted) or url_for("pages.root")


def _link(pending: Pending, claims: Claims, issuer: Issuer) -> ResponseReturnValue:
    """Only for the session that began it: another account may be logged in by now."""
    here = current_user
    if not here.is_authenticated or str(here.session_id) != pending.session_id:
        raise SignInRefused("You have logged out meanwhile. Log in and link the account again.")
    transactions.begin_write()
    link(claims, here.user_id)
    flash(f"Your {issuer.label} account {claims.name} is linked.", "success")
    return redirect(url_for("pages.account"))


def _back(intent: Intent, wanted: str | None, invitation: str | None) -> str:
    if intent is Intent.LINK:
        return url_for("pages.account")
    if invitation is not None:
        return url_for("pages.invitation", token=invitation)
    return url_for("pages.log_in", next=wanted)


def _issuer() -> Issuer:
    """The issuer; raises :class:`NotFound` if there is none."""
    return required(settings().issuer)
