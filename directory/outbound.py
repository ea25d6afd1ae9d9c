"""The one way in which this project reaches an address that somebody gave: for link checks, and for webhooks.

A name is resolved once an attempt, all its addresses are looked at, and the connection goes to one of those, so that
no second answer of the name service counts. It follows no redirect, knows no proxy, and ends on time.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from ipaddress import ip_address

from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from directory.denied import Address, Network, is_denied
from directory.targets import LOOPBACK, Refused, Target, read_target

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
MOST_TRIES = 4
MOST_BYTES = 64 * 1024

LATE = "It did not answer in time."
NO_ADDRESS = "Its name has no address."

# A host's name and port → its addresses, as the system knows them; raises OSError.
Resolver = Callable[[str, int], list[str]]
Server = tuple[str, int]


class Unreachable(Exception):
    """Nobody answered, or not in time, or not in HTTP; the message says which."""


class NoAnswer(Unreachable):
    """There is somebody, who did not answer this request."""


@dataclass(frozen=True)
class Reply:
    """What a host answered: the first ``MOST_BYTES`` of its body, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Sender:
    """Sends requests to hosts that we know nothing about.

    ``local_servers`` are addresses with their ports that are allowed although they are denied, and ``authority`` is a
    file with a certificate that is trusted beside the system's: both for tests, and so neither is a setting.
    ``loopback`` allows this machine, called by one of its own names, at any port: for trying out.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        resolver: Resolver = resolve,
        own: Collection[Network] | None = None,
        local_servers: Collection[Server] = (),
        authority: str | None = None,
        loopback: bool = False,
    ) -> None:
        self.connect_seconds, self.total_seconds = connect_seconds, total_seconds
        self.resolver = resolver
        self.own = settings.OWN_ADDRESSES if own is None else own
        self.local_servers, self.authority, self.loopback = local_servers, authority, loopback

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Checks certificates and names, and cannot be told not to."""
        context = ssl.create_default_context()
        if self.authority:
            context.load_verify_locations(self.authority)
        return context

    def read(self, url: str, *, http: bool = False) -> Target:
        """Where ``url`` leads; raises Refused."""
        ports = {port for _, port in self.local_servers}
        return read_target(url, http=http, ports=ports, loopback=self.loopback)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        http: bool = False,
    ) -> Reply:
        """Ask ``url``, with plain http only where ``http`` says so; raises Refused or Unreachable."""
        target = self.read(url, http=http)
        ends_at = time.monotonic() + self.total_seconds
        for address in self.addresses(target, ends_at):
            with closing(self.connection(target, address, ends_at)) as connection:
                try:
                    connection.connect()
                except (NewConnectionError, ConnectTimeoutError):
                    continue
                except ssl.SSLCertVerificationError as error:
                    raise Unreachable("Its certificate does not prove who it is.") from error
                except (OSError, HTTPError) as error:
                    raise Unreachable("It does not speak TLS as we do.") from error
                return ask(connection, ends_at, method, target, headers or {}, body)
        raise Unreachable("It takes no connection.")

    def addresses(self, target: Target, ends_at: float) -> list[Address]:
        """The addresses to try, after all that the name has were looked at; raises Refused or Unreachable."""
        try:
            names = wait_for(lambda: self.resolver(target.host, target.port), ends_at)
        except (OSError, UnicodeError) as error:
            raise Unreachable(NO_ADDRESS) from error
        if not names:
            raise Unreachable(NO_ADDRESS)
        found = [ip_address(name) for name in names]
        for address in found:
            if is_denied(address, self.own) and not self.is_local(target, address):
                raise Refused("The host’s name leads to an address that is not on the public internet.")
        return found[:MOST_TRIES]

    def is_local(self, target: Target, address: Address) -> bool:
        """Whether ``target`` may be reached at ``address`` although that is denied."""
        if self.loopback and target.host in LOOPBACK and address.is_loopback:
            return True
        return (str(address), target.port) in self.local_servers

    def connection(self, target: Target, address: Address, ends_at: float) -> HTTPConnection:
        """A connection to this address and no other; its certificate has to be that of the name."""
        timeout = max(0.001, min(self.connect_seconds, ends_at - time.monotonic()))
        if target.scheme == "http":
            return HTTPConnection(str(address), target.port, timeout=timeout)
        return HTTPSConnection(
            str(address), target.port, timeout=timeout, ssl_context=self.tls, server_hostname=target.host
        )


def agent() -> str:
    """Who we say we are, to everybody we ask."""
    return f"PakistanTechnologyDirectory/1.0 (+{settings.SITE_URL}/)"


def ask(
    connection: HTTPConnection,
    ends_at: float,
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Reply:
    """One request on an open connection; raises Unreachable."""
    # The host last, so that no caller's header says another one.
    sent = {"User-Agent": agent(), "Accept-Encoding": "identity", **headers, "Host": target.authority}
    connection.timeout = max(0.001, ends_at - time.monotonic())
    try:
        with cut_off(connection.sock, ends_at):
            connection.request(method, target.path, body=body, headers=sent, preload_content=False)
            with closing(connection.getresponse()) as response:
                # It unpacks no more than it is asked for.
                body = response.read(MOST_BYTES, decode_content=True)
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        if time.monotonic() >= ends_at:
            raise Unreachable(LATE) from error
        raise NoAnswer("It broke off its answer, or did not answer in HTTP.") from error
    if time.monotonic() >= ends_at:
        raise Unreachable(LATE)
    return Reply(response.status, response.headers, body)


@contextmanager
def cut_off(sock: socket.socket | None, ends_at: float) -> Iterator[None]:
    """End what goes on at ``sock`` when its time is over: a time-out of its own begins anew with each byte."""

    def end() -> None:
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(max(0, ends_at - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def wait_for(resolve: Callable[[], list[str]], ends_at: float) -> list[str]:
    """What ``resolve`` gives, which knows no time-out itself; raises what it raises, or TimeoutError."""
    result: Future[list[str]] = Future()

    def run() -> None:
        try:
            result.set_result(resolve())
        except Exception as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result(max(0, ends_at - time.monotonic()))
