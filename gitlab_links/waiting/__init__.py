"""What waits on a person: linked merge requests to review, to mend or to merge."""
