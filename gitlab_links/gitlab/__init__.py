"""GitLab's data as frozen values, parsed once here. Uses neither Flask nor SQLAlchemy."""
