"""Task keys in GitLab's texts: found, stored with the item, and made into links."""
