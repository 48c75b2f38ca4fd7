"""Explain in a sentence for people why there was no complete answer."""

import requests
import urllib3


def network_detail(error: Exception) -> str:
    """The reason, without any text from the other side."""
    causes = _causes(error)
    if any(isinstance(cause, requests.exceptions.SSLError) for cause in causes):
        return "GitLab's certificate is not trusted, or TLS failed."
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError) for cause in causes):
        return "GitLab's host name does not resolve."
    if any(isinstance(cause, TimeoutError | requests.Timeout) for cause in causes):
        return "GitLab did not give a complete answer in time."
    return "GitLab cannot be reached, or the connection broke during its answer."


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and its causes; urllib3 stores some of them in ``reason``."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        reason = getattr(error, "reason", None) or next(iter(error.args), None)
        error = reason if isinstance(reason, BaseException) else error.__cause__
    return found
