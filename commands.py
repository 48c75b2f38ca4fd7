"""The operator's commands, from any folder: ``python commands.py doctor``."""

from gitlab_links.entry_points import command

if __name__ == "__main__":
    command()
