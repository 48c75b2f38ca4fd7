"""What the status rules keep of orgs and tasks, and which tasks they have to look at again."""
