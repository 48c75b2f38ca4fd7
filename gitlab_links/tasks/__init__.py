"""Tasks: the work items that links hang on."""
