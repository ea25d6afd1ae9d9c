"""Which addresses of the internet nobody may send us to.

Our own table, from IANA's special-purpose registries and what they leave out. `ipaddress.is_global` is not enough: it
answers whether an address is routed, and 64:ff9b::7f00:1, which is, leads to 127.0.0.1 behind a translator.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # what a machine at Azure is run by
        "169.254.0.0/16",  # this link; the clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112, where questions about private addresses end
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
# All that is handed out to hosts. What lies outside is denied as a whole: ::/96, ::1, 100::/64, 5f00::/16, fc00::/7,
# fe80::/10, fec0::/10, ff00::/8, the translators' 64:ff9b:1::/48, and what has no meaning yet.
UNICAST_IPV6 = IPv6Network("2000::/3")
DENIED_IPV6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, tunnels among them: Teredo, ORCHID, benchmarks, AS112
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: any IPv4 address, and deprecated, so that no public one is missed by it
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
# Whose last 32 bits are the IPv4 address that is reached in the end.
TRANSLATED = [
    IPv6Network("::ffff:0:0/96"),  # as this machine itself writes IPv4
    IPv6Network("64:ff9b::/96"),  # a translator's: how a server with IPv6 alone reaches the rest
]


def is_denied(address: Address, own: Collection[Network] = ()) -> bool:
    """Whether nobody may send us to ``address``; ``own`` are the server's own networks, public ones too."""
    if any(address in network for network in own):
        return True
    if isinstance(address, IPv4Address):
        return any(address in network for network in DENIED_IPV4)
    if address.scope_id:
        return True
    if any(address in network for network in TRANSLATED):
        return is_denied(IPv4Address(int(address) & 0xFFFFFFFF), own)
    return address not in UNICAST_IPV6 or any(address in network for network in DENIED_IPV6)
