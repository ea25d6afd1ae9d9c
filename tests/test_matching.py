"""Matching: who is the same is found, who is not is left alone, and what a machine acts on is beyond doubt.

``matches.csv`` holds pairs as sources write them, and some made up, each labelled: one company or two. The rules were
corrected by what they got wrong in one half only; the labels of both are by who wrote the rules.
"""

import csv
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from companies.hosts import own_domain
from companies.judging import judge
from companies.match_keys import asked, keys_of
from companies.matching import Certainty, Facts, Match, Matcher, candidates_of, find
from companies.merging import merge_companies
from companies.models import Company, Identifier
from companies.spelling import Likeness, abbreviates, compare, differ_by_a_slip, slip_keys, spell
from hubs.models import Hub
from tests import factories as make

PRECISION, RECALL, PRECISION_OF_CERTAIN = 0.98, 0.9, 0.995


def facts_of(row: dict[str, str], end: str) -> Facts:
    return Facts(
        name=row[f"name_{end}"],
        legal_name=row[f"legal_name_{end}"],
        aliases=tuple(filter(None, row[f"aliases_{end}"].split(";"))),
        website=row[f"website_{end}"],
        hub=row[f"hub_{end}"],
        identifiers=frozenset(tuple(i.split(":")) for i in row[f"identifiers_{end}"].split(";") if i),  # type: ignore[misc]
    )


ROWS = list(csv.DictReader((settings.BASE_DIR / "tests" / "matches.csv").read_text().splitlines()))
PAIRS = [(facts_of(row, "a"), facts_of(row, "b"), row["answer"] == "same", row["half"]) for row in ROWS]


def matched(one: Facts, *others: Facts) -> list[Match]:
    matcher = Matcher()
    for pk, other in enumerate(others, start=1):
        matcher.add(pk, other)
    return matcher.match(one)


@pytest.mark.complaint(26)
@pytest.mark.parametrize("half", ["develop", "report"])
def test_matches_are_right(half: str) -> None:
    found = [(is_same, match) for one, other, is_same, of in PAIRS if of == half for match in matched(one, other)]
    certain = [is_same for is_same, match in found if match.certainty == Certainty.CERTAIN]
    same = sum(is_same for _, _, is_same, of in PAIRS if of == half)
    assert sum(is_same for is_same, _ in found) / len(found) >= PRECISION
    assert sum(is_same for is_same, _ in found) / same >= RECALL
    assert sum(certain) / len(certain) >= PRECISION_OF_CERTAIN
    assert len(certain) >= same / 2


def test_there_are_enough_pairs_of_both_kinds() -> None:
    answers = [row["answer"] for row in ROWS]
    assert len(answers) >= 300
    assert set(answers) == {"same", "different"}
    assert 0.4 <= answers.count("different") / len(answers) <= 0.6


def test_it_does_not_matter_which_of_two_is_asked_about() -> None:
    for one, other, *_ in PAIRS:
        there, back = matched(one, other), matched(other, one)
        assert [(m.certainty, m.score) for m in there] == [(m.certainty, m.score) for m in back]


A = Facts("Devsinc", website="https://devsinc.com/", hub="lahore")


