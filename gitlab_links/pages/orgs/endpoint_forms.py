"""The form of an endpoint, and the words for its types and states."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from gitlab_links.events.models import EventType
from gitlab_links.outgoing.endpoints import EndpointChange
from gitlab_links.outgoing.models import Format, OutgoingEndpoint, OutgoingStatus
from gitlab_links.outgoing.waiting import Waiting
from gitlab_links.pages.form_fields import parsed, sent
from gitlab_links.pages.times import until
from gitlab_links.pages.wording import Mark
from gitlab_links.plurals import counted

USUAL, EVERYTHING, HIGHLIGHTS = "usual", "everything", "highlights"
WHAT = {EVERYTHING: "Everything", HIGHLIGHTS: "Highlights"}
KINDS = {Format.STANDARD: "Program", Format.CHAT: "Chat", Format.EMAIL: "E-mail"}
FORMATS = {
    Format.STANDARD.value: "A program: signed JSON (Standard Webhooks)",
    Format.CHAT.value: "A chat: Slack, Mattermost, Rocket.Chat, Discord (address ending in /slack)",
    Format.EMAIL.value: "A person, by e-mail: only the health of the connection",
}
TYPES = {
    EventType.TASK_CREATED: "A task was created",
    EventType.TASK_EDITED: "A task was edited",
    EventType.TASK_STATUS_CHANGED: "The status of a task changed",
    EventType.TASK_PINNED: "The status of a task was pinned",
    EventType.TASK_UNPINNED: "The status of a task was unpinned",
    EventType.TASK_DELETED: "A task was deleted",
    EventType.LINK_CREATED: "An item was linked",
    EventType.LINK_REMOVED: "An item was unlinked",
    EventType.LINK_CHANGED: "A linked item changed",
    EventType.CONNECTION_HEALTH_CHANGED: "The GitLab connection has a problem, or is over one",
}
STATUS_MARKS = {
    OutgoingStatus.WAITING: Mark("Waiting", "amber", "clock"),
    OutgoingStatus.SENDING: Mark("Sending", "blue", "pipeline-running"),
    OutgoingStatus.DELIVERED: Mark("Delivered", "green", "check"),
    OutgoingStatus.FAILED: Mark("Failed", "red", "warning"),
    OutgoingStatus.DROPPED: Mark("Not sent", "gray", "pipeline-skipped"),
}
MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class EndpointForm:
    """What was typed and chosen, and what is wrong with it."""

    url: str
    description: str
    format: str
    what: str
    types: Sequence[str]
    projects: Sequence[str]

    @classmethod
    def sent(cls) -> "EndpointForm":
        """The form of the request."""
        url, description, what = sent("url", "description", "what")
        chosen = request.form
        kind = chosen.get("format", Format.STANDARD.value)
        types, projects = chosen.getlist("types"), chosen.getlist("projects")
        return cls(url, description, kind, what, types, projects)

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, besides the address and the projects, which the domain checks."""
        found: dict[str, list[str]] = {}
        if not self.description.isprintable():
            found["description"] = ["There are characters in it that cannot be seen. Remove them."]
        elif len(self.description) > MOST_CHARACTERS:
            found["description"] = [f"Use at most {MOST_CHARACTERS} characters."]
        if parsed(Format, self.format) is None:
            found["format"] = ["Choose what receives the events."]
        if any(parsed(EventType, one) is None for one in self.types):
            found["types"] = ["Choose types of the list."]
        if any(parsed(uuid.UUID, one) is None for one in self.projects):
            found["projects"] = ["Choose projects of the list."]
        return found

    def change(self, *, is_new: bool) -> EndpointChange:
        """The change; an empty address leaves that of an endpoint as it is."""
        return EndpointChange(
            url=self.url if is_new or self.url else None,
            description=self.description,
            types=[EventType(one) for one in self.types],
            projects=[uuid.UUID(one) for one in self.projects],
            highlights_only=None if self.what == USUAL else self.what == HIGHLIGHTS,
        )


def fields_of(endpoint: OutgoingEndpoint) -> EndpointForm:
    """The form of an endpoint as it is stored; the address is not shown."""
    return EndpointForm(
        "",
        endpoint.description,
        endpoint.format,
        HIGHLIGHTS if endpoint.highlights_only else EVERYTHING,
        endpoint.types,
        endpoint.projects,
    )


NOTHING = EndpointForm("", "", Format.STANDARD.value, USUAL, [], [])


def state_mark(endpoint: OutgoingEndpoint) -> Mark:
    """Whether events arrive there."""
    if not endpoint.enabled:
        return Mark("Off", "gray", "pipeline-skipped")
    if endpoint.failing_since is not None:
        return Mark("Failing", "red", "warning")
    if endpoint.last_success_at is None:
        return Mark("Nothing sent yet", "gray", "clock")
    return Mark("Working", "green", "check")


def state_words(endpoint: OutgoingEndpoint, waiting: Waiting, days_kept: int) -> str:
    """What happened, what becomes of the events meanwhile, and what to do."""
    wait = "nothing waits"
    if waiting.events:
        wait = counted(waiting.events, "event waits", "events wait")
    kept = counted(days_kept, "day")
    if endpoint.disabled_reason:
        return (
            f"It was turned off: {endpoint.disabled_reason} What happens meanwhile waits for it "
            f"for {kept}; {wait} now. Check the receiver and send a test, "
            "then turn it on: what waits is sent then."
        )
    if not endpoint.enabled:
        before = f" {wait} from before, for {kept}, until it is turned on."
        words = "Somebody turned it off. What happens meanwhile is never sent to it."
        return words + before if waiting.events else words
    if endpoint.failing_since is not None:
        again = until(waiting.next_at) if waiting.next_at else "with the next event"
        return (
            f"{endpoint.last_failure} It is tried again {again}, or at once after a test that it "
            "accepts. After a day of failures it is turned off."
        )
    return ""


def what_words(endpoint: OutgoingEndpoint, projects: Mapping[str, str]) -> str:
    """What is sent there, in short."""
    parts = ["Highlights" if endpoint.highlights_only else "Everything"]
    if endpoint.types:
        parts = [f"{parts[0]} of {counted(len(endpoint.types), 'type')}"]
    if endpoint.projects:
        parts.append(", ".join(projects.get(one, "a former project") for one in endpoint.projects))
    return "; ".join(parts)


def shown(form: EndpointForm) -> dict[str, Any]:
    """What the template of the form needs besides its values."""
    return {"form": form, "formats": FORMATS, "kinds": KINDS, "what": WHAT, "types": TYPES}
