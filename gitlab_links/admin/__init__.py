"""The server-rendered pages."""

from flask import Flask


def register(app: Flask) -> None:
    """Add it to the application."""
