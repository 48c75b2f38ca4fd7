"""The invited, and the uninvited."""
