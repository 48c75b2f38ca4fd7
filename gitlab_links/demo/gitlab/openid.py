"""OpenID Connect as GitLab speaks it: discovery, authorization with PKCE, token, keys, user info.

Instead of a login there is a list of users to choose from.
"""

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as WerkzeugResponse

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.pages import POLICY
from gitlab_links.demo.gitlab.sign_ins import Application


def create_openid() -> Blueprint:
    """The endpoints, at GitLab's own addresses."""
    openid = Blueprint("openid", __name__, template_folder="templates")
    openid.get("/.well-known/openid-configuration")(discovery)
    openid.get("/oauth/authorize")(choose_user)
    openid.post("/oauth/authorize")(authorize)
    openid.post("/oauth/token")(token)
    openid.get("/oauth/discovery/keys")(keys)
    openid.get("/oauth/userinfo")(userinfo)
    return openid


def discovery() -> Response:
    """The metadata of the issuer."""
    base = state().urls.base_url
    return jsonify(
        issuer=base,
        authorization_endpoint=f"{base}/oauth/authorize",
        token_endpoint=f"{base}/oauth/token",
        userinfo_endpoint=f"{base}/oauth/userinfo",
        jwks_uri=f"{base}/oauth/discovery/keys",
        scopes_supported=["api", "read_api", "openid", "profile", "email"],
        response_types_supported=["code"],
        response_modes_supported=["query", "fragment", "form_post"],
        grant_types_supported=["authorization_code", "refresh_token"],
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["RS256"],
        claims_supported=["iss", "sub", "aud", "exp", "iat", "name", "email", "email_verified"],
        code_challenge_methods_supported=["plain", "S256"],
    )


def choose_user() -> Response:
    """The list of users, one of whom signs in."""
    application = _application()
    people = [user for user in state().people.users.values() if not user.bot]
    page = render_template(
        "gitlab/authorize.html", application=application, people=people, asked=request.full_path
    )
    return Response(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})


def authorize() -> WerkzeugResponse:
    """Send the browser back with a code, or without one if nobody was chosen."""
    application = _application()
    asked = request.args
    with state().lock:
        user = state().people.users.get(request.form.get("user", ""))
        if user is None:
            answer = {"error": "access_denied", "error_description": "The request was denied."}
        else:
            challenge = asked.get("code_challenge", "")
            code = state().sign_ins.grant(application, user, challenge, asked.get("nonce"))
            answer = {"code": code}
    query = urlencode({**answer, "state": asked.get("state", "")})
    return redirect(f"{application.redirect_uri}?{query}")


def token() -> tuple[Response, int]:
    """Exchange a code: once, by its application, with its verifier."""
    form, sign_ins = request.form, state().sign_ins
    with state().lock:
        given = request.authorization
        client_id = given.username if given else form.get("client_id")
        secret = given.password if given else form.get("client_secret")
        application = sign_ins.applications.get(client_id or "")
        if application is None or application.secret != secret:
            return jsonify(error="invalid_client"), 401
        grant = sign_ins.take(form.get("code", ""))
        if (
            grant is None
            or grant.application is not application
            or form.get("redirect_uri") != application.redirect_uri
            or _challenge(form.get("code_verifier", "")) != grant.challenge
        ):
            return jsonify(error="invalid_grant"), 400
        return jsonify(sign_ins.tokens(grant)), 200


def keys() -> Response:
    """The public keys."""
    with state().lock:
        return jsonify(state().sign_ins.public_keys())


def userinfo() -> Any:
    """The claims of the user whose access token it is."""
    secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
    user = state().sign_ins.access_tokens.get(secret)
    if user is None:
        return jsonify(error="invalid_token"), 401
    return jsonify(state().sign_ins.claims_of(user))


def _application() -> Application:
    asked = request.args
    found = state().sign_ins.applications.get(asked.get("client_id", ""))
    if found is None or asked.get("redirect_uri") != found.redirect_uri:
        abort(400, "The client is unknown, or its redirect URI is another one.")
    if asked.get("response_type") != "code" or "openid" not in asked.get("scope", ""):
        abort(400, "Only the code flow of OpenID Connect is simulated.")
    if asked.get("code_challenge_method") != "S256":
        abort(400, "PKCE with S256 is needed.")
    return found


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
