"""Real HTTP servers on loopback, which answer what a test scripts: well or badly."""

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.hanging import HANGS


@dataclass(frozen=True)
class Request:
    """What the server read of one request."""

    head: str

    @property
    def method(self) -> str:
        return self.head.split(" ", 1)[0]

    @property
    def target(self) -> str:
        return self.head.split(" ", 2)[1]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def headers(self) -> dict[str, str]:
        lines = [line.partition(":") for line in self.head.split("\r\n")[1:] if line]
        return {name.lower(): value.strip() for name, _, value in lines}


Answer = Callable[[Request], bytes | Iterable[bytes]]


@dataclass
class Server:
    """A running server: what it answers may be changed, what it saw may be read."""

    port: int
    answer: Answer
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closed: int = 0

    @property
    def last(self) -> Request:
        return self.requests[-1]


def reply(
    body: bytes | str = b"", status: int = 200, headers: dict[str, Any] | None = None
) -> bytes:
    """A complete HTTP answer. ``\\udcff`` in a header is the byte FF."""
    raw = body.encode() if isinstance(body, str) else body
    sent = {"Content-Type": "application/json", "Content-Length": len(raw)} | (headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode(errors="surrogateescape") + raw


def reply_json(value: Any, status: int = 200, headers: dict[str, Any] | None = None) -> bytes:
    """A complete HTTP answer with a JSON body."""
    return reply(json.dumps(value), status, headers)


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], answer)
    open_sockets: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                listener.close()
                return
            server.connections += 1
            open_sockets.append(connection)
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    def converse(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
                open_sockets.append(connection)
            _converse(server, connection)
        with contextlib.suppress(OSError):
            connection.close()
        server.closed += 1

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for connection in open_sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # Who reads from a socket closes it: its number may be that of the next test's socket when
        # an interrupted accept() or recv() is taken up again.
        accepting.join(HANGS)


def _converse(server: Server, connection: socket.socket) -> None:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            received = connection.recv(65536)
            if not received:
                return
            buffer += received
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        request = Request(head.decode("latin-1"))
        server.requests.append(request)
        answer = server.answer(request)
        if isinstance(answer, bytes):
            connection.sendall(answer)
            continue
        for piece in answer:
            connection.sendall(piece)
        return


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one test run, and a server context it vouches for."""

    ca_file: Path
    server: ssl.SSLContext


def make_authority(folder: Path, *names: str) -> Authority:
    """An authority whose server certificate is for ``names``: host names and addresses."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
    ca = _certificate(issuer, issuer, ca_key.public_key(), ca_key, ca=True)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    leaf = _certificate(subject, issuer, key.public_key(), ca_key, names=names)
    folder.mkdir(parents=True, exist_ok=True)
    ca_file, chain_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain_file.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain_file)
    return Authority(ca_file, context)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
    names: Iterable[str] = (),
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
    )
    if ca:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False
        )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    return builder.sign(ca_key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
