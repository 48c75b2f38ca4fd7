"""The worker process: ``python worker.py``. Several may run, also on several machines."""

from gitlab_links.entry_points import work

if __name__ == "__main__":
    work()
