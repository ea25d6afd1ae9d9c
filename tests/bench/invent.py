"""Companies that nobody founded: names of the starter directory's words, plausible facts, realistic gaps."""

from __future__ import annotations

import csv
import datetime
import random
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.utils.text import slugify

from companies.models import Company, Credential, Identifier, Industry, Office, Source, Specialty
from hubs.models import Hub, Program

EMPLOYEES = [(1, 10), (2, 10), (11, 50), (51, 200), (201, 500), (501, 1000), (500, None), (1001, 5000), (5000, None)]
RATES = [(10, 20), (15, 25), (20, 30), (25, 49), (30, 50), (50, 99), (75, None), (100, 149)]
MARKETS = ["US", "GB", "AE", "SA", "CA", "AU", "DE", "QA", "NL", "SG", "NO", "SE", "OM", "KW", "MY", "JP", "KE", "ZA"]
TOP_LEVEL = ["com", "com", "com", "pk", "com.pk", "io", "net", "co", "tech"]
CREDENTIALS = [
    *(("certification", name, "ISO") for name in ("ISO 9001", "ISO 27001", "ISO 20000-1", "ISO 27701")),
    *(("certification", f"CMMI Level {level}", "CMMI Institute") for level in (2, 3, 5)),
    *(("partnership", f"{vendor} Partner", vendor) for vendor in ("Microsoft", "AWS", "Google Cloud", "Oracle")),
    ("membership", "P@SHA member", "P@SHA"),
]
FACTS = ["website", "founded_year", "employees", "hub", "specialties", "industries", "operating_status"]
CUSTOMERS = ["banks", "exporters", "hospitals", "schools", "retailers", "farms", "telecom operators"]
SENTENCES = [
    "Founded by engineers of a local university, it works for customers at home and abroad.",
    "Its teams take over a product from the first sketch to operation and support.",
    "Most of its revenue comes from long-standing customers in North America, Europe and the Gulf.",
    "It trains fresh graduates in a programme of six months and hires most of them.",
    "The company maintains its own platform, which is used by small businesses all over the country.",
    "It keeps a quality department of its own and publishes what it learns from each project.",
]
FIRST_CREATED = datetime.datetime(2012, 1, 1, tzinfo=datetime.UTC)
LAST_CREATED = datetime.datetime(2026, 6, 30, tzinfo=datetime.UTC)
# A prime, so that the names of neighbouring numbers have nothing in common and none comes twice.
STRIDE = 7_368_787


