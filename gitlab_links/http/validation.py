"""Validating a connection from a door: GitLab is asked with no transaction open."""

from gitlab_links.accounts.principal import Principal
from gitlab_links.extensions import db
from gitlab_links.integrations.validation import Validation, ask, prepare, record


def validate_now(principal: Principal) -> Validation:
    """Ask the org's GitLab about its token and keep the answer; takes as long as GitLab."""
    question = prepare(principal.org_id)
    db.session.commit()
    result = ask(question)
    record(principal, question, result)
    return result