@pytest.mark.parametrize(
    ("one", "other", "certainty", "reason"),
    [
        (A, replace(A, hub="karachi"), "certain", "the same domain, devsinc.com"),
        (A, replace(A, name="Zamtech"), "possible", "the same domain, devsinc.com"),
        (A, replace(A, website=""), "certain", "the same name: “Devsinc”"),
        (
            A,
            replace(A, website="https://devsinc.pk/"),
            "certain",
            "domains that are alike, devsinc.com and devsinc.pk",
        ),
        (A, replace(A, website="https://dsi.pk/"), "possible", "but other domains, devsinc.com and dsi.pk"),
        (A, replace(A, website="", hub="karachi"), "possible", "but other hubs, lahore and karachi"),
        (A, replace(A, website="", hub=""), "possible", "the same name: “Devsinc”"),
        (A, Facts("Devsincc", hub="lahore"), "possible", "the same name but for a letter: “Devsinc” and “Devsincc”"),
        (
            Facts("Zed", identifiers=frozenset([("secp", "0012345")])),
            Facts("Yes", identifiers=frozenset([("secp", "0012345")])),
            "certain",
            "the same SECP (CUIN), 0012345",
        ),
        (
            Facts("Zed", identifiers=frozenset([("linkedin", "zed")])),
            Facts("Yes", identifiers=frozenset([("linkedin", "zed")])),
            "possible",
            "the same LinkedIn, zed",
        ),
        (
            replace(A, identifiers=frozenset([("secp", "0012345")])),
            replace(A, identifiers=frozenset([("secp", "0054321")])),
            "possible",
            "but other numbers of SECP (CUIN)",
        ),
        (
            Facts("Softvalley", hub="lahore"),
            Facts("Soft Valley Technologies", hub="lahore"),
            "possible",
            "but for a word",
        ),
        (Facts("Zed", website="https://lumen.pk/"), Facts("Lumen"), "possible", "a domain named like it, lumen.pk"),
    ],
)
def test_what_says_that_two_are_one(one: Facts, other: Facts, certainty: str, reason: str) -> None:
    [match] = matched(one, other)
    assert match.certainty == certainty
    assert reason in " ".join(match.reasons)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cubix", "Cubix IT"),
        ("IT Genesis", "IT Genesis Lab"),
        ("Jazz", "JazzCash"),
        ("Systems Limited", "Systems Logics"),
        ("Alpha Solutions", "AlphaGen"),
        ("Alpha Solutions", "AlphaSquad"),
        ("Bohra Developers", "Bohra Tech"),
        ("D & G", "D"),
        ("Tech 360", "Tech 365"),
    ],
)
def test_neighbours_are_not_one(one: str, other: str) -> None:
    assert not matched(Facts(one, hub="lahore"), Facts(other, hub="lahore"))


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.careers.10pearls.com/jobs", "10pearls.com"),
        ("https://pms.net.pk/", "pms.net.pk"),
        ("https://kps.komatsu/", "kps.komatsu"),
        *((f"https://{host}/", "") for host in (
            "www.facebook.com", "web.facebook.com", "google.com", "sites.google.com", "kodrz.vercel.app",
            "vercel.app", "iq.blogspot.com", "www.fiverr.com", "pk.linkedin.com", "instagram.com",
            "saad.wixsite.com", "0000000000.com", "example.com", "zed.github.io",
        )),
        ("", ""),
        ("not an address", ""),
    ],
)  # fmt: skip
def test_only_ones_own_domain_counts(website: str, domain: str) -> None:
    assert own_domain(website) == domain


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("Arbisoft (Pvt.) Ltd.", "ARBISOFT", Likeness.SAME),
        ("Adal Fintech (SMC-Private) Limited", "Adal Fintech", Likeness.SAME),
        ("Devsinc - Best Software House in Lahore", "Devsinc", Likeness.SAME),
        ("Afiniti Karachi", "Afiniti", Likeness.SAME),
        ("Pure Logics", "PureLogics", Likeness.SAME),
        ("M/s Wavetec", "Wavetec", Likeness.SAME),
        ("Café Soft", "Cafe Soft", Likeness.SAME),
        ("ايوانزا", "ایوانزا", Likeness.SAME),
        ("!!!", "!!!", Likeness.SAME),
        ("Biafo Technologies", "Biafo Tech", Likeness.CLOSE),
        ("Six Flicks", "6Flicks", Likeness.CLOSE),
        ("Glowing Technologes", "Glowing Technologies", Likeness.CLOSE),
        ("Contour", "Contour Software", Likeness.SHORTER),
        ("Bazzar Technologies", "Bazaar Technologies", Likeness.SLIP),
        ("IT Solutions", "IT Solution", Likeness.GENERIC),
        ("Software House", "Software House", Likeness.GENERIC),
        ("Systems Limited", "Systems Ltd.", Likeness.SAME),
        ("Zong", "Zang", Likeness.NONE),
        ("KAZ Technologies", "PAZ Technologies", Likeness.NONE),
    ],
)
def test_how_alike_names_are(one: str, other: str, likeness: Likeness) -> None:
    assert compare(spell(one), spell(other)) == compare(spell(other), spell(one)) == likeness


