"""The worker process: ``python worker.py``. Any number may run, on any number of machines."""

from gitlab_links.entry_points import work

if __name__ == "__main__":
    work()
