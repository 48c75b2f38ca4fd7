"""Imports every model, so that mappers and migrations know all of them, and what keeps their
words for the search.
"""

# ruff: noqa: F401
import gitlab_links.account_links.models
import gitlab_links.accounts.models
import gitlab_links.audit.models
import gitlab_links.backfills.models
import gitlab_links.deliveries.models
import gitlab_links.deltas.models
import gitlab_links.events.models
import gitlab_links.health.models
import gitlab_links.installation
import gitlab_links.integrations.models
import gitlab_links.invitations.models
import gitlab_links.links.models
import gitlab_links.mentions.models
import gitlab_links.observations.models
import gitlab_links.operations.models
import gitlab_links.outgoing.models
import gitlab_links.rule_states.models
import gitlab_links.saved_views.models
import gitlab_links.search.indexing
import gitlab_links.search.models
import gitlab_links.sign_in.models
import gitlab_links.tasks.models
