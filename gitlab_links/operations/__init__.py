"""What takes several calls to GitLab: asked for by a page or a program, done by a worker."""
