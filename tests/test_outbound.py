"""Nobody can send us where they like: which addresses we go to, how, for how long, and how much we read."""

import gzip
import socket
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import ssrfguard
from AntiSSRF import IPAddressRanges
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection

from directory.denied import is_denied
from directory.outbound import MOST_BYTES, Sender, Unreachable
from directory.targets import Refused, read_target
from tests.hosts import Host, host, make_certificate, reply, sender_to

URL = "http://shop.example:{}/"

# What an address has to look like


@pytest.mark.security(28)
@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://10pearls.com", "10pearls.com", 443, "/"),
        ("HTTPS://10Pearls.COM/Jobs?city=lahore&q=", "10pearls.com", 443, "/Jobs?city=lahore&q="),
        ("https://10pearls.com.:8443/", "10pearls.com", 8443, "/"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://پاکستان.example/", "xn--mgbai9azgqp6j.example", 443, "/"),
        ("https://ｓｈｏｐ。example/", "shop.example", 443, "/"),
        ("https://_dmarc.my-shop.example/", "_dmarc.my-shop.example", 443, "/"),
        ("https://0x7f000001/", "0x7f000001", 443, "/"),  # found out when it is resolved
    ],
)
def test_an_address_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    target = read_target(url)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.security(28)
@pytest.mark.parametrize(
    "url",
    [
        *("", "shop.example", "//shop.example/", "ftp://shop.example/", "javascript:alert(1)", "file:///etc/passwd"),
        *("http://shop.example/", "https://", "https:///x", "https://:443/", "https://shop..example/"),
        *("https://shop.example:80/", "https://shop.example:22/", "https://shop.example:99999/"),
        *("https://shop.example:0/", "https://shop.example:4-4/", "https://shop.example:-1/"),
        *("https://me@shop.example/", "https://me:secret@shop.example/", "https://@shop.example/"),
        *("https://shop.example/#a", "https://shop.example#@127.0.0.1/", "https://shop.example\\@127.0.0.1/"),
        *("https://shop.example/a b", "https://shop.example/\r\nHost: x", " https://shop.example/"),
        *(
            "https://shop\t.example/",
            "https://shop.example/\0",
            "https://shop.example/\u2028",
            "https://shop.example/\x85",
        ),
        *(
            "https://2130706433/",
            "https://127.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1/",
            "https://127.0.0.1./",
        ),
        *("https://①②⑦.⓪.⓪.①/", "https://１２７.0.0.1/", "https://٣.٣.٣.٣/", "https://8.8.8.8/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://[::1/"),
        *("https://%31%32%37.0.0.1/", "https://sh%6fp.example/", "https://-shop.example/", "https://shop-.example/"),
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 125 + "example/",
        "https://shop.example/\ud800",
        "https://\ud800.example/",
        "https://a\u200db.example/",
    ],
)
def test_an_address_is_refused_before_anybody_is_asked(url: str) -> None:
    asked: list[str] = []
    with pytest.raises(Refused):
        Sender(resolver=lambda host, port: asked.append(host) or []).send("GET", url)  # type: ignore[func-returns-value]
    assert asked == []


@pytest.mark.security(28)
def test_plain_http_is_for_who_asks_for_it_and_has_one_port() -> None:
    assert read_target("http://shop.example/", http=True).port == 80
    for url in ("http://shop.example:443/", "http://shop.example:8080/"):
        with pytest.raises(Refused):
            read_target(url, http=True)


# Which addresses are denied

DENIED = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 64:ff9b:1::808:808 100::1 100:0:0:1::1
    2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2002:808:808:: 3fff::1
    4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo febf::1 fec0::1 ff02::1
"""
NETWORKS = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
    192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    ::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10
    fec0::/10 ff00::/8
"""
ALLOWED = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255
    172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 203.0.112.255 223.255.255.255
    2606:4700:4700::1111 2a00:1450::1 2400:cb00::1 ::ffff:8.8.8.8 64:ff9b::808:808
