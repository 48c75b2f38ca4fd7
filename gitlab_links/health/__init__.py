"""What is wrong with an org's connection, noticed ahead of its users, and told once."""
