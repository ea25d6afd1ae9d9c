"""Reads variables of the environment for settings.py. Every problem is kept, so that all are told at once.

No message repeats a value that may hold a secret.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
SAMPLE_WORDS = (
    "django-insecure",
    "change",
    "example",
    "sample",
    "skeleton",
    "password",
    "your-secret",
    "your_secret",
)


class Environment:
    """Variables with defaults. A malformed one yields its default and a sentence in `problems`."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The variable without the blanks around it; an empty one counts as unset."""
        return self._variables.get(name, "").strip() or default

    def words(self, name: str, default: list[str]) -> list[str]:
        """A list separated by commas."""
        found = [word.strip() for word in self.text(name).split(",")]
        return [word for word in found if word] or default

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        text = self.text(name, str(default))
        if text.isascii() and text.isdigit() and least <= int(text[:9]) <= most:
            return int(text)
        self.problems.append(f"{name} is {text!r}, but has to be a whole number from {least} to {most}.")
        return default

    def switch(self, name: str, default: bool = False) -> bool:
        """Yes or no, as people write them."""
        text = self.text(name, "yes" if default else "no").lower()
        if text not in YES | NO:
            self.problems.append(f"{name} is {text!r}, but has to be 1 (yes) or 0 (no).")
        return text in YES

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Addresses, or networks such as 198.51.100.0/28, separated by commas; none by default."""
        try:
            return [ip_network(word) for word in self.words(name, [])]
        except ValueError:
            wanted = "addresses such as 198.51.100.7, or networks such as 198.51.100.0/28, separated by commas"
            self.problems.append(f"{name} is {self.text(name)!r}, but has to be {wanted}.")
            return []

    def origin(self, name: str, default: str) -> str:
        """A scheme, a host and perhaps a port, such as https://directory.example; without a slash at the end."""
        text = self.text(name, default).removesuffix("/")
        if not is_origin(text):
            self.problems.append(
                f"{name} is {text!r}, but has to look like https://directory.example, without a path."
            )
            return default
        return text

    def contact(self, name: str) -> str:
        """An address that begins with mailto: or https://, or nothing."""
        text = self.text(name)
        if not re.fullmatch(r"(mailto:[^\s@]+@[^\s@]+|https://\S+)?", text):
            self.problems.append(f"{name} has to begin with mailto: or https:// and be an address.")
            return ""
        return text

    def database(self, name: str) -> dict[str, Any] | None:
        """The parameters of a PostgreSQL address, or None where none is given."""
        text = self.text(name)
        if not text:
            return None
        wanted = (
            f"{name} is not a PostgreSQL address; it has to look like postgresql://user:password@host:5432/database."
        )
        try:
            parameters = conninfo_to_dict(text)
        except psycopg.ProgrammingError:  # whose message repeats the password
            self.problems.append(wanted)
            return None
        ports = str(parameters.get("port", "5432")).split(",")  # one for each of several hosts
        if not all(port.isdigit() and 0 < int(port) < 65536 for port in ports):
            self.problems.append(f"{wanted} Its port has to be a number up to 65535.")
            return None
        if not parameters.get("dbname"):
            self.problems.append(f"{wanted} It names no database.")
            return None
        return dict(parameters)


def is_origin(text: str) -> bool:
    """Whether a text is an http(s) origin and nothing more."""
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.username
    return bool(plain and port_is_fine and text == f"{parts.scheme}://{parts.netloc}" and " " not in text)


def is_sample_key(key: str) -> bool:
    """Whether a secret key is too short or plain, or copied from an example."""
    return len(key) < 50 or len(set(key)) < 10 or any(word in key.lower() for word in SAMPLE_WORDS)
