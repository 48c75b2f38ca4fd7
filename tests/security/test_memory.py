"""The largest webhooks there are, one after the other, on a real server: memory stays bounded."""

import http.client
import os
from pathlib import Path

import pytest

from gitlab_links.accounts.models import Org
from gitlab_links.local import processes as service
from gitlab_links.local.guardian import session_members
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import Supervisor
from tests.factories import Factory
from tests.security.conftest import SECRET

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc"),
]

MIB = 1024 * 1024
# What stays, and what there is for a moment while the worst of shapes is read.
KEPT_MIB, PEAK_MIB = 80, 200


def resident(leader: int, what: str = "VmRSS") -> float:
    """MiB of the largest of the server's processes: now, or with ``VmHWM`` at its highest."""
    return max(_status(pid, what) for pid in session_members(leader))


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def post(port: int, org: Org, body: bytes, *, token: str = SECRET, chunked: bool = False) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    headers = {"Content-Type": "application/json", "X-Gitlab-Token": token}
    path = f"/api/orgs/{org.id}/integrations/gitlab/webhook"
    pieces = (body[at : at + MIB] for at in range(0, len(body), MIB)) if chunked else body
    try:
        connection.request("POST", path, pieces, headers, encode_chunked=chunked)
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return 413  # it hung up on us before we were through
    finally:
        connection.close()


def bodies() -> list[tuple[bytes, set[int]]]:
    """Ten of 25 MB, of the shapes that cost most, and what they are answered."""
    size = 25 * MIB
    text = b'{"a":"' + b"x" * (size - 8) + b'"}'
    wide = b'{"a":"' + "\N{PILE OF POO}".encode() * (size // 4 - 4) + b'"}'
    escaped = b'{"a":"' + b"\\u0000" * (size // 6 - 4) + b'"}'
    many = b"[" + b"[]," * (size // 3 - 2) + b"[]]"
    deep = b"[" * (size // 2) + b"]" * (size // 2)
    strings = b"[" + b'"xxxxxxxxxxxxxxxxxxxxxxxxxx",' * (size // 29 - 1) + b'"x"]'
    noise = os.urandom(size)
    return [
        *((text, {202}), (wide, {202}), (escaped, {202}), (many, {413}), (deep, {400})),
        *(
            (strings, {202}),
            (noise, {400}),
            (text + b"x", {413, 400}),
            (text, {202}),
            (wide, {202}),
        ),
    ]


def test_ten_webhooks_of_25_mb_leave_the_memory_bounded(
    factory: Factory, processes: Supervisor, environment: dict[str, str]
) -> None:
    org = factory.org()
    factory.connect(org, webhook_secret=SECRET)
    port = free_port()
    web = service.start_web(processes, environment, port, workers=1)
    assert post(port, org, b"{}") == 202
    before = resident(web.pid)

    for number, (body, statuses) in enumerate(bodies()):
        assert post(port, org, body) in statuses, number
        assert resident(web.pid) - before < KEPT_MIB, number
    assert post(port, org, bodies()[0][0], token="wrong") == 403
    # Too much, and it does not say so beforehand.
    assert post(port, org, b" " * (40 * MIB), chunked=True) == 413

    assert resident(web.pid) - before < KEPT_MIB
    assert resident(web.pid, "VmHWM") - before < PEAK_MIB
    assert post(port, org, b"{}") == 202
    processes.check()
