"""Signing in with an issuer, and everybody who should not."""
