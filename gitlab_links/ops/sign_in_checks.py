"""Check of the issuer that people sign in with."""

from collections.abc import Iterator

from gitlab_links.extensions import settings
from gitlab_links.ops.check_results import Finding, failure, ok
from gitlab_links.sign_in.provider import IssuerAway, redirect_uri, try_issuer


def check_issuer() -> Iterator[Finding]:
    """Whether it says where to sign in, and with which keys it signs."""
    issuer = settings().issuer
    if issuer is None:
        return
    try:
        try_issuer(issuer)
    except IssuerAway as refusal:
        yield failure(
            "sign in",
            f"{issuer.url}: {refusal.detail}",
            "Check OIDC_ISSUER against the issuer's /.well-known/openid-configuration, and "
            "GITLAB_ALLOWED_HOSTS if its address is internal.",
        )
    else:
        yield ok("sign in", f"{issuer.url} answers; its redirect URI must be {redirect_uri()}")