"""
RECOMMENDED = [ip_network(network) for network in IPAddressRanges.recommended_latest]


def is_denied_by_oracles(address: str) -> bool:
    """By either; of what a translator reaches, one of them refuses all, so the other is asked alone."""
    if ssrfguard.DEFAULT_DENIED.classify(address).blocked:
        return True
    return not address.startswith("64:ff9b::") and any(ip_address(address) in network for network in RECOMMENDED)


@pytest.mark.security(30)
@pytest.mark.parametrize("address", DENIED.split())
def test_an_address_is_denied(address: str) -> None:
    assert is_denied(ip_address(address))


@pytest.mark.security(30)
@pytest.mark.parametrize("network", NETWORKS.split())
def test_a_network_is_denied_from_end_to_end(network: str) -> None:
    ends = ip_network(network)
    assert is_denied(ends[0])
    assert is_denied(ends[-1])


@pytest.mark.security(30)
@pytest.mark.parametrize("address", ALLOWED.split())
def test_an_address_is_allowed(address: str) -> None:
    assert not is_denied(ip_address(address))
    assert not is_denied_by_oracles(address)


ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    *(st.ip_addresses(network=network) for network in NETWORKS.split()),
    *(st.ip_addresses(network=network) for network in ("::ffff:0:0/96", "64:ff9b::/96", "2000::/3")),
)


@pytest.mark.security(30)
@given(ADDRESSES)
@example(ip_address("192.31.196.1"))
@example(ip_address("168.63.129.16"))
@example(ip_address("2620:4f:8000::1"))
def test_what_two_other_tables_deny_is_denied(address: Any) -> None:
    assert is_denied(address) or not is_denied_by_oracles(str(address))


@pytest.mark.security(30)
def test_the_servers_own_addresses_are_denied() -> None:
    own = [ip_network("8.8.8.0/24"), ip_network("2a00:1450::/32")]
    for address in ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a00:1450::1"):
        assert is_denied(ip_address(address), own)
    with pytest.raises(Refused):
        Sender(resolver=lambda *_: ["8.8.8.8"], own=own).send("GET", "https://shop.example/")


# Where a name leads


@pytest.mark.security(29)
@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["1.1.1.1"] * 9 + ["::"]]
)
def test_one_denied_address_refuses_the_whole_name(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPConnection, "connect", lambda self: pytest.fail("it connects"))
    with pytest.raises(Refused):
        Sender(resolver=lambda *_: addresses).send("GET", "https://shop.example/")


@pytest.mark.security(28)
@pytest.mark.parametrize("name", ["localhost", "0x7f000001", "127.0.0.0x1"])
def test_a_name_of_this_machine_is_refused_once_it_is_resolved(name: str) -> None:
    """By the system's own resolver."""
    with host(reply()) as trap, pytest.raises((Refused, Unreachable)):
        Sender().send("GET", f"https://{name}/")
    assert trap.seen == []


