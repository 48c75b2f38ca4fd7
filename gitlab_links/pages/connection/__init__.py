"""The GitLab page, and what GitLab sends."""
