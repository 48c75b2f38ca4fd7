"""Who changed what, when: one row for every change of configuration, key, member and replay."""
