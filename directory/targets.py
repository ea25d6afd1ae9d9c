"""What an address that somebody gave us has to be before we even ask where its host is."""

import re
import string
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import idna

PORTS = {"https": (443, 8443), "http": (80,)}
LONGEST_HOST = 253
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# Of this machine, as people write it.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Names that no public name service answers for, whatever stands before them.
LOCAL = ("local", "localhost", "internal")
CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\\]")


class Refused(Exception):
    """We do not go to this address; the message says why, and nothing of what is behind it."""


@dataclass(frozen=True)
class Target:
    """A host by its name, and what is asked of it, all in ASCII; the host in lower case."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme][0] else f"{host}:{self.port}"


def read_target(url: str, *, http: bool = False, ports: Collection[int] = (), loopback: bool = False) -> Target:
    """Take ``url`` apart; raises Refused.

    ``http`` allows that scheme too, ``ports`` more ports than the usual ones, ``loopback`` this machine at any port.
    """
    if CONTROL.search(url):
        raise Refused("The address has spaces, backslashes or control characters in it.")
    if "#" in url:
        raise Refused("The address has a fragment (#), which no server is ever sent.")
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=string.punctuation)
    except ValueError as error:
        raise Refused("The address cannot be read.") from error
    if parts.scheme not in (("https", "http") if http else ("https",)):
        raise Refused(f"The address has to begin with https://{' or http://' if http else ''}.")
    if "@" in parts.netloc:
        raise Refused("The address has a user name in it.")
    usual = PORTS[parts.scheme]
    port = usual[0] if port is None else port
    if loopback and name in LOOPBACK:
        return Target(parts.scheme, name, port, path)
    if port not in (*usual, *ports):
        raise Refused(f"The address has to use port {' or '.join(map(str, usual))}.")
    return Target(parts.scheme, read_host(name), port, path)


def read_public_target(url: str, *, http: bool = False, loopback: bool = False) -> Target:
    """``read_target`` of an address that somebody enters: a name that cannot be a public one is refused, too."""
    target = read_target(url, http=http, loopback=loopback)
    labels = target.host.split(".")
    is_local = len(labels) == 1 or labels[-1] in LOCAL
    if is_local and not (loopback and target.host in LOOPBACK):
        raise Refused("The address’s host is a name of a local network; it has to be one of the public internet.")
    return target


def read_host(name: str) -> str:
    """``name`` as the name service knows it, in ASCII; raises Refused.

    A number is none, however it is written: systems disagree on which address it is. What only looks like a name
    (0x7f000001) is found out when it is resolved.
    """
    try:
        host = name.lower() if name.isascii() else idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise Refused("The address’s host is not a name.") from error
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > LONGEST_HOST or not all(LABEL.fullmatch(label) for label in labels):
        raise Refused("The address’s host is not a name.")
    if labels[-1].isdigit():
        raise Refused("The address’s host is a number; it has to be a name.")
    return host
