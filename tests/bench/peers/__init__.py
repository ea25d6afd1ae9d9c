"""What the lists are compared with: the same page of the same companies, served by others' programs."""

from tests.bench.peers.datasette import Datasette
from tests.bench.peers.ninja import Ninja
from tests.bench.peers.peer import Peer

PEERS: list[type[Peer]] = [Datasette, Ninja]
