"""Links to set a new password, and to confirm a new e-mail address."""
