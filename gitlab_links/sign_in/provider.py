"""Talking to the issuer: where it is, its keys, and who has signed in.

Authlib makes the requests and checks the ID token; every call goes through the guarded session.
Import this module where it is used: webhooks must be taken without Authlib.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog
import urllib3
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from flask import current_app
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from gitlab_links.config.issuers import Issuer
from gitlab_links.errors import DomainError
from gitlab_links.extensions import settings
from gitlab_links.gitlab.guarded_session import GuardedSession, ResponseTooLargeError
from gitlab_links.gitlab.guarded_socket import BlockedAddressError
from gitlab_links.gitlab.json_body import parse_json
from gitlab_links.sign_in.claims import Claims, SignInRefused
from gitlab_links.sign_in.pending import Pending

SCOPES = "openid profile email"
# Only signatures with a public key: with a shared secret, whoever checks could also sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "EdDSA", "Ed25519")  # fmt: skip
METADATA_SECONDS = 600
# A token with an unknown key makes us ask for the keys again, but not each time.
KEYS_AGAIN_SECONDS = 30
LEEWAY_SECONDS = 60
ANSWER_BYTES = 512 * 1024
_EXTENSION = "sign_in_provider"
_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    ResponseTooLargeError,
    BlockedAddressError,
)

log = structlog.get_logger(__name__)


class IssuerAway(DomainError, status=503, code="issuer_away"):
    """The issuer cannot be reached, or its answer cannot be read (503)."""


@dataclass
class Provider:
    """The issuer's metadata and keys as last read, for one process."""

    issuer: Issuer
    metadata: Mapping[str, Any] = field(default_factory=dict)
    read_at: float = 0.0
    keys: KeySet | None = None
    keys_read_at: float = 0.0


def authorization_url(issuer: Issuer, pending: Pending) -> str:
    """Where the browser goes to sign in. Raises :class:`IssuerAway`."""
    provider = _provider(issuer)
    with _session() as session:
        endpoint = _endpoint(_metadata(provider, session), "authorization_endpoint")
        url, _ = _client(issuer, session).create_authorization_url(
            endpoint, state=pending.state, code_verifier=pending.verifier, nonce=pending.nonce
        )
    return str(url)


def try_issuer(issuer: Issuer) -> None:
    """Read the issuer's metadata and keys anew; raises :class:`IssuerAway`."""
    provider = Provider(issuer)
    with _session() as session:
        metadata = _metadata(provider, session)
        for name in ("authorization_endpoint", "token_endpoint"):
            _endpoint(metadata, name)
        _keys(provider, session, metadata)


def claims_of_code(issuer: Issuer, pending: Pending, code: str, said_issuer: str | None) -> Claims:
    """Exchange the code for an ID token, and check it: signature, ``iss``, ``aud``, ``exp``,
    ``nonce``, ``azp``, ``at_hash``.

    ``said_issuer`` is the parameter ``iss`` of the answer (RFC 9207). Raises
    :class:`SignInRefused` and :class:`IssuerAway`.
    """
    provider = _provider(issuer)
    with _session() as session:
        metadata = _metadata(provider, session)
        required = metadata.get("authorization_response_iss_parameter_supported") is True
        if said_issuer != issuer.url and (said_issuer is not None or required):
            raise SignInRefused("The answer comes from another issuer. Start again.")
        token = _fetch_token(issuer, session, metadata, pending, code)
        said = _id_token(provider, session, metadata, token, pending)
        if "email" not in said:
            said = {**said, **_userinfo(session, metadata, token, said)}
    return Claims.read(issuer.url, said)


def _fetch_token(
    issuer: Issuer,
    session: GuardedSession,
    metadata: Mapping[str, Any],
    pending: Pending,
    code: str,
) -> Mapping[str, Any]:
    endpoint = _endpoint(metadata, "token_endpoint")
    methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    basic = "client_secret_basic" in methods
    client = _client(issuer, session, "client_secret_basic" if basic else "client_secret_post")
    session.deadline.start()
    try:
        token: Mapping[str, Any] = client.fetch_token(
            endpoint, code=code, code_verifier=pending.verifier, grant_type="authorization_code"
        )
    except OAuth2Error as error:
        log.warning("sign_in.code_refused", error=str(error.error)[:60])
        raise SignInRefused("The issuer does not accept the sign-in. Start again.") from None
    except (ValueError, *_FAILURES) as error:
        raise _away(error) from None
    if not isinstance(token.get("id_token"), str):
        raise SignInRefused("The issuer does not say who you are.")
    return token