@pytest.mark.security(31)
def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the system answers with the allowed address, and from then on with the trap's."""
    system = socket.getaddrinfo
    asked: list[str] = []

    def rebinding(name: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if name != "shop.example":
            return system(name, port, *rest, **options)
        asked.append(name)
        return system("127.0.0.2" if len(asked) == 1 else "127.0.0.1", port, *rest, **options)

    with host(reply(body=b"shop"), address="127.0.0.2") as shop, host(reply(), port=shop.port) as trap:
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        sender = Sender(local_servers={shop.server})
        assert sender.send("GET", URL.format(shop.port), http=True).body == b"shop"
        assert asked == ["shop.example"]
        with pytest.raises(Refused):
            sender.send("GET", URL.format(shop.port), http=True)
    assert trap.seen == []
    assert len(shop.seen) == 1


@pytest.mark.security(29)
def test_four_addresses_are_tried_and_no_fifth(monkeypatch: pytest.MonkeyPatch) -> None:
    with host(reply(), address="127.0.0.5") as last:
        closed = [Host(f"127.0.0.{n}", last.port) for n in range(1, 5)]
        assert sender_to(*closed[1:], last).send("GET", URL.format(last.port), http=True).status == 200
        with pytest.raises(Unreachable, match="takes no connection"):
            sender_to(*closed, last).send("GET", URL.format(last.port), http=True)
        assert len(last.seen) == 1


def test_a_name_without_an_address_and_a_resolver_that_hangs() -> None:
    ended = threading.Event()
    with pytest.raises(Unreachable, match="no address"):
        sender_to().send("GET", "https://shop.example/")
    sender = Sender(total_seconds=0.05, resolver=lambda *_: [str(ended.wait(60))])
    with pytest.raises(Unreachable, match="no address"):
        sender.send("GET", "https://shop.example/")
    ended.set()


# Whom we speak to


@pytest.mark.security(29)
def test_the_certificate_is_the_names(tmp_path: Path) -> None:
    """It is asked for by its name, says who it is, and gets that name as Host."""
    certificate = make_certificate(tmp_path, "shop.example")
    with host(reply(body=b"hello"), certificate=certificate) as shop:
        url = f"https://shop.example:{shop.port}/jobs?q=1"
        headers = {"Host": "bank.example", "X-Id": "7"}
        answer = sender_to(shop, authority=str(certificate)).send("GET", url, headers=headers)
        assert (answer.status, answer.body) == (200, b"hello")
        [(method, path, sent)] = shop.seen
        assert (method, path, sent["Host"], sent["X-Id"]) == ("GET", "/jobs?q=1", f"shop.example:{shop.port}", "7")
        assert "http://127.0.0.1:8000/" in sent["User-Agent"]


@pytest.mark.security(29)
@pytest.mark.parametrize(
    ("name", "days", "is_trusted"),
    [("bank.example", 1, True), ("127.0.0.1", 1, True), ("shop.example", -1, True), ("shop.example", 1, False)],
    ids=["another's", "of the address", "expired", "of nobody we know"],
)
def test_a_certificate_that_proves_nothing_is_the_end(tmp_path: Path, name: str, days: int, is_trusted: bool) -> None:
    certificate = make_certificate(tmp_path, name, valid_days=days)
    with host(reply(), certificate=certificate) as shop:
        sender = sender_to(shop, authority=str(certificate) if is_trusted else None)
        with pytest.raises(Unreachable, match="certificate"):
            sender.send("GET", f"https://shop.example:{shop.port}/")
    assert shop.seen == []


def test_plain_http_where_tls_is_due_is_no_answer() -> None:
    with host(reply()) as shop, pytest.raises(Unreachable, match="TLS"):
        sender_to(shop).send("GET", f"https://shop.example:{shop.port}/")


@pytest.mark.security(32)
def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with host(reply()) as proxy, host(reply(body=b"shop")) as shop:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")
        assert sender_to(shop).send("GET", URL.format(shop.port), http=True).body == b"shop"
    assert proxy.seen == []


@pytest.mark.security(32)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    with host(reply()) as trap:
        place = f"http://127.0.0.1:{trap.port}/"
        with host(reply(status, location=place)) as shop:
            answer = sender_to(shop).send("GET", URL.format(shop.port), http=True)
    assert (answer.status, answer.headers["Location"]) == (status, place)
    assert trap.seen == []


def test_a_body_is_sent() -> None:
    bodies = []

    def keep(request: BaseHTTPRequestHandler) -> None:
        bodies.append(request.rfile.read(int(request.headers["Content-Length"])))
        reply(204)(request)

    with host(keep) as shop:
        assert sender_to(shop).send("POST", URL.format(shop.port), body=b"{}", http=True).status == 204
    assert bodies == [b"{}"]


# How much, and for how long


@pytest.mark.security(32)
def test_a_huge_body_is_read_in_part() -> None:
    with host(reply(body=b"x" * (8 * 1024 * 1024))) as shop:
        answer = sender_to(shop).send("GET", URL.format(shop.port), http=True)
    assert answer.body == b"x" * MOST_BYTES


@pytest.mark.security(32)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_gzip_bomb_is_unpacked_in_part(layers: int) -> None:
    bomb = b"\0" * (64 * 1024 * 1024)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    with host(reply(body=bomb, content_encoding=", ".join(["gzip"] * layers))) as shop:
        tracemalloc.start()
        answer = sender_to(shop).send("GET", URL.format(shop.port), http=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(answer.body) <= MOST_BYTES
    assert set(answer.body) == {0}
    assert peak < 4 * 1024 * 1024


def drip(request: BaseHTTPRequestHandler, *, headers_end: bool) -> None:
    """A byte now and then, for ever: each of them in time."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: " + (b"\r\n\r\n" if headers_end else b""))
    while not threading.Event().wait(0.01):
        request.wfile.write(b"x")


def say_nothing(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(1)  # until it gives up


@pytest.mark.parametrize(
    "answer",
    [lambda r: drip(r, headers_end=False), lambda r: drip(r, headers_end=True), say_nothing],
    ids=["headers", "body", "silence"],
)
@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
def test_the_whole_is_over_in_time(tmp_path: Path, answer: Any, is_tls: bool) -> None:
    certificate = make_certificate(tmp_path, "shop.example") if is_tls else None
    with host(answer, certificate=certificate) as shop:
        sender = sender_to(shop, total_seconds=0.3, authority=str(certificate) if certificate else None)
        with pytest.raises(Unreachable, match="in time"):
            sender.send("GET", f"http{'s' * is_tls}://shop.example:{shop.port}/", http=True)
    assert len(shop.seen) == 1


def test_a_handshake_that_never_ends_is_over_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = Host("127.0.0.1", silent.getsockname()[1])
        with pytest.raises(Unreachable):
            sender_to(there, connect_seconds=0.1).send("GET", f"https://shop.example:{there.port}/")


@pytest.mark.parametrize(
    "answer", [b"", b"\0" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
def test_what_is_no_answer_in_http_is_told(answer: bytes) -> None:
    def say(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)

    with host(say) as shop, pytest.raises(Unreachable, match="HTTP"):
        sender_to(shop).send("GET", URL.format(shop.port), http=True)


# This machine, for who tries out


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached_at_any_port_by_who_is_told_so(name: str) -> None:
    with host(reply(204)) as shop:
        url = f"http://{name}:{shop.port}/hooks"
        assert Sender(loopback=True).send("POST", url, http=True).status == 204
        assert shop.seen[0][2]["Host"] == f"{name}:{shop.port}"
        with pytest.raises(Refused):
            Sender().send("POST", url, http=True)
    assert len(shop.seen) == 1
    assert read_target("http://[::1]:8080/", http=True, loopback=True).authority == "[::1]:8080"


@pytest.mark.security(30)
@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://shop.example/", "127.0.0.1"),
        ("http://shop.example/", "10.0.0.1"),
        ("http://localhost/", "192.168.1.1"),
        ("http://shop.example:8080/", "8.8.8.8"),
        ("http://127.0.0.2:8080/", "127.0.0.2"),
        ("http://10.0.0.1/", "10.0.0.1"),
        ("http://169.254.169.254/", "169.254.169.254"),
    ],
)
def test_nothing_else_is_reached_by_who_may_reach_this_machine(
    url: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HTTPConnection, "connect", lambda self: pytest.fail("it connects"))
    with pytest.raises(Refused):
        Sender(resolver=lambda *_: [address], loopback=True).send("GET", url, http=True)
