"""An org's own GitLab: where it is, how to get in, how it fares."""
