"""The settings of an org: members, keys, endpoints, the audit log."""
