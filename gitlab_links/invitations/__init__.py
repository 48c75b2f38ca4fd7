"""Invitations to an org: made by its admins, accepted once by the person who gets the link."""
