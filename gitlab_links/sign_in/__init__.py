"""Signing in with an OpenID Connect issuer, such as GitLab."""
