"""The blueprint of all pages."""

from flask import Blueprint

from gitlab_links.http import idempotency

pages = Blueprint("pages", __name__)
pages.before_request(idempotency.begin_form)
pages.after_request(idempotency.finish)