def starter(name: str) -> list[dict[str, str]]:
    """The rows of one file of the starter directory."""
    with (settings.BASE_DIR / "starter" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Zipf:
    """Picks of which the n-th is 1/n as frequent as the first."""

    def __init__(self, population: Sequence[Any]) -> None:
        self.population = population
        self.weights = list(accumulate(1 / rank for rank in range(1, len(population) + 1)))

    def pick(self, rng: random.Random, most: int) -> list[Any]:
        """Up to ``most`` different ones, in the order in which they were picked."""
        return list(dict.fromkeys(rng.choices(self.population, cum_weights=self.weights, k=most)))


class Names:
    """Two beginnings of real companies' names and one of their endings: “Zepto Karwan Softwares”."""

    def __init__(self) -> None:
        names = [re.findall(r"\w{3,}", row["name"]) for row in starter("companies")]
        # Of words that look alike in an address only one, so that two names never share a slug.
        self.beginnings, self.endings = (
            list({slugify(words[at]): words[at] for words in names if words and "_" not in words[at]}.values())
            for at in (0, -1)
        )

    def name(self, number: int) -> str:
        rest = number * STRIDE % (len(self.beginnings) ** 2 * len(self.endings))
        rest, ending = divmod(rest, len(self.endings))
        first, second = divmod(rest, len(self.beginnings))
        return f"{self.beginnings[first]} {self.beginnings[second]} {self.endings[ending]}"


class Inventor:
    """Invents companies number 1, 2, 3 … of ``total``: each the same whenever it is asked for."""

    def __init__(self, total: int) -> None:
        self.total, self.names, self.markets = total, Names(), Zipf(MARKETS)
        self.hubs, self.specialties, self.industries, self.programs = (
            Zipf(list(model._default_manager.order_by("pk"))) for model in (Hub, Specialty, Industry, Program)
        )

    def company(self, number: int) -> tuple[Company, dict[str, list[Any]]]:
        """An unsaved company and its related objects, as if they had been prefetched."""
        rng = random.Random(number)
        often = lambda share: rng.random() < share  # noqa: E731
        name = self.names.name(number)
        slug = slugify(name)
        specialties = self.specialties.pick(rng, rng.choice((0, 1, 2, 3, 3, 4, 5, 6)))
        employees = rng.choice(EMPLOYEES) if often(0.6) else (None, None)
        rates = rng.choice(RATES) if often(0.35) else (None, None)
        domain = f"{slug}.{rng.choice(TOP_LEVEL)}" if often(0.75) else ""
        company = Company(
            id=number,
            slug=slug,
            name=name,
            legal_name=f"{name} (Pvt.) Ltd." if often(0.6) else "",
            aliases=[name.split()[0].upper()] if often(0.08) else [],
            kind=rng.choices(("startup", "established", ""), (35, 40, 25))[0],
            operating_status=rng.choices(("active", "acquired", "closed", ""), (60, 3, 4, 33))[0],
            summary=summary(specialties, rng) if often(0.7) else "",
            description=" ".join(rng.sample(SENTENCES, rng.randint(2, 4))) if often(0.4) else "",
            website=f"https://{rng.choice(('www.', ''))}{domain}/" if domain else "",
            domain=domain,
            founded_year=int(rng.triangular(1985, 2027, 2021)) if often(0.65) else None,
            employees_min=employees[0],
            employees_max=employees[1],
            hourly_rate_min=rates[0],
            hourly_rate_max=rates[1],
            hub=self.hubs.pick(rng, 1)[0] if often(0.92) else None,
            export_markets=self.markets.pick(rng, rng.randint(1, 5)) if often(0.4) else [],
            women_led=rng.choices((True, False, None), (6, 24, 70))[0],
            research_and_development=rng.choices((True, False, None), (10, 20, 70))[0],
            verified_on=day(rng) if often(0.3) else None,
            status=rng.choices(("published", "draft"), (98, 2))[0],
            created_at=FIRST_CREATED + (LAST_CREATED - FIRST_CREATED) * ((number + rng.random()) / (self.total + 1)),
        )
        return company, {
            "specialties": specialties,
            "industries": self.industries.pick(rng, rng.choice((0, 1, 1, 2))),
            "programs": self.programs.pick(rng, 2) if often(0.04) else [],
            "offices": [
                Office(company_id=number, hub=hub, address=f"{rng.randint(1, 400)} Main Road")
                for hub in (self.hubs.pick(rng, 2) if often(0.2) else ())
            ],
            "credentials": list(credentials(number, rng)) if often(0.15) else [],
            "identifiers": list(identifiers(number, slug, rng)),
            "sources": list(sources(number, slug, rng)),
        }


def day(rng: random.Random) -> datetime.date:
    return datetime.date(2019, 1, 1) + datetime.timedelta(days=rng.randrange(2700))


def summary(specialties: list[Specialty], rng: random.Random) -> str:
    what = " and ".join(specialty.name for specialty in specialties[:2]) or "Software"
    return f"{what} for {rng.choice(CUSTOMERS)} and {rng.choice(CUSTOMERS)}."


def credentials(number: int, rng: random.Random) -> Iterator[Credential]:
    for kind, name, issuer in dict.fromkeys(rng.choices(CREDENTIALS, k=2)):
        start = day(rng) if rng.random() < 0.6 else None
        end = start + datetime.timedelta(days=3 * 365) if start else None
        yield Credential(company_id=number, kind=kind, name=name, issuer=issuer, valid_from=start, valid_until=end)


def identifiers(number: int, slug: str, rng: random.Random) -> Iterator[Identifier]:
    for share, scheme, value in ((0.2, "secp", f"{number:07d}"), (0.4, "linkedin", slug)):
        if rng.random() < share:
            yield Identifier(company_id=number, scheme=scheme, value=value)


def sources(number: int, slug: str, rng: random.Random) -> Iterator[Source]:
    for source in range(rng.choice((1, 1, 2))):
        yield Source(
            company_id=number,
            reference=f"https://register{rng.randint(1, 40)}.example/{source}/{slug}",
            facts=rng.sample(FACTS, rng.randint(0, 3)),
            seen_on=day(rng) if rng.random() < 0.7 else None,
        )
