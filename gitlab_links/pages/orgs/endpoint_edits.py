"""Two people who edit an endpoint at once."""

from collections.abc import Mapping
from dataclasses import replace

from gitlab_links.outgoing.endpoints import EndpointChange
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.pages.edits_at_once import Both, Merge, Values, merge, seen
from gitlab_links.pages.orgs.endpoint_forms import TYPES, WHAT, EndpointForm, fields_of

LABELS = {
    "url": "Address",
    "description": "Description",
    "what": "What to send",
    "types": "Types",
    "projects": "Projects",
}
_CHANGED_BY = {"what": "highlights_only"}


def version_of(endpoint: OutgoingEndpoint) -> str:
    """What the form's hidden field has of the endpoint that it shows."""
    return seen(_stored(endpoint))


def merged(endpoint: OutgoingEndpoint, form: EndpointForm, began_with: str) -> Merge:
    """The form as it was sent, with what somebody else changed since it was loaded."""
    # Addresses are stored encrypted: one that is sent counts as another one than the stored one.
    typed = {**_texts(form), **({"url": form.url} if form.url else {})}
    return merge(began_with, typed, _stored(endpoint))


def form_of(both: Merge, endpoint: OutgoingEndpoint) -> EndpointForm:
    """The form with the values of both."""
    values = both.values
    return EndpointForm(
        url=values.get("url", ""),
        description=values["description"],
        format=endpoint.format,
        what=values["what"],
        types=values["types"].split(),
        projects=values["projects"].split(),
    )


def change_of(both: Merge, endpoint: OutgoingEndpoint) -> EndpointChange:
    """What the form that was sent changes."""
    change = form_of(both, endpoint).change(is_new=False)
    others = {_CHANGED_BY.get(name, name): None for name in LABELS if name not in both.mine}
    return replace(change, **others)


def disputed(both: Merge, endpoint: OutgoingEndpoint, projects: Mapping[str, str]) -> list[Both]:
    """The saved and the sent values of what both changed, in words."""
    types = {kind.value: text for kind, text in TYPES.items()}

    def words(name: str, value: str) -> str:
        if name == "what":
            return WHAT.get(value, value)
        if name in {"types", "projects"}:
            known = types if name == "types" else projects
            return ", ".join(known.get(one, "a former one") for one in value.split()) or "all"
        return value

    stored = {**_stored(endpoint), "url": endpoint.url_host}
    return [
        (LABELS[name], words(name, stored[name]), words(name, both.values[name]))
        for name in both.disputed
    ]


def _stored(endpoint: OutgoingEndpoint) -> Values:
    return {**_texts(fields_of(endpoint)), "url": endpoint.url_ciphertext}


def _texts(form: EndpointForm) -> Values:
    return {
        "description": form.description,
        "what": form.what,
        "types": " ".join(sorted(form.types)),
        "projects": " ".join(sorted(form.projects)),
    }
