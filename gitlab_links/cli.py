"""Commands for the operator: ``flask --app wsgi <command>``."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the commands to the application."""
