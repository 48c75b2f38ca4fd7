"""The web process: ``gunicorn wsgi:app``."""

from gitlab_links.app import create_app
from gitlab_links.config import Settings

app = create_app(Settings.from_environ())
