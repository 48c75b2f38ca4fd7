"""The worker process: ``python worker.py``. Any number may run, on any number of machines."""

from gitlab_links.app import create_app
from gitlab_links.config.settings import settings_or_exit
from gitlab_links.jobs.worker_pool import WorkerPool

if __name__ == "__main__":
    WorkerPool(create_app(settings_or_exit())).run()
