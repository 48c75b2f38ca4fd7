"""How changes of a project reach us: its hook in GitLab, and what came by it."""
