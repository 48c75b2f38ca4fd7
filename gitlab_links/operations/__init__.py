"""Operations: work with several calls to GitLab, requested by pages or API, run by a worker."""
