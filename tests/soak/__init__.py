"""The promises about faults, at any size: short in ``make test``, full in ``make soak``."""
