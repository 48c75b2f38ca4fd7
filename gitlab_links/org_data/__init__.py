"""All data of an org at once: export, import, deletion."""
