"""``worker.py`` on a busy machine: it waits longer for its processes before it kills them."""

from gitlab_links.entry_points import work
from gitlab_links.jobs import worker_pool
from tests.hanging import HANGS

if __name__ == "__main__":
    worker_pool.STOP_SECONDS = HANGS
    work()
