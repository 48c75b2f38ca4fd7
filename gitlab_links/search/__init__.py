"""Full-text search of tasks and of what they link, by the means of each database."""
