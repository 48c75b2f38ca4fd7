"""The REST API under /api/."""

from flask import Flask


def register(app: Flask) -> None:
    """Add it to the application."""
