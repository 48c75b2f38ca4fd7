"""The overview of an org: what needs somebody, how fast merge requests go, how old open work is."""
