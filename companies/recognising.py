"""Recognising: what somebody gives who means a company is an id, a slug, an address, an identifier or a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.text import slugify

from companies.facts import Facts
from companies.hosts import own_domain
from companies.identifiers import Scheme, check_identifier
from companies.models import Company
from companies.text import squash
from directory.api.addresses import decoded, why_missing
from directory.api.vocabulary import vocabulary_of
from directory.api.words import words_of
from directory.models import SLUG_PATTERN, is_id
from directory.websites import suffixes
from hubs.models import Hub

# A page of a register or a network → the last part of its address is the company's identifier.
PAGES = {
    Scheme.LINKEDIN: re.compile(r"(?i)^(?:[a-z]{2,3}\.)?linkedin\.com/company/([^/?#]+)"),
    Scheme.WIKIDATA: re.compile(r"(?i)^(?:m\.)?wikidata\.org/(?:wiki|entity)/(Q[0-9]+)\b"),
    Scheme.GITHUB: re.compile(r"(?i)^github\.com/([^/?#]+)/?$"),
}
# “NTN: 1234567-8”, “secp:0012345”; without the colon only where a number follows.
PREFIXED = re.compile(
    r"(?i)^(secp|cuin|ntn|pseb|p@sha|pasha|lei|wikidata|linkedin|github)(?::\s*|\s+(?=\S*\d))(\S+)$"
)
SYNONYMS = {"cuin": Scheme.SECP, "p@sha": Scheme.PASHA}
# What needs no prefix; seven digits may be a number of either register.
BARE = (
    (re.compile(r"^[0-9]{7}$"), (Scheme.SECP, Scheme.NTN)),
    (re.compile(r"^[0-9A-Z][0-9]{6}-[0-9]$"), (Scheme.NTN,)),
    (re.compile(r"^[A-Z][0-9]{6}$"), (Scheme.NTN,)),
    (re.compile(r"^[0-9A-Z]{18}[0-9]{2}$"), (Scheme.LEI,)),
    (re.compile(r"^Q[1-9][0-9]*$"), (Scheme.WIKIDATA,)),
    (re.compile(r"^(?=.*[0-9])[A-Z][A-Z0-9-]*/[A-Z0-9/-]+$"), (Scheme.PSEB,)),
)
LOWER = {Scheme.LINKEDIN, Scheme.GITHUB}
WEB = re.compile(r"(?i)^https?://")
HOST = re.compile(r"^[\w-]+(?:\.[\w-]+)+(?::[0-9]+)?(?:[/?#]\S*)?$")
OURS = re.compile(r"^/(?:api/v1/companies|companies|id)/([^/]+)/?$")
PLACED = re.compile(r"^(?P<name>.*\S)(?:\s*,\s*|\s+in\s+)(?P<place>[^,]+)$", re.IGNORECASE)

Places = Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """What an input is: the id or slug of a company, or facts that tell of one, in each way that they may be read.

    ``is_key`` says that they are nothing but a key, which belongs to whoever has it; ``why`` why it can be nothing.
    """

    by: str
    pk: int = 0
    slug: str = ""
    facts: tuple[Facts, ...] = ()
    is_key: bool = False
    why: str = ""

    def knowing(self, **more: Any) -> Asked:
        """The same with more facts."""
        known = tuple(replace(facts, **more) for facts in self.facts or (Facts(),))
        return replace(self, facts=known, is_key=not any(facts.name for facts in known))


def recognise(texts: Sequence[str], revision: int, *, slugs: bool = True) -> list[Asked]:
    """What each of ``texts`` is; ``slugs`` says whether one that looks like a slug is one, where there is such."""
    tidy = [squash(text) for text in texts]
    places = hubs_of([place for text in tidy if (place := placed(text)[1])], revision)
    return [recognise_one(text, places, slugs=slugs) for text in tidy]


def recognise_one(text: str, places: Places, *, slugs: bool) -> Asked:
    if asked := by_id(text) or by_own_address(text) or by_identifier(text) or by_website(text):
        return asked
    facts = (named(text, places),)
    _, place = placed(text)
    if "," in text and place and place not in places:
        return Asked("name", facts=facts, why=f"“{place}” is no place of the directory")
    if slugs and len(text) <= 80 and re.search(SLUG_PATTERN, text):
        return Asked("slug", slug=text, facts=facts)
    return Asked("name", facts=facts)


def by_id(text: str) -> Asked | None:
    kind_number, pk = decoded(text)
    if kind_number == Company.kind_number:
        return Asked("id", pk=pk)
    return Asked("id", why=why_missing(Company, text.lower())) if is_id(text.lower()) else None


def by_own_address(text: str) -> Asked | None:
    """The address of a company at ours."""
    try:
        parts = urlsplit(text)
        own = urlsplit(settings.SITE_URL)
        found = OURS.search(parts.path) if parts.netloc and parts.netloc == own.netloc else None
    except ValueError:
        return None
    return (by_id(found[1]) or Asked("slug", slug=found[1].lower())) if found else None


def by_identifier(text: str) -> Asked | None:
    page = WEB.sub("", text).removeprefix("www.")
    for scheme, pattern in PAGES.items():
        if found := pattern.search(page):
            return identified(scheme, unquote(found[1]))
    if found := PREFIXED.search(text):
        word = found[1].lower()
        asked = identified(SYNONYMS.get(word) or Scheme(word), found[2])
        if asked.facts or ":" in text:
            return asked
    for pattern, schemes in BARE:
        if pattern.search(text) and not all(check_identifier(scheme, text) for scheme in schemes):
            facts = tuple(Facts(identifiers=frozenset([(scheme.value, text)])) for scheme in schemes)
            return Asked(schemes[0].value, facts=facts, is_key=True)
    return None


def identified(scheme: Scheme, raw: str) -> Asked:
    value = normal_identifier(scheme, raw)
    if wrong := check_identifier(scheme, value):
        return Asked(scheme.value, why=wrong)
    return Asked(scheme.value, facts=(Facts(identifiers=frozenset([(scheme.value, value)])),), is_key=True)


def normal_identifier(scheme: str, raw: str) -> str:
    """An identifier as registers write it."""
    return raw.strip().lower() if scheme in LOWER else raw.strip().upper()


def by_website(text: str) -> Asked | None:
    if not (WEB.search(text) or (HOST.search(text) and is_host(text))) or " " in text:
        return None
    website = with_scheme(text)
    domain = own_domain(website)
    if not domain:
        return Asked("domain", why="Anybody may have a page there: it is nobody’s own domain.")
    return Asked("domain", facts=(Facts(website=website),), is_key=True)


def is_host(text: str) -> bool:
    """Whether it begins with a name that could be registered: not “Node.js”."""
    return bool(suffixes(re.split(r"[/?#:]", text)[0]).top_domain_under_public_suffix)


def with_scheme(website: str) -> str:
    return website if WEB.search(website) else f"https://{website}"


def placed(text: str) -> tuple[str, str]:
    """(name, place) of “Devsinc, Lahore” and “Devsinc in Lahore”; no place where there is none."""
    found = PLACED.search(text)
    return (found["name"], found["place"]) if found else (text, "")


def named(text: str, places: Places) -> Facts:
    """The facts of a name, without the place behind it if that is one of our hubs."""
    name, place = placed(text)
    return Facts(name=name, hub=places[place]) if place in places else Facts(name=text)


def described(given: Sequence[Mapping[str, object]], revision: int) -> list[Asked]:
    """What objects tell of: ``name``, ``hub`` by any of its names, ``website``, ``identifiers`` as pairs."""
    places = hubs_of([squash(str(one["hub"])) for one in given if one.get("hub")], revision)
    return [described_one(one, places) for one in given]


def described_one(given: Mapping[str, object], places: Places) -> Asked:
    name, hub, website = (squash(str(given.get(field) or "")) for field in ("name", "hub", "website"))
    identifiers: frozenset[tuple[str, str]] = given.get("identifiers") or frozenset()  # type: ignore[assignment]
    # A place that we have no hub for is another place than any that we have.
    facts = Facts(
        name=name,
        website=with_scheme(website) if website else "",
        hub=places.get(hub, slugify(hub) or hub),
        identifiers=identifiers,
    )
    by = "name" if name else min(scheme for scheme, _ in identifiers) if identifiers else "domain"
    return Asked(by, facts=(facts,), is_key=not name)


def hubs_of(places: Iterable[str], revision: int) -> dict[str, str]:
    """Place → the slug of the hub that it is a name of, where there is one."""
    different = list(dict.fromkeys(places))
    if not different:
        return {}
    words = vocabulary_of(Hub, revision).words
    found = {place: words.get("".join(said)) for place, said in zip(different, words_of(different), strict=True)}
    return {place: slug for place, slug in found.items() if slug}
