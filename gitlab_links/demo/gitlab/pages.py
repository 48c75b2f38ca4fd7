"""Pages."""

from flask import Blueprint


def create_pages() -> Blueprint:
    return Blueprint("pages", __name__)
