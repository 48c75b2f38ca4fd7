"""Orgs, users, memberships, API keys, login sessions, and the permissions of a caller."""
