"""The worker process: ``python worker.py``. Any number may run, on any number of machines."""

from gitlab_links.app import create_app
from gitlab_links.config import settings_or_exit
from gitlab_links.jobs.crew import Crew

if __name__ == "__main__":
    Crew(create_app(settings_or_exit())).run()
