"""Link what a person pasted or a program named. Nothing here commits."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import DomainError, Invalid
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.links.changes import LinkExists, attach_items
from gitlab_links.links.queries import find_link
from gitlab_links.pasting.reading import NamedItem, Reader
from gitlab_links.tasks.changes import lock_task_of

MOST_AT_ONCE = 50


class BatchRefused(Invalid, code="batch_refused"):
    """All or none was asked for, and at least one was refused: none was linked."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What became of one text: a link, which ``is_new`` or was there before, or a refusal.

    ``reference`` is how the text names the item, as ``group/app!12``; None if refused.
    """

    text: str
    reference: str | None = None
    link_id: uuid.UUID | None = None
    is_new: bool = False
    refusal: DomainError | None = None


def attach(principal: Principal, task_id: uuid.UUID, named: object) -> uuid.UUID:
    """Link the item that a text or a :class:`NamedItem` names, and return the link's id.

    Raises :class:`NotFound` for a task that is not the org's, :class:`Invalid` with a
    ``url_*`` code for what names no item of the org's GitLab, :class:`IntegrationMissing`,
    and :class:`LinkExists`.
    """
    lock_task_of(principal.org_id, task_id)
    reader = Reader.of(principal.org_id, principal.role)
    ref = reader.read(named)
    [link] = attach_items(principal, task_id, reader.base_url, [ref])
    if not link.is_new:
        found = _as_named(principal, task_id, link.link_id, ref)
        raise LinkExists(f"This task already links {ref}.", link_id=found)
    return link.link_id


def attach_all(
    principal: Principal,
    task_id: uuid.UUID,
    named: Sequence[str | NamedItem],
    *,
    all_or_none: bool = False,
) -> list[Pasted]:
    """Link several items; a result for each, in their order.

    Raises :class:`NotFound`, :class:`IntegrationMissing`, and for ``all_or_none``
    :class:`BatchRefused` with the messages of each refused one.
    """
    lock_task_of(principal.org_id, task_id)
    reader = Reader.of(principal.org_id, principal.role)
    read = [_read(reader, one) for one in named]
    refs = [one for one in read if isinstance(one, ItemRef)]
    if all_or_none and len(refs) < len(read):
        raise _refused(read)
    links = iter(attach_items(principal, task_id, reader.base_url, refs))
    results = []
    for text, one in zip(named, read, strict=True):
        if isinstance(one, ItemRef):
            link = next(links)
            results.append(Pasted(str(text), str(one), link.link_id, is_new=link.is_new))
        else:
            results.append(Pasted(str(text), refusal=one))
    return results


def refused(principal: Principal, named: Sequence[str]) -> list[Pasted]:
    """Those that name no item which could be linked, each with its refusal; links nothing.

    Raises :class:`IntegrationMissing`.
    """
    reader = Reader.of(principal.org_id, principal.role)
    read = ((text, _read(reader, text)) for text in named)
    return [Pasted(text, refusal=one) for text, one in read if isinstance(one, DomainError)]


def _read(reader: Reader, named: str | NamedItem) -> ItemRef | DomainError:
    try:
        return reader.read(named)
    except Invalid as refusal:
        return refusal


def _refused(read: Sequence[ItemRef | DomainError]) -> BatchRefused:
    errors = {
        f"links.{place}": [one.detail]
        for place, one in enumerate(read)
        if isinstance(one, DomainError)
    }
    return BatchRefused(
        f"Nothing was linked: {len(errors)} of {len(read)} cannot be linked.", errors=errors
    )


def _as_named(
    principal: Principal, task_id: uuid.UUID, link_id: uuid.UUID, ref: ItemRef
) -> uuid.UUID | None:
    """The link, if the caller sees it under this reference."""
    link = find_link(principal.org_id, task_id, link_id, viewer=principal.role)
    return None if link.is_hidden_as(str(ref)) else link_id
