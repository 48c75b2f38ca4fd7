"""An org's connection to its GitLab: address, token, secrets and state."""
