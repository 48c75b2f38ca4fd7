"""For the operator: ``/metrics``, and commands to check, rotate keys, restore, list and move."""

from flask import Flask

from gitlab_links.ops import metrics
from gitlab_links.ops.command import doctor_command
from gitlab_links.ops.key_rotation import rotate_keys_command
from gitlab_links.ops.listings import list_orgs_command, list_people_command
from gitlab_links.ops.org_files import (
    delete_org_command,
    erase_person_command,
    export_org_command,
    import_org_command,
)
from gitlab_links.ops.restoring import after_restore_command


def register(app: Flask) -> None:
    """Add the route and the commands to the application."""
    metrics.register(app)
    app.cli.add_command(doctor_command)
    app.cli.add_command(rotate_keys_command)
    app.cli.add_command(after_restore_command)
    app.cli.add_command(list_orgs_command)
    app.cli.add_command(list_people_command)
    app.cli.add_command(export_org_command)
    app.cli.add_command(import_org_command)
    app.cli.add_command(delete_org_command)
    app.cli.add_command(erase_person_command)
