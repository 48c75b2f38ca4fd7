"""Filters and globals for templates: times, codes, labels and the viewer."""

import uuid
from urllib.parse import urlsplit

from flask import Flask

from gitlab_links import __version__
from gitlab_links.clock import utcnow
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.pages import labels, times, wording
from gitlab_links.pages.links.link_lists import MAX_PASTED
from gitlab_links.pages.viewer import viewer
from gitlab_links.plurals import counted
from gitlab_links.sought_texts import MAX_LENGTH

MAX_SHOWN_URL = 60


def register(app: Flask) -> None:
    """Add filters and globals to the template environment."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        ago=times.ago,
        approvers=wording.approvers,
        avatar_colour=labels.avatar_colour,
        counted=counted,
        day=times.day,
        hook_mark=wording.hook_mark,
        in_full=times.in_full,
        initials=labels.initials,
        is_past=times.is_past,
        iso=times.iso,
        label_view=labels.label_view,
        mention_places=wording.mention_places,
        merge_mark=wording.merge_mark,
        pipeline_mark=wording.pipeline_mark,
        facts_of=facts_of,
        shown_url=shown_url,
        until=times.until,
    )
    app.jinja_env.globals.update(
        get_viewer=viewer,
        item_mark=wording.item_mark,
        # One more than is taken: what is pasted is then refused, and not shortened in silence.
        most_typed=MAX_LENGTH + 1,
        most_pasted=MAX_PASTED + 1,
        new_form_id=lambda: uuid.uuid4().hex,
        product_version=__version__,
        server_now=lambda: times.iso(utcnow()),
        utcnow=utcnow,
    )


def shown_url(url: str) -> str:
    """Host and path of an address, cut after 60 characters."""
    parts = urlsplit(url)
    text = (parts.netloc + parts.path).rstrip("/") or url
    return text if len(text) <= MAX_SHOWN_URL else text[: MAX_SHOWN_URL - 1] + "…"
