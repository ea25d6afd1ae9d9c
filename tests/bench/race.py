"""The list beside its peers: first pages of the same queries, in the same rounds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson
from tqdm import tqdm

from tests.bench import wrk
from tests.bench.load import LIST, REPEATED_PATHS
from tests.bench.peers import PEERS, Peer
from tests.bench.subjects import Subject
from tests.bench.wrk import Rounds

OURS = "this directory"
BATCH = 70  # queries of each server in a round


@dataclass(frozen=True)
class Racer:
    """A server under load: first on new queries, then on the same ones again and again."""

    name: str
    note: str
    first: Rounds = field(default_factory=Rounds)
    repeated: Rounds = field(default_factory=Rounds)


def measure(subject: Subject, queries: Sequence[dict[str, str]], rounds: int, compared: int) -> list[Racer]:
    """Ours and each peer's rounds, ours first; a round of warming up comes before. Nothing where there is no peer.

    Of ``compared`` queries it is asserted that all name the same companies.
    """
    if not PEERS:
        return []
    racers = [Racer(OURS, ""), *(Racer(peer.name, peer.note) for peer in PEERS)]
    with ExitStack() as stack:
        peers = [stack.enter_context(peer(subject)) for peer in PEERS]
        asked = shared(queries, peers)
        compare(subject, peers, asked[:compared])
        ports = [subject.port, *(peer.port for peer in peers)]
        for number in tqdm(range(rounds + 1), desc="Peers", unit="round"):
            batch = asked[number * BATCH : (number + 1) * BATCH]
            subject.get("/bench/forget/")
            turn = number % len(ports)
            for at in [*range(turn, len(ports)), *range(turn)]:
                paths = [query[at] for query in batch]
                first = wrk.ask(ports[at], paths, once=True)
                repeated = wrk.ask(ports[at], paths[:REPEATED_PATHS], once=False)
                if number:
                    racers[at].first.add(first)
                    racers[at].repeated.add(repeated)
    return racers


def shared(queries: Sequence[dict[str, str]], peers: Sequence[Peer]) -> list[Sequence[str]]:
    """The mix's first pages that everybody can be asked for: for each query ours and each peer's path."""
    found: list[Sequence[str]] = []
    for query in queries:
        asked = dict(parse_qsl(query["list"]))
        paths = [peer.path(asked) for peer in peers]
        if "cursor" not in asked and None not in paths:
            found.append([f"{LIST}?{query['list']}", *(path for path in paths if path)])
    return found


def compare(subject: Subject, peers: Sequence[Peer], asked: Sequence[Sequence[str]]) -> None:
    """Assert that all answer with the same companies in the same order."""
    for path, *others in tqdm(asked, desc="Comparing with peers", unit="query"):
        slugs = [company["slug"] for company in orjson.loads(subject.get(path))["results"]]
        for peer, other in zip(peers, others, strict=True):
            assert peer.slugs(peer.get(other)) == slugs, f"{peer.name} does not find the same: {path}"
