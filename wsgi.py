"""The web process: ``gunicorn wsgi:app``."""

from gitlab_links.entry_points import web_app

app = web_app()
