"""Validating a connection from a door: GitLab is asked with no transaction open."""

from gitlab_links.accounts.principal import Principal
from gitlab_links.extensions import db
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.operations import Configured
from gitlab_links.integrations.validation import Validation, ask, record
from gitlab_links.links.token_checks import prepare_check


def validate_now(principal: Principal) -> Validation:
    """Ask the org's GitLab about its token and keep the answer; takes as long as GitLab.

    Raises what ``waiting_for_gitlab`` raises.
    """
    question = prepare_check(principal.org_id)
    db.session.commit()
    with waiting_for_gitlab(principal.org_id):
        result = ask(question)
    record(principal, question, result)
    return result


def validate_saved(principal: Principal, configured: Configured) -> Validation | None:
    """The same of a new address or token just saved, for every door that saves one.

    It is kept whatever GitLab says, or if it says nothing. None where there is nothing new to
    try. Commits what was saved, and then raises what ``waiting_for_gitlab`` raises.
    """
    if not configured.reconnected or configured.integration.token_ciphertext is None:
        return None
    return validate_now(principal)
