"""Events: what happened to tasks, links and the connection, written with the change itself."""
