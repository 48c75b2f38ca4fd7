"""Why there was no complete answer, in a sentence for people."""

import requests
import urllib3


def network_detail(error: Exception) -> str:
    """Nothing of what the other side sent is in it."""
    causes = _causes(error)
    if any(isinstance(cause, requests.exceptions.SSLError) for cause in causes):
        return "GitLab's certificate is not trusted, or TLS failed."
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError) for cause in causes):
        return "GitLab's host name does not resolve."
    if any(isinstance(cause, TimeoutError | requests.Timeout) for cause in causes):
        return "GitLab did not give a complete answer in time."
    return "GitLab cannot be reached, or broke off its answer."


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and what it was raised from; urllib3 keeps some in ``reason``."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        reason = getattr(error, "reason", None) or next(iter(error.args), None)
        error = reason if isinstance(reason, BaseException) else error.__cause__
    return found
