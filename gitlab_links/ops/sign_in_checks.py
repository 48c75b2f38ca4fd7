"""Check of the issuer that people sign in with."""

from collections.abc import Iterator

from gitlab_links.extensions import settings
from gitlab_links.one_line import as_line
from gitlab_links.ops.check_results import Finding, failure, ok
from gitlab_links.sign_in.provider import IssuerAway, redirect_uri, try_issuer

_LONGEST_CAUSE = 300


def check_issuer() -> Iterator[Finding]:
    """Whether it says where to sign in, and with which keys it signs."""
    issuer = settings().issuer
    if issuer is None:
        return
    try:
        try_issuer(issuer)
    except IssuerAway as refusal:
        cause = refusal.__cause__
        why = f" ({as_line(str(cause), _LONGEST_CAUSE)})" if cause is not None else ""
        yield failure(
            "sign in",
            f"{issuer.url}: {refusal.detail}{why}",
            "Check OIDC_ISSUER against the issuer's /.well-known/openid-configuration, and "
            "GITLAB_ALLOWED_HOSTS if its address is internal.",
        )
    else:
        yield ok("sign in", f"{issuer.url} answers; its redirect URI must be {redirect_uri()}")