def _id_token(
    provider: Provider,
    session: GuardedSession,
    metadata: Mapping[str, Any],
    token: Mapping[str, Any],
    pending: Pending,
) -> dict[str, Any]:
    try:
        decoded = _decode(token["id_token"], _keys(provider, session, metadata))
    except (JoseError, ValueError):
        # The issuer may have changed its keys.
        keys = _keys(provider, session, metadata, again=True)
        try:
            decoded = _decode(token["id_token"], keys)
        except (JoseError, ValueError) as error:
            raise _refused(error) from None
    issuer = provider.issuer
    options = {
        "iss": {"essential": True, "value": issuer.url},
        "aud": {"essential": True, "value": issuer.client_id},
        "nonce": {"essential": True, "value": pending.nonce},
    }
    params = {
        "client_id": issuer.client_id,
        "nonce": pending.nonce,
        "access_token": token.get("access_token"),
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    try:
        claims.validate(leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused(error) from None
    return dict(claims)


def _decode(id_token: str, keys: KeySet) -> jwt.Token:
    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    return jwt.decode(id_token, key=keys, registry=registry)


def _userinfo(
    session: GuardedSession,
    metadata: Mapping[str, Any],
    token: Mapping[str, Any],
    said: Mapping[str, Any],
) -> dict[str, Any]:
    """The address, where the ID token does not have it. Only of the same person."""
    endpoint, access_token = metadata.get("userinfo_endpoint"), token.get("access_token")
    if not isinstance(endpoint, str) or not isinstance(access_token, str):
        return {}
    found = _get(session, endpoint, {"Authorization": f"Bearer {access_token}"})
    if found.get("sub") != said.get("sub"):
        raise SignInRefused("The issuer names two different people. Start again.")
    return {name: found[name] for name in ("email", "email_verified", "name") if name in found}


def _provider(issuer: Issuer) -> Provider:
    found = current_app.extensions.get(_EXTENSION)
    if not isinstance(found, Provider) or found.issuer != issuer:
        found = current_app.extensions[_EXTENSION] = Provider(issuer)
    return found


def _metadata(provider: Provider, session: GuardedSession) -> Mapping[str, Any]:
    if not provider.metadata or time.monotonic() > provider.read_at + METADATA_SECONDS:
        url = provider.issuer.url
        found = _get(session, f"{url}/.well-known/openid-configuration")
        if found.get("issuer") != url:
            log.warning("sign_in.other_issuer", said=str(found.get("issuer"))[:200])
            raise IssuerAway("The issuer calls itself by another address than OIDC_ISSUER.")
        provider.metadata, provider.read_at = found, time.monotonic()
    return provider.metadata


def _keys(
    provider: Provider,
    session: GuardedSession,
    metadata: Mapping[str, Any],
    *,
    again: bool = False,
) -> KeySet:
    old = provider.keys
    recent = time.monotonic() < provider.keys_read_at + KEYS_AGAIN_SECONDS
    if old is not None and (recent or not again):
        return old
    found = _get(session, _endpoint(metadata, "jwks_uri"))
    try:
        provider.keys = KeySet.import_key_set({"keys": found.get("keys")})  # type: ignore[typeddict-item]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _away(error) from None
    provider.keys_read_at = time.monotonic()
    return provider.keys


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise IssuerAway("The issuer does not say where to sign in. Try again later.")
    return url


def _get(
    session: GuardedSession, url: str, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    session.deadline.start()
    try:
        answer = session.get(url, headers={"Accept": "application/json", **(headers or {})})
    except _FAILURES as error:
        raise _away(error) from error
    try:
        found = parse_json(answer.content) if answer.status_code == 200 else None
    except DomainError as error:
        raise _away(error) from error
    if not isinstance(found, dict):
        raise _away(ValueError(f"{answer.status_code} or no object"))
    return found


def _session() -> GuardedSession:
    found = settings()
    return GuardedSession(
        found.gitlab_allowed_hosts,
        seconds=found.gitlab_timeout,
        whole_seconds=found.gitlab_timeout,
        max_bytes=ANSWER_BYTES,
        ca_file=found.gitlab_ca_file,
    )


class _Client(OAuth2Client):  # type: ignore[misc]
    """Authlib's client on our session, which sends the secret as requests wants it."""

    client_auth_class = OAuth2ClientAuth


def _client(issuer: Issuer, session: GuardedSession, method: str = "none") -> OAuth2Client:
    return _Client(
        session,
        client_id=issuer.client_id,
        client_secret=issuer.client_secret,
        token_endpoint_auth_method=method,
        scope=SCOPES,
        redirect_uri=redirect_uri(),
        code_challenge_method="S256",
    )


def redirect_uri() -> str:
    """The callback, as it has to be registered with the issuer."""
    return f"{settings().public_base_url}/sign-in/callback"


def _away(error: Exception) -> IssuerAway:
    log.warning("sign_in.issuer_away", error=type(error).__name__, cause=str(error)[:200])
    return IssuerAway("The issuer does not answer as it should. Try again in a few minutes.")


def _refused(error: Exception) -> SignInRefused:
    log.warning("sign_in.token_refused", error=type(error).__name__)
    return SignInRefused("The issuer's answer is not valid for this sign-in. Start again.")
