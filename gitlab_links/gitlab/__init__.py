"""GitLab as values: no Flask, no SQLAlchemy. Parsed once here, frozen from then on."""
