"""Which addresses an endpoint may have: the rules for GitLab's address hold for these too."""

from gitlab_links.errors import Invalid
from gitlab_links.extensions import settings
from gitlab_links.gitlab.urls import BaseUrl, check_host
from gitlab_links.gitlab.web_address import AddressError, parse_web_address
from gitlab_links.mail import parse_mail_address

LONGEST = 2000


def shown_host(url: str) -> str:
    """Host and port of an address that may be sent to. Raises :class:`Invalid` with ``url``.

    The connection checks every address of the host again, each time.
    """
    if len(url) > LONGEST:
        raise refused(f"Use at most {LONGEST} characters.")
    try:
        address = parse_web_address(url)
        site = BaseUrl(address.scheme, address.host, address.port, "")
        check_host(site, settings().gitlab_allowed_hosts, sent="the events")
    except AddressError as error:
        raise refused(error.message) from None
    except Invalid as refusal:
        raise refused(" ".join(refusal.errors.get("base_url", [refusal.detail]))) from None
    return site.origin.removeprefix(f"{site.scheme}://")


def checked_mail(text: str) -> str:
    """An e-mail address that mail can be sent to. Raises :class:`Invalid` with ``url``."""
    if settings().mail_server is None:
        raise refused("This service cannot send e-mail. Ask the operator to set SMTP_URL.")
    try:
        return parse_mail_address(text)
    except ValueError as error:
        raise refused(f"It {error}.") from None


def refused(message: str, field: str = "url") -> Invalid:
    """The refusal of a field of an endpoint."""
    return Invalid("The endpoint was not saved.", errors={field: [message]})
