"""Orgs, users, memberships, API keys and login sessions; who is calling and what they may do."""
