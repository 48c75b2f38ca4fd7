"""One simulated GitLab in memory: everything it knows and everything that can happen to it."""

import itertools
import threading

from gitlab_links.demo.gitlab.bodies import Bodies
from gitlab_links.demo.gitlab.calls import Calls
from gitlab_links.demo.gitlab.delivery import VERSION, Courier
from gitlab_links.demo.gitlab.faults import Faults
from gitlab_links.demo.gitlab.hooks import Hooks
from gitlab_links.demo.gitlab.items import Items
from gitlab_links.demo.gitlab.people import People
from gitlab_links.demo.gitlab.pipelines import Pipelines
from gitlab_links.demo.gitlab.projects import Projects
from gitlab_links.demo.gitlab.sending import Publisher, Sender
from gitlab_links.demo.gitlab.sign_ins import SignIns
from gitlab_links.demo.gitlab.timing import Clock
from gitlab_links.demo.gitlab.urls import Urls


class GitLabState:
    """The state of one instance; safe to use from several threads.

    ``people`` and ``projects`` store the records; ``items`` and ``pipelines`` change them and
    publish the events; ``hooks`` selects the webhooks of an event, ``sender`` sends them;
    ``sign_ins`` is the OpenID Connect issuer;
    ``faults`` misbehaves, ``calls`` counts what the API was asked; ``clock`` may be moved.
    ``page_size`` is the most that a page of a list holds, whatever is asked for;
    ``late_projects`` are the ids of those whose lists GraphQL has no time for;
    ``decodes_slashes`` is a proxy before it that makes two segments of ``acme%2Fshop``.
    """

    def __init__(self, *, sender_threads: int = 1) -> None:
        ids = itertools.count(1001)
        self.lock = threading.RLock()
        self.version = VERSION
        self.has_graphql = True
        self.late_projects: set[int] = set()
        self.page_size = 100
        self.decodes_slashes = False
        self.clock = Clock()
        self.urls = Urls()
        self.faults = Faults()
        self.calls = Calls(self.clock)
        self.people = People(ids.__next__, self.clock)
        self.sign_ins = SignIns(self.clock, self.urls)
        self.projects = Projects(ids.__next__, self.clock)
        self.hooks = Hooks(ids.__next__, self.clock)
        self._courier = Courier(self.clock)
        self.sender = Sender(self._courier, self.faults, ids.__next__, self.clock, sender_threads)
        bodies = Bodies(self.urls)
        self.publisher = Publisher(bodies, self.hooks, self.sender)
        self.items = Items(
            self.lock,
            next_id=ids.__next__,
            clock=self.clock,
            people=self.people,
            projects=self.projects,
            publisher=self.publisher,
        )
        self.pipelines = Pipelines(
            self.lock,
            next_id=ids.__next__,
            clock=self.clock,
            people=self.people,
            publisher=self.publisher,
        )

    def settle_at(self, base_url: str) -> None:
        """Tell the instance its own base URL, relative root included."""
        self.urls.base_url = base_url.rstrip("/")
        self._courier.instance = self.urls.instance

    def close(self) -> None:
        """Stop the sender's threads."""
        self.sender.stop()