def test_abbreviations() -> None:
    assert abbreviates("baritechsol", ("baris", "technology", "solutions"))
    assert abbreviates("art", ("al", "rehman", "technologies"))
    assert not abbreviates("at", ("al", "rehman", "technologies"))
    assert not abbreviates("a" * 60, ("a" * 30, "a" * 30, "b"))


# Promises

LETTERS = "abcdeé1 &-.()|"
NAMES = st.one_of(
    st.lists(
        st.sampled_from(["Alpha", "Tech", "Solutions", "Pvt.", "Ltd.", "-", "Software", "House", "Lahore", "The"]),
        min_size=1,
        max_size=5,
    ).map(" ".join),
    st.text(LETTERS, min_size=1, max_size=12),
    st.text(min_size=1, max_size=8),
).filter(lambda name: name.strip())
WEBSITES = st.sampled_from(["", "https://alpha.com/", "https://alpha.pk/", "https://facebook.com/x", "http://["])
IDENTIFIERS = st.sampled_from([("secp", "0012345"), ("ntn", "1234567-8"), ("ntn", "1234567"), ("linkedin", "alpha")])
FACTS = st.builds(
    Facts,
    name=NAMES,
    legal_name=st.one_of(st.just(""), NAMES),
    aliases=st.lists(NAMES, max_size=2).map(tuple),
    website=WEBSITES,
    hub=st.sampled_from(["", "lahore", "karachi"]),
    identifiers=st.frozensets(IDENTIFIERS, max_size=2),
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=8))
def test_a_company_is_what_it_is(directory: list[Facts]) -> None:
    matcher = Matcher()
    for pk, facts in enumerate(directory):
        matcher.add(pk, facts)
    for pk, facts in enumerate(directory):
        found = matcher.match(facts, limit=10)
        assert pk in [match.pk for match in found]
        assert all(0 < match.score <= 1 and match.reasons for match in found)


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.lists(FACTS, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_in_which_companies_come_does_not_matter(directory: list[Facts], shuffled: random.Random) -> None:
    numbered = list(enumerate(directory))
    one, other = Matcher(), Matcher()
    for pk, facts in numbered:
        one.add(pk, facts)
    shuffled.shuffle(numbered)
    for pk, facts in numbered:
        other.add(pk, facts)
    assert all(one.match(facts) == other.match(facts) for facts in directory)


@hypothesis_settings(max_examples=200, deadline=None)
@given(FACTS, FACTS)
def test_no_key_is_missing(one: Facts, other: Facts) -> None:
    """The matcher looks only at companies that share a key: those who are alike do."""
    assert matched(one, other) == [match for match in [judge(one, other, 1)] if match]


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.text("abc", min_size=6, max_size=9), st.text("abc", min_size=6, max_size=9))
def test_a_slip_leaves_a_key_intact(one: str, other: str) -> None:
    if differ_by_a_slip(one, other):
        assert slip_keys(one, lengths=1) & slip_keys(other)


# Against the database


WORDS = (
    "Zorvex",
    "kalix soft",
    "technologies",
    "the",
    "and",
    "on",
    "Pvt. Ltd.",
    "brand",
    "karachi",
    "c++",
    ".net",
    " - ",
)
PIECES = st.sampled_from([*WORDS, *"a1-(): |/,'&®é–"])


