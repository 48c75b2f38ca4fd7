"""What the two HTTP doors share: access, errors, request ids, the one commit."""

from flask import Flask


def register(app: Flask) -> None:
    """Add it to the application."""
