"""Cookie settings, proxies, and security headers."""

from datetime import timedelta

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from gitlab_links.accounts.sessions import SESSION_LIFETIME
from gitlab_links.config.settings import Settings
from gitlab_links.http.mounting import Mounted

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "object-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Without includeSubDomains: the names below this host, and under a path the host itself, belong to
# others as well. The session's cookie does not need it: its prefix __Host- binds it to the host.
_HSTS = f"max-age={int(timedelta(days=365).total_seconds())}"


def register(app: Flask) -> None:
    """Configure cookies and headers; a header that a view has set stays."""
    settings: Settings = app.extensions["settings"]
    https = settings.served_over_https
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if https else "session",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        PREFERRED_URL_SCHEME="https" if https else "http",
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=0
        )
    if settings.public_path:
        app.wsgi_app = Mounted(app.wsgi_app, settings.public_path)  # type: ignore[method-assign]

    always = _ALWAYS | ({"Strict-Transport-Security": _HSTS} if https else {})

    @app.after_request
    def _secure(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        response.headers.extend(
            [(name, value) for name, value in always.items() if name.lower() not in present]
        )
        if "cache-control" not in present:
            cacheable = request.method in {"GET", "HEAD"} and response.status_code < 400
            response.headers["Cache-Control"] = "private, no-cache" if cacheable else "no-store"
        return response
