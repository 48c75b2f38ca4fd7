"""The web process: ``gunicorn wsgi:app``."""

from gitlab_links.app import create_app
from gitlab_links.config.settings import settings_or_exit
from gitlab_links.http.memory import return_large_blocks

return_large_blocks()
app = create_app(settings_or_exit())