@pytest.mark.django_db
@hypothesis_settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=6).map(" ".join), max_size=12))
def test_names_are_looked_for_by_the_keys_of_the_index(names: list[str]) -> None:
    lists = [[name] for name in names] + [names]
    assert list(map(set, keys_of(lists))) == list(map(set, asked(lists)))


def make_directory(all_facts: Iterable[Facts]) -> None:
    """A draft of each, as an import leaves them; they may share a domain."""
    known = list(dict.fromkeys(all_facts))
    slugs = sorted({facts.hub for facts in known if facts.hub})
    place = {"province": "PK-PB", "latitude": 31.5, "longitude": 74.3}
    hubs = {hub.slug: hub for hub in Hub.objects.bulk_create(Hub(name=slug, slug=slug, **place) for slug in slugs)}
    made = Company.objects.bulk_create(
        Company(
            slug=f"c-{number}",
            name=facts.name,
            legal_name=facts.legal_name,
            aliases=list(facts.aliases),
            website=facts.website,
            hub=hubs.get(facts.hub),
            shares_domain=True,
        )
        for number, facts in enumerate(known)
    )
    identifiers = {
        number: company for company, facts in zip(made, known, strict=True) for number in facts.identifiers
    }
    Identifier.objects.bulk_create(
        Identifier(company=company, scheme=scheme, value=value) for (scheme, value), company in identifiers.items()
    )


@pytest.fixture(scope="module")
def directory(shared_rows: None) -> Matcher:
    """The right-hand sides of all pairs, in the database and in memory."""
    make_directory(other for _, other, *_ in PAIRS)
    matcher = Matcher()
    for company in Company.objects.for_matching():
        matcher.add(company.pk, Facts.of(company))
    return matcher


@pytest.mark.django_db
def test_the_database_finds_what_the_matcher_finds(directory: Matcher) -> None:
    for one, *_ in PAIRS[::6]:
        assert find(one) == directory.match(one)


@pytest.mark.django_db
def test_a_company_finds_others_than_itself(directory: Matcher) -> None:
    company = Company.objects.for_matching().get(name="TechnoLyte Software House", website__contains="technolyte")
    facts = Facts.of(company)
    assert find(facts)[0].pk == company.pk
    others = [directory.facts[match.pk].name for match in find(facts, exclude=company.pk)]
    assert "zAmtech Software House" in others


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow(directory: Matcher) -> None:
    """Identifiers, domain, who is called so, who nearly is; then the companies and their identifiers."""
    facts = Facts(
        "Softix Technologies", "Softix (Pvt.) Ltd.", ("Softex",), "https://softix.com.pk/", "lahore",
        frozenset([("secp", "0012345"), ("ntn", "1234567-8")]),
    )  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        assert find(facts)
    assert len(queries) == 6


@pytest.mark.django_db
def test_each_query_is_answered_by_an_index(directory: Matcher) -> None:
    facts = Facts(
        "Softix Technologies", website="https://softix.com.pk/", identifiers=frozenset([("ntn", "1234567")])
    )
    plans: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for wanted in (facts, replace(facts, website="")):
        with CaptureQueriesContext(connection) as queries:
            candidates_of([wanted])
        with connection.cursor() as cursor:
            for query in queries.captured_queries:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
    tables = [plan for plan in plans if "companies_" in plan]
    assert len(tables) == 8
    assert not [plan for plan in tables if "Index" not in plan or "Seq Scan" in plan]


@pytest.mark.django_db
def test_who_was_merged_is_nobody_by_itself() -> None:
    keep, drop = make.make_company("Cubix"), make.make_company("Zed Soft")
    assert [match.pk for match in find(Facts("Zed Soft", hub="lahore"))] == [drop.pk]
    merge_companies(keep=keep, drop=drop, choices={}, by=None)
    assert [match.pk for match in find(Facts("Zed Soft", hub="lahore"))] == [keep.pk]
