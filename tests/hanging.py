"""The one bound on time that tests have: what takes longer hangs, however busy the machine."""

HANGS = 60.0
