"""Hosts of the internet, played by servers of this machine: names that lead to them, certificates, and no manners."""

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from directory.outbound import Sender

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Host:
    """A server that notes what it is asked."""

    address: str
    port: int
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    @property
    def server(self) -> tuple[str, int]:
        return self.address, self.port

    def asked(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.seen]


@contextmanager
def host(
    answer: Answer, *, address: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
) -> Iterator[Host]:
    """A host that answers as ``answer`` does, over TLS where it has a certificate."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # whoever asked has gone
                self.close_connection = True

        def answer(self) -> None:
            self.close_connection = True
            there.seen.append((self.command, self.path, dict(self.headers)))
            answer(self)

        do_GET = do_HEAD = do_POST = answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    server = Server((address, port), Handler)
    there = Host(address, server.server_address[1])
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """The same answer to everybody; ``content_encoding`` is the header Content-Encoding."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    return answer


def sender_to(*hosts: Host, name: str = "shop.example", **options: Any) -> Sender:
    """A sender that takes these servers for hosts of the internet, all of which have the same ``name``."""
    known = {name: [there.address for there in hosts]}
    options = {"total_seconds": 5, "resolver": lambda asked, port: known.get(asked, []), **options}
    return Sender(local_servers={there.server for there in hosts}, **options)


def make_certificate(folder: Path, name: str, *, valid_days: int = 1) -> Path:
    """A file with a key and its certificate, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name[0].isdigit():
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=valid_days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
